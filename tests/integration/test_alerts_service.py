"""The alert service as a process on the real servers: findings in, alerts out over gRPC and on the topic."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from pharmacy.events.v1 import finding_pb2
from pharmacy.prescriptions.v1.prescriptions_pb2 import PatientRef
from rx_contracts.wire.times import instant, timestamp
from rx_runtime.kafka import clients, topic_reader
from rx_runtime.pseudonym import pseudonym

pytestmark = pytest.mark.stack
START = datetime(2026, 4, 15, 17, 45, tzinfo=UTC)
REFERENCE = PatientRef(namespace="demo", value="methadone-patient")


class Process:
    """A running alert service and a client of it."""

    def __init__(self, child, address, channel):
        self.child = child
        self.address = address
        self.health = health_pb2_grpc.HealthStub(channel)
        self.alerts = alerts_pb2_grpc.AlertServiceStub(channel)

    async def listed(self, count, **query):
        """The alerts, once there are `count`."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.alerts.ListAlerts(alerts_pb2.ListAlertsRequest(**query))
                if len(answer.alerts) == count:
                    return list(answer.alerts)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(installation, **environment):
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rx_alerts",
        env=installation.environment("alerts") | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            address = None
            ready = False
            while not (address and ready):
                line = await child.stderr.readline()
                assert line, "the service ended before it was ready"
                event = json.loads(line)
                address = event.get("grpc", address)
                ready = ready or event["event"] == "ready"
        drain = asyncio.create_task(child.stderr.read())
        async with grpc.aio.insecure_channel(address) as channel:
            yield Process(child, address, channel)
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()
        await drain


@pytest.fixture
async def producer(stack):
    producer = clients.new_producer(stack.kafka, client_id="test")
    await clients.start(producer, stack.kafka)
    yield producer
    await producer.stop()


def patient_key(reference):
    key = bytes.fromhex("5a" * 32)
    return pseudonym(key, reference.namespace, reference.value)


def clash(rule="WR-02"):
    ldn = finding_pb2.Basis(
        role="antagonist", event_key=b"l" * 16, event_id="ldn-fill", source="demo", site_id="main-street",
        name="naltrexone", form_key="ntx_ldn", rx_number="RX9", fill_number="0",
    )  # fmt: skip
    methadone = finding_pb2.Basis(
        role="opioid", event_key=b"m" * 16, event_id="methadone-fill", source="demo", site_id="main-street",
        name="methadone", form_key="methadone_oral", rx_number="RX7", fill_number="2",
    )  # fmt: skip
    return finding_pb2.Finding(
        finding_id=rule.encode().ljust(16, b"."),
        rule=rule,
        family="withdrawal",
        severity="SEVERITY_CONTRAINDICATED",
        display="DISPLAY_INTERRUPTIVE",
        reason_codes=["LONG_HALF_LIFE"],
        anchor_key=ldn.event_key,
        anchor_event_id=ldn.event_id,
        active_from_time=timestamp(START),
        earliest_start_time=timestamp(START),
        text="Not before the earliest start.",
        basis=[ldn, methadone],
    )


async def publish(installation, producer, position, *findings, reference=REFERENCE, partition=0):
    patient = patient_key(reference)
    found = finding_pb2.FindingSet(
        patient=patient, ruleset_seq=1, ruleset_version="v1", position=position, findings=findings
    )
    topic = installation.topic("rx.findings.v1")
    await producer.send_and_wait(topic, key=patient, value=found.SerializeToString(), partition=partition)


async def published(installation):
    topic = installation.topic("rx.alerts.v1")
    records = await topic_reader.read_to_end(installation.kafka, topic, client_id="test")
    return [(record.key.decode(), json.loads(record.value)) for record in records]


async def test_a_finding_becomes_an_alert_over_grpc_and_on_the_topic(installation, producer):
    async with running(installation) as service:
        await publish(installation, producer, 7, clash())
        (alert,) = await service.listed(1, patient=REFERENCE)
        assert list(alert.lines) == [clash()]
        assert (alert.state, alert.kind) == (alerts_pb2.ALERT_STATE_OPEN, alerts_pb2.ALERT_KIND_ANTAGONIST_COURSE)
        assert instant(alert.earliest_start_time) == START
        assert alert.site_id == "main-street"
        answer = await service.alerts.GetAlert(alerts_pb2.GetAlertRequest(alert_id=alert.alert_id))
        assert answer.alert == alert
        await publish(installation, producer, 8)
        await service.listed(0, patient=REFERENCE)
        (resolved,) = await service.listed(1, states=[alerts_pb2.ALERT_STATE_RESOLVED])
        assert (resolved.alert_id, resolved.resolution) == (alert.alert_id, "BASIS_WITHDRAWN")

    opened, closed = await published(installation)
    assert opened[0] == closed[0] == alert.alert_id
    assert [opened[1]["type"], closed[1]["type"]] == ["rxguard.alert.opened.v1", "rxguard.alert.resolved.v1"]
    assert opened[1]["data"]["source_refs"][1] == {
        "source": "demo",
        "event_id": "methadone-fill",
        "site_id": "main-street",
        "rx_number": "RX7",
        "fill_number": "2",
    }
    assert service.child.returncode == 0


async def test_killed_in_the_middle_and_started_again_it_loses_nothing_and_doubles_nothing(installation, producer):
    patients = [PatientRef(namespace="demo", value=f"patient-{number}") for number in range(200)]
    async with running(installation, RXGUARD_MEMBER="alerts-0") as service:
        for position, reference in enumerate(patients):
            await publish(installation, producer, position, clash(), reference=reference, partition=position % 4)
            if position == 100:
                service.child.kill()
    async with running(installation, RXGUARD_MEMBER="alerts-0") as service:
        alerts = await service.listed(200, page_size=1000)
    assert len({alert.patient for alert in alerts}) == 200
    assert {key for key, _ in await published(installation)} == {alert.alert_id for alert in alerts}


async def test_a_record_that_is_no_finding_set_stops_the_service_instead_of_being_skipped(installation, producer):
    async with running(installation) as service:
        await producer.send_and_wait(installation.topic("rx.findings.v1"), key=b"x", value=b"\xff", partition=0)
        async with asyncio.timeout(30):
            assert await service.child.wait() == 5


async def test_it_answers_health_and_wrong_questions_with_a_stable_code(installation):
    async with running(installation) as service:
        health = await service.health.Check(health_pb2.HealthCheckRequest(service="pharmacy.alerts.v1.AlertService"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.alerts.ListAlerts(alerts_pb2.ListAlertsRequest(page_size=1001))
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await service.alerts.GetAlert(alerts_pb2.GetAlertRequest(alert_id=str(UUID(int=1))))

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert ("rx-reason", "PAGE_SIZE_OUT_OF_RANGE") in tuple(refused.value.trailing_metadata())
    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
