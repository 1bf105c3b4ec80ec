"""gRPC server side: health, reflection, and errors as status with their stable code."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from rx_runtime.errors import DependencyUnavailable, InvalidInput, InvalidSettings, NotFound, RefusedToRun, RxGuardError
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, histogram

LIVENESS = "liveness"
"""Health checks of this service name report whether the process makes progress, ready or not."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message in both directions; receipts and histories of one patient stay far below it."""

REASON = "rx-reason"
"""Trailing metadata of a failed call: the stable code of the error."""

STATUS: Mapping[type[RxGuardError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    DependencyUnavailable: grpc.StatusCode.UNAVAILABLE,
    RefusedToRun: grpc.StatusCode.FAILED_PRECONDITION,
}
"""Status of an error by its class; of every other class INTERNAL."""

log = get_logger()
Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[Any, Context], Awaitable[Any]]
MaybeHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"  # generic only in the stubs


class ErrorsAsStatus(grpc.aio.ServerInterceptor):
    """Interceptor that maps an RxGuardError to its status; details and metadata `rx-reason` hold its code."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MaybeHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MaybeHandler:
        """Wrap unary methods; pass streaming ones (reflection) unchanged."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            _answering(cast("Handler", handler.unary_unary), handler_call_details.method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _answering(method: Handler, name: str) -> Handler:
    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
        started = time.monotonic()
        status = grpc.StatusCode.OK
        try:
            return await method(request, context)
        except RxGuardError as error:
            status = STATUS.get(type(error), grpc.StatusCode.INTERNAL)
            await context.abort(status, str(error), ((REASON, error.code),))
        except grpc.aio.AbortError:
            raise
        except Exception:
            status = grpc.StatusCode.INTERNAL
            log.exception("grpc_method_failed", method=name)
            await context.abort(status, "INTERNAL: a defect in the service; its log names it")
        finally:
            counter("rx_grpc_requests_total").labels(method=name, code=status.name).inc()
            histogram("rx_grpc_duration_seconds").labels(method=name).observe(time.monotonic() - started)

    return answer


class GrpcServer:
    """Server with health and reflection. Register servicers on `server`, announce them with `serves`, then start."""

    def __init__(self, address: str) -> None:
        self.server = grpc.aio.server(
            interceptors=[ErrorsAsStatus()],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )
        self._address = address
        self._health = health.aio.HealthServicer()
        self._services = ["", health.SERVICE_NAME]
        self._serving = False

    def serves(self, service: str) -> None:
        """Announce the full name of a service to health checks and reflection."""
        self._services.append(service)

    async def start(self) -> str:
        """Listen; return host:port as bound. Raises InvalidSettings ADDRESS_NOT_FREE."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.server)
        reflection.enable_server_reflection(
            [name for name in self._services if name] + [reflection.SERVICE_NAME], self.server
        )
        try:
            port = self.server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise InvalidSettings(
                "ADDRESS_NOT_FREE", f"cannot listen on {self._address}; set RXGUARD_GRPC_ADDRESS to a free one"
            ) from error
        await self.set_serving(self._serving)  # the library would report the server itself as ready
        await self.set_live(True)
        await self.server.start()
        return f"{self._address.rpartition(':')[0]}:{port}"

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Set the answer to health checks of every service: SERVING or NOT_SERVING."""
        self._serving = serving
        for service in self._services:
            await self._health.set(service, _status(serving))

    async def set_live(self, live: bool) -> None:  # noqa: FBT001  # as above
        """Set the answer to health checks of `liveness`: SERVING or NOT_SERVING."""
        await self._health.set(LIVENESS, _status(live))

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls and wait for running ones, at most `grace_seconds`."""
        await self.server.stop(grace_seconds)


def _status(serving: bool) -> health_pb2.HealthCheckResponse.ServingStatus.ValueType:  # noqa: FBT001  # a state
    return health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
