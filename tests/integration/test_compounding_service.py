"""The compounding service as a process: a plan over gRPC, health, and a graceful end."""

import asyncio
import json
import os
import signal
import sys

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pharmacy.compounding.v1 import compounding_pb2, compounding_pb2_grpc


@pytest.fixture(scope="module")
async def service():
    """Address of a running service, which ends when asked to and says so."""
    settings = {"RXGUARD_KAFKA": "127.0.0.1:1", "RXGUARD_PSEUDONYM_KEY": "5a" * 32}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rx_compounding", env=os.environ | settings, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        while "grpc" not in (event := json.loads(await child.stderr.readline())):
            pass
    yield event["grpc"]
    child.send_signal(signal.SIGTERM)
    await child.communicate()
    assert child.returncode == 0


async def test_a_plan_is_answered_as_plain_decimal_text(service):
    async with grpc.aio.insecure_channel(service) as channel:
        answer = await compounding_pb2_grpc.CompoundingServiceStub(channel).PlanBatch(
            compounding_pb2.PlanBatchRequest(
                strength_mg="4.5", quantity=90, excess_pct="3", mean_tablet_weight_mg="170", fill_weight_mg="200"
            )
        )

    assert (answer.batch_quantity, answer.tablets_exact, answer.tablets_whole) == (93, "8.37", 9)
    assert (answer.powder_mg, answer.powder_waste_mg, answer.waste_active_mg) == ("1422.9", "107.1", "31.5")
    assert (answer.filler_mg, answer.blend_strength_pct) == ("17177.1", "2.25")
    assert (answer.potency_low_mg, answer.potency_high_mg) == ("4.05", "4.95")
    assert list(answer.sources) == ["GK", "NTX1", "SEED0", "SEED2", "STAB1"]


async def test_what_is_not_measured_yet_stays_empty(service):
    async with grpc.aio.insecure_channel(service) as channel:
        answer = await compounding_pb2_grpc.CompoundingServiceStub(channel).PlanBatch(
            compounding_pb2.PlanBatchRequest(strength_mg="1.5", quantity=30, excess_pct="5")
        )

    assert (answer.tablets_exact, answer.tablets_whole) == ("0.96", 1)
    assert (answer.powder_mg, answer.powder_waste_mg, answer.waste_active_mg) == ("", "", "")
    assert (answer.filler_mg, answer.blend_strength_pct) == ("", "")


async def test_a_wrong_field_is_answered_with_its_stable_code(service):
    async with grpc.aio.insecure_channel(service) as channel:
        stub = compounding_pb2_grpc.CompoundingServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.PlanBatch(compounding_pb2.PlanBatchRequest(strength_mg=".5", quantity=30, excess_pct="0"))

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert ("rx-reason", "STRENGTH_MG_NOT_A_NUMBER") in tuple(refused.value.trailing_metadata())


async def test_health_names_the_service(service):
    async with grpc.aio.insecure_channel(service) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="pharmacy.compounding.v1.CompoundingService")
        )

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
