"""HTTP server side: health, metrics, mounted routes, and errors as problem details (RFC 9457) with their stable code.

| path       | answer                                                                                  |
|------------|-----------------------------------------------------------------------------------------|
| `/livez`   | 200 while a restart would not help, else 503; JSON `status`, `reason`                    |
| `/readyz`  | 200 while the service answers every request, else 503; JSON `status`, `reason`           |
| `/metrics` | the Prometheus exposition                                                                |

An error of the router (unknown path, wrong method) has the name of its status as code, such as METHOD_NOT_ALLOWED.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import uvicorn
from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rx_runtime.errors import DependencyUnavailable, InvalidInput, NotFound, RefusedToRun, RxGuardError
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import REGISTRY, counter, histogram

STATUS: Mapping[type[RxGuardError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    DependencyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusedToRun: HTTPStatus.CONFLICT,
}
"""Status of an error by its class; of every other class 500."""

PROBLEM_JSON = "application/problem+json"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MAX_CONNECTIONS = 100
log = get_logger()


def listen(address: str) -> socket.socket:
    """Return a TCP socket bound to host:port (port 0 = any free one). Raises OSError if the address is not free."""
    host, _, port = address.rpartition(":")
    family, kind, protocol, _, where = socket.getaddrinfo(
        host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError:
        bound.close()
        raise
    return bound


class HttpServer:
    """A server on a bound socket, which it closes when it stops.

    It answers from `start` on, before the service is ready. Routes may be mounted at any time.
    """

    def __init__(self, bound: socket.socket, grace_seconds: float) -> None:
        self._socket = bound
        self._not_ready: str | None = "STARTING"  # the reason; None while ready
        self._not_live: str | None = None
        self._mounted = {"/livez", "/readyz", "/metrics"}
        self._app = Starlette(
            routes=[
                Route("/livez", self._livez),
                Route("/readyz", self._readyz),
                Route("/metrics", _Metrics()),
            ],
            exception_handlers={RxGuardError: _refusal, HTTPException: _http_error, Exception: _defect},
        )
        config = uvicorn.Config(
            _Measured(self._app, self._mounted),
            loop="none",
            http="h11",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # `_Measured` sets it, so that no timer runs
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=int(grace_seconds),
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    def mount(self, path: str, routes: Sequence[BaseRoute]) -> None:
        """Serve `routes` below `path`, such as `/worklist`; metrics are labelled with `path`.

        Raises ValueError if `path` does not begin with a slash or is mounted already.
        """
        if not path.startswith("/") or path.endswith("/") or path in self._mounted:
            raise ValueError(f"cannot mount routes at {path}")
        self._app.router.routes.append(Mount(path, routes=routes))
        self._mounted.add(path)

    def set_ready(self, reason: str | None) -> None:
        """Answer `/readyz` with 200 (None), or with 503 and an UPPER_SNAKE reason."""
        self._not_ready = reason

    def set_live(self, reason: str | None) -> None:
        """Answer `/livez` with 200 (None), or with 503 and an UPPER_SNAKE reason."""
        self._not_live = reason

    async def start(self, on_end: Callable[[asyncio.Task[None]], None] | None = None) -> str:
        """Accept connections; return host:port as bound. `on_end` is called when the server has stopped or failed."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]), name="http")
        if on_end:
            self._serving.add_done_callback(on_end)
        host, port, *_ = self._socket.getsockname()
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110  # uvicorn sets no event
            await asyncio.sleep(0)
        return f"{host}:{port}"

    def begin_stop(self) -> None:
        """Start to stop, without waiting."""
        self._server.stopping.set()

    async def stop(self) -> None:
        """Refuse new connections and wait for running requests, at most the grace period. Never raises."""
        self.begin_stop()
        if self._serving:
            await asyncio.wait([self._serving])
        self._socket.close()

    async def _livez(self, _request: Request) -> Response:
        return _health("live", self._not_live)

    async def _readyz(self, _request: Request) -> Response:
        return _health("ready", self._not_ready)


class _Server(uvicorn.Server):
    """uvicorn within the running loop: without signal handlers, which the service has, and without polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections:
            await super().shutdown(sockets)
        for server in self.servers:  # without connections there is nothing to wait for
            server.close()


class _Metrics:
    """The Prometheus exposition as an ASGI endpoint; a plain function would be called with a Request."""

    def __init__(self) -> None:
        self._app = cast("ASGIApp", make_asgi_app(REGISTRY))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Measured:
    """Count and time every request, and log a defect once. Labels are mounted paths, never the path of a request."""

    def __init__(self, app: ASGIApp, mounted: set[str]) -> None:
        self._app = app
        self._mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        route = next((path for path in self._mounted if f"{scope['path']}/".startswith(f"{path}/")), "other")

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": [*message.get("headers", ()), (b"date", formatdate(usegmt=True).encode())],
                }
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        except Exception:
            log.exception("http_request_failed", route=route)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            counter("rx_http_requests_total").labels(route=route, method=method, code=str(status)).inc()
            histogram("rx_http_duration_seconds").labels(route=route).observe(time.monotonic() - started)


def _health(what: str, reason: str | None) -> Response:
    if reason is None:
        return JSONResponse({"status": what})
    return JSONResponse({"status": f"not_{what}", "reason": reason}, HTTPStatus.SERVICE_UNAVAILABLE)


def problem(status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem of RFC 9457 with the extension member `code`, the stable code of the error."""
    content = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, "code": code}
    return JSONResponse(content, status, headers, media_type=PROBLEM_JSON)


async def _refusal(_request: Request, error: Exception) -> Response:
    refused = cast("RxGuardError", error)
    status = STATUS.get(type(refused), HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(status, refused.code, refused.message)


async def _http_error(_request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    status = HTTPStatus(refused.status_code)
    return problem(status, status.name, refused.detail, refused.headers)


async def _defect(_request: Request, _error: Exception) -> Response:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "a defect in the service; its log names the place")
