"""Run a service process: start, ready, stop, and an exit code that says why it ended."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import grpc
import uvloop

from rx_runtime.errors import DependencyUnavailable, ExitCode, InvalidSettings, RxGuardError
from rx_runtime.grpc_server import GrpcServer
from rx_runtime.http_server import HttpServer, listen
from rx_runtime.kafka import aiokafka_patches
from rx_runtime.settings import ServiceSettings, load
from rx_runtime.telemetry.logs import configure, get_logger
from rx_runtime.telemetry.metrics import expose, gauge

_STOP_GRACE_SECONDS = 5.0
log = get_logger()
S = TypeVar("S", bound=ServiceSettings)


class Runtime(Generic[S]):
    """What a service's bootstrap works with while the process lives: its settings, servers and background tasks."""

    def __init__(self, name: str, settings: S, http: HttpServer) -> None:
        self.name = name
        self.settings = settings
        self.http = http
        self.stopping = asyncio.Event()
        self._server = GrpcServer(settings.grpc_address)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def grpc(self) -> grpc.aio.Server:
        """Return the server to register servicers on, before `start` yields."""
        return self._server.server

    def serves(self, service: str) -> None:
        """Announce a service that is registered on `grpc` to health checks and reflection."""
        self._server.serves(service)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` for the life of the process; if it raises, the process ends with the exit code of the error."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def set_ready(self, ready: bool, reason: str = "NOT_READY") -> None:  # noqa: FBT001  # a state, not an option
        """Report to health checks and metrics whether the service answers every request.

        `reason` is UPPER_SNAKE; `/readyz` shows it while the service is not ready.
        """
        gauge("rx_service_ready").set(ready)
        log.info("ready" if ready else "not_ready")
        self.http.set_ready(None if ready else reason)
        await self._server.set_serving(ready)

    async def set_live(self, live: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Report to health checks (`/livez`, gRPC service `liveness`) whether a restart is due."""
        self.http.set_live(None if live else "NO_PROGRESS")
        await self._server.set_live(live)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if error := task.exception():
            self._failure = self._failure or error
            self.stopping.set()

    async def live(self, start: "Start[S]") -> None:
        """Start, serve until `stopping` is set or a task fails, stop; raise what failed."""
        http = await self.http.start(self._ended)
        try:
            await self._serve(start, http)
        finally:
            await self.http.stop()
        if self._failure:
            raise self._failure

    async def _serve(self, start: "Start[S]", http: str) -> None:
        async with start(self):
            address = await self._server.start()
            log.info("listening", grpc=address, http=http)
            await self.stopping.wait()
            await self.set_ready(False, "STOPPING")
            self.http.begin_stop()  # beside what follows
            await self._server.stop(_STOP_GRACE_SECONDS)
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


Start = Callable[[Runtime[S]], AbstractAsyncContextManager[None]]
"""What a service's bootstrap provides: set up, yield while the service lives, tear down."""


def main(name: str, model: type[S], start: Start[S]) -> int:
    """Run a service with its settings from the environment until it is asked to stop.

    Returns the exit code (see `errors`).
    """
    try:
        settings = load(model)
    except InvalidSettings as error:
        configure(name, "info")
        log.error("stopped_by_error", code=error.code, reason=error.message)  # noqa: TRY400  # the message is complete
        return error.exit_code
    configure(name, settings.log_level)
    expose(name)
    # uvloop halves the cost of a small batch. Set as the policy, so that Faust's fetching thread uses it too.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    aiokafka_patches.apply()  # before Faust makes connections of its own
    try:
        bound = listen(settings.metrics_address)
    except OSError as error:
        log.error("cannot_listen", metrics=settings.metrics_address, error=error.strerror)  # noqa: TRY400  # no defect
        return ExitCode.SETTINGS
    return asyncio.run(_run(name, settings, start, bound))


async def _run(name: str, settings: S, start: Start[S], bound: socket.socket) -> ExitCode:
    runtime = Runtime(name, settings, HttpServer(bound, _STOP_GRACE_SECONDS))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stopping.set)
    log.info("starting", pid=os.getpid())
    try:
        await runtime.live(start)
    except RxGuardError as error:
        log.error("stopped_by_error", code=error.code, reason=error.message)  # noqa: TRY400  # the message is complete
        return error.exit_code
    except ConnectionError as error:
        log.error("dependency_lost", error=type(error).__name__)  # noqa: TRY400  # not a defect of ours
        return DependencyUnavailable.exit_code
    except Exception:
        log.exception("crashed")
        return ExitCode.CRASHED
    log.info("stopped")
    return ExitCode.STOPPED
