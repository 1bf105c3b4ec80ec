"""What probes hear from a server: not ready until the service says so, alive from the start."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rx_runtime.grpc_server import LIVENESS, GrpcServer


@pytest.fixture
async def server():
    started = GrpcServer("127.0.0.1:0")
    started.address = await started.start()
    yield started
    await started.stop(0)


async def is_serving(server, service=""):
    async with grpc.aio.insecure_channel(server.address) as channel:
        asked = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(asked)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_server_is_alive_and_not_ready_until_its_service_says_so(server):
    assert await is_serving(server, LIVENESS)
    assert not await is_serving(server)
    await server.set_serving(True)
    assert await is_serving(server)


async def test_a_process_that_does_not_get_on_is_told_apart_from_one_that_is_not_ready(server):
    await server.set_serving(True)
    await server.set_live(False)
    assert await is_serving(server)
    assert not await is_serving(server, LIVENESS)


async def test_a_service_may_be_ready_before_its_server_listens():
    early = GrpcServer("127.0.0.1:0")
    await early.set_serving(True)
    early.address = await early.start()
    assert await is_serving(early)
    await early.stop(0)
