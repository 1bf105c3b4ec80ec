"""Wire the service: the only module that knows both the handlers and the adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pharmacy.compounding.v1 import compounding_pb2_grpc
from rx_runtime import service
from rx_runtime.service import Runtime
from rx_runtime.telemetry.metrics import counter

from rx_compounding.adapters.catalogue import shipped_figures
from rx_compounding.adapters.grpc import SERVICE, CompoundingServicer
from rx_compounding.settings import CompoundingSettings


def main() -> int:
    """Run the service; returns its exit code."""
    return service.main("compounding", CompoundingSettings, start)


@asynccontextmanager
async def start(runtime: Runtime[CompoundingSettings]) -> AsyncIterator[None]:
    """Serve while the block lasts; the service depends on no server."""
    servicer = CompoundingServicer(
        shipped_figures(), lambda outcome: counter("rx_compounding_plans_total").labels(outcome=outcome).inc()
    )
    compounding_pb2_grpc.add_CompoundingServiceServicer_to_server(servicer, runtime.grpc)
    runtime.serves(SERVICE)
    await runtime.set_ready(True)
    yield
