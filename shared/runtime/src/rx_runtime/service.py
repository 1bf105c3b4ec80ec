"""The life of a service process: start, ready, stop, and an exit code that says why it ended."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import grpc
import uvloop
from prometheus_client import start_http_server

from rx_runtime.errors import DependencyUnavailable, ExitCode, InvalidSettings, RxGuardError
from rx_runtime.grpc_server import GrpcServer
from rx_runtime.settings import ServiceSettings, load
from rx_runtime.telemetry.logs import configure, get_logger
from rx_runtime.telemetry.metrics import REGISTRY, expose, gauge

_STOP_GRACE_SECONDS = 5.0
log = get_logger()
S = TypeVar("S", bound=ServiceSettings)


class Runtime(Generic[S]):
    """What a service's bootstrap works with while the process lives."""

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings
        self.stopping = asyncio.Event()
        self._server = GrpcServer(settings.grpc_address)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def grpc(self) -> grpc.aio.Server:
        """The server to register servicers on, before `start` yields."""
        return self._server.server

    def serves(self, service: str) -> None:
        """Name a service that is registered on `grpc`."""
        self._server.serves(service)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` for the life of the process; if it raises, the process ends with the exit code of the error."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def set_ready(self, ready: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Tell health checks and metrics whether the service answers in full."""
        gauge("rx_service_ready").set(ready)
        log.info("ready" if ready else "not_ready")
        await self._server.set_serving(ready)

    async def set_live(self, live: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Tell health checks of the service `liveness` whether a restart is due."""
        await self._server.set_live(live)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if error := task.exception():
            self._failure = self._failure or error
            self.stopping.set()

    async def live(self, start: "Start[S]") -> None:
        """Start, serve until `stopping` is set or a task fails, stop; raises what failed."""
        async with start(self):
            address = await self._server.start()
            log.info("listening", grpc=address)
            await self.stopping.wait()
            await self.set_ready(False)
            await self._server.stop(_STOP_GRACE_SECONDS)
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failure:
            raise self._failure


Start = Callable[[Runtime[S]], AbstractAsyncContextManager[None]]
"""What a service's bootstrap offers: set up, yield while the service lives, tear down."""


def main(name: str, model: type[S], start: Start[S]) -> int:
    """Run a service with its settings from the environment; returns the exit code (see `errors`)."""
    try:
        settings = load(model)
    except InvalidSettings as error:
        configure(name, "info")
        log.error("stopped_by_error", code=error.code, reason=error.message)  # noqa: TRY400  # the message says all
        return error.exit_code
    return run(name, settings, start)


def run(name: str, settings: S, start: Start[S]) -> int:
    """Run a service in this process until it is asked to stop; returns the exit code (see `errors`)."""
    configure(name, settings.log_level)
    expose(name)
    # Half of what a small batch costs is the loop. By the policy, for the loop in Faust's fetching thread too.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    host, _, port = settings.metrics_address.rpartition(":")
    try:
        start_http_server(int(port), addr=host, registry=REGISTRY)
        return asyncio.run(_run(name, settings, start))
    except OSError as error:
        log.error("cannot_listen", metrics=settings.metrics_address, error=error.strerror)  # noqa: TRY400  # no defect
        return ExitCode.SETTINGS


async def _run(name: str, settings: S, start: Start[S]) -> ExitCode:
    runtime = Runtime(name, settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stopping.set)
    log.info("starting", pid=os.getpid())
    try:
        await runtime.live(start)
    except RxGuardError as error:
        log.error("stopped_by_error", code=error.code, reason=error.message)  # noqa: TRY400  # the message says all
        return error.exit_code
    except ConnectionError as error:
        log.error("dependency_lost", error=type(error).__name__)  # noqa: TRY400  # no defect of ours
        return DependencyUnavailable.exit_code
    except Exception:
        log.exception("crashed")
        return ExitCode.CRASHED
    log.info("stopped")
    return ExitCode.STOPPED
