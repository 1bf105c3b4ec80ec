"""The interaction service as a process: it asks a prescription service over gRPC, answers, and never guesses."""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pharmacy.events.v1 import event_pb2
from pharmacy.interactions.v1 import interactions_pb2, interactions_pb2_grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_contracts.wire.times import instant, timestamp

SUPPLY_START = datetime(2026, 3, 1, 9, tzinfo=UTC)
HAND_OVER = datetime(2026, 4, 10, 9, tzinfo=UTC)
PATIENT = prescriptions_pb2.PatientRef(namespace="demo", value="methadone-patient")


class Prescriptions(prescriptions_pb2_grpc.PrescriptionServiceServicer):
    """Serves one methadone fill to everybody; can be slow."""

    delay_seconds = 0.0

    async def GetMedicationHistory(self, request, context):  # noqa: ARG002, N802  # as the proto says
        await asyncio.sleep(self.delay_seconds)
        newest = timestamp(SUPPLY_START)
        methadone = event_pb2.Medicine(
            text="methadone 10 mg", coded=True, ingredients=["6813"], form_key="methadone_oral", days_supply="30"
        )
        event = event_pb2.Event(
            event_key=b"m" * 16,
            event_id="methadone-fill",
            source="demo",
            site_id="main-street",
            occurred=event_pb2.OccurredTime(earliest_time=newest, latest_time=newest),
            recorded_time=newest,
            medication_filled=event_pb2.Fill(medicine=methadone),
        )
        return prescriptions_pb2.GetMedicationHistoryResponse(
            history=prescriptions_pb2.MedicationHistory(
                events=[prescriptions_pb2.HistoryEvent(event=event)],
                known_since_time=timestamp(datetime(2025, 1, 1, tzinfo=UTC)),
                sources=[prescriptions_pb2.SourceFreshness(source="demo", newest_recorded_time=newest)],
            )
        )


@pytest.fixture
async def prescriptions():
    """A prescription service of the test's own: `stop` and `start` it, slow it down."""

    class Running:
        servicer = Prescriptions()
        port = 0
        server = None

        async def start(self):
            self.server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            prescriptions_pb2_grpc.add_PrescriptionServiceServicer_to_server(self.servicer, self.server)
            self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
            await self.server.start()

        async def stop(self):
            await self.server.stop(None)

    running = Running()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def channel(prescriptions):
    """A channel to an interaction service that asks this prescription service."""
    settings = {
        "RXGUARD_KAFKA": "127.0.0.1:1",
        "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        "RXGUARD_PRESCRIPTIONS_TARGET": f"127.0.0.1:{prescriptions.port}",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rx_interactions", env=os.environ | settings, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        while "grpc" not in (event := json.loads(await child.stderr.readline())):
            pass
    async with grpc.aio.insecure_channel(event["grpc"]) as channel:
        yield channel
    child.send_signal(signal.SIGTERM)
    await child.communicate()
    assert child.returncode == 0


def question(**changes):
    fields = {
        "patient": PATIENT,
        "ingredients": ["7243"],
        "form_key": "ntx_ldn",
        "text": "compounded LDN 4.5 mg",
        "daily_dose_mg": "4.5",
        "days_supply": "30",
        "hand_over_time": timestamp(HAND_OVER),
    }
    return interactions_pb2.CheckDispenseRequest(**fields | changes)


async def ask(channel, request, deadline_seconds=10):
    stub = interactions_pb2_grpc.InteractionServiceStub(channel)
    return await stub.CheckDispense(request, timeout=deadline_seconds)


async def healthy(channel, status):
    """Once health says so: the server tells every change."""
    request = health_pb2.HealthCheckRequest(service="pharmacy.interactions.v1.InteractionService")
    async with asyncio.timeout(20):
        async for answer in health_pb2_grpc.HealthStub(channel).Watch(request):
            if answer.status == status:
                return


async def test_a_dispense_inside_the_window_is_held_with_its_earliest_start_and_what_it_rests_on(channel):
    answer = await ask(channel, question())

    assert answer.answer == interactions_pb2.ANSWER_HOLD
    (finding,) = [finding for finding in answer.findings if finding.rule == "WR-02"]
    assert instant(finding.earliest_start_time) == SUPPLY_START + timedelta(days=30 + 14)
    assert answer.gaps
    assert instant(answer.history_known_since_time) == datetime(2025, 1, 1, tzinfo=UTC)
    assert [source.source for source in answer.sources] == ["demo"]
    assert answer.events_considered == 1
    assert "WR-02" in answer.coverage.rules_run
    assert answer.ruleset_seq >= 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hand_over_time": None}, "HAND_OVER_TIME_MISSING"),
        ({"patient": prescriptions_pb2.PatientRef(namespace="demo")}, "PATIENT_INVALID"),
        ({"patient": None}, "PATIENT_INVALID"),
        ({"daily_dose_mg": "NaN"}, "DOSE_NOT_A_NUMBER"),
        ({"daily_dose_mg": "0"}, "DOSE_OUT_OF_RANGE"),
        ({"days_supply": "-1"}, "DAYS_SUPPLY_OUT_OF_RANGE"),
        ({"route": "by mouth"}, "VALUE_NOT_ALLOWED"),
        ({"site_id": "nowhere"}, "UNKNOWN_SITE"),
        ({"ingredients": [], "form_key": "", "text": ""}, "MEDICINE_EMPTY"),
    ],
)
async def test_a_wrong_field_is_answered_with_its_stable_code(channel, changes, code):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(channel, question(**changes))

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert ("rx-reason", code) in tuple(refused.value.trailing_metadata())


async def test_without_the_prescription_service_it_is_unavailable_and_recovers_by_itself(channel, prescriptions):
    await healthy(channel, health_pb2.HealthCheckResponse.SERVING)
    await prescriptions.stop()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(channel, question())
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert refused.value.details().startswith("HISTORY_UNAVAILABLE")
    await healthy(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
    await prescriptions.start()
    await healthy(channel, health_pb2.HealthCheckResponse.SERVING)

    assert (await ask(channel, question())).answer == interactions_pb2.ANSWER_HOLD


async def test_the_deadline_of_the_caller_is_honoured(channel, prescriptions):
    await healthy(channel, health_pb2.HealthCheckResponse.SERVING)
    prescriptions.servicer.delay_seconds = 5
    started = asyncio.get_running_loop().time()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(channel, question(), deadline_seconds=0.5)

    assert asyncio.get_running_loop().time() - started < 2
    assert refused.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
