"""How every service behaves as a process: health, reflection, metrics, logs, settings and the way it ends."""

import asyncio
import json
import os
import sys
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.telemetry.metrics import METRICS
from rxguard.client.connect import SERVICES
from rxguard.instance.embedded_instance import Instance, Servers

from tests.lib.e2e.kit import CANARY, LDN, METHADONE, Document, fill, new_patient
from tests.lib.e2e.story import expected_findings

pytestmark = pytest.mark.stack
SERVED = {
    "prescriptions": {"pharmacy.prescriptions.v1.PrescriptionService"},
    "monitor": set(),
    "alerts": {"pharmacy.alerts.v1.AlertService"},
    "interactions": {"pharmacy.interactions.v1.InteractionService"},
    "compounding": {"pharmacy.compounding.v1.CompoundingService"},
}
LOG_FIELDS = {"event", "level", "timestamp", "service"}


async def health(rxguard, name, service):
    async with grpc.aio.insecure_channel(rxguard.connection.target(name)) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


async def reflected(rxguard, name):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.insecure_channel(rxguard.connection.target(name)) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
        async for answer in call:
            return {service.name for service in answer.list_services_response.service}
    return set()


async def get(url):
    def read():
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own loopback address
            return answer.status, answer.read().decode()

    return await asyncio.to_thread(read)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_says_that_it_is_serving_and_reflects_what_it_serves(rxguard, name):
    assert {await health(rxguard, name, service) for service in ("", *SERVED[name])} == {"SERVING"}
    assert SERVED[name] | {"grpc.health.v1.Health"} <= await reflected(rxguard, name)


@pytest.mark.parametrize("name", SERVICES)
async def test_every_metric_that_is_declared_for_a_service_can_be_scraped(rxguard, name):
    declared = {metric.name for metric in METRICS if metric.service in ("all", name)}
    status, text = await get(rxguard.connection.metrics[name])
    exposed = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    assert status == 200
    assert declared - exposed == set()


@pytest.fixture(scope="module")
async def fed(shared_rxguard, told):
    """Good and bad input, real patients among it."""
    assert told
    await shared_rxguard.start_all()
    patient = new_patient()
    await shared_rxguard.feed([fill(patient, f"{CANARY}-m", METHADONE, "2026-03-01T09:00:00Z")])
    await shared_rxguard.feed([fill(patient, f"{CANARY}-l", LDN, "2026-04-01T09:00:00Z")])
    bad = Document(json.dumps(fill(patient, f"{CANARY}-b", METHADONE, CANARY)).encode())
    await shared_rxguard.receipts(await shared_rxguard.send([bad]))


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.usefixtures("fed")
async def test_a_log_is_one_json_object_a_line_and_says_nothing_about_any_patient(rxguard, name):
    text = rxguard.log(name).read_text()
    for line in text.splitlines():
        assert json.loads(line).keys() >= LOG_FIELDS
    assert CANARY not in text.lower()
    assert not [patient for patient in expected_findings() if patient.value in text]


async def ended_without(name, variable):
    """Exit code and log of a service that is started without one of its settings."""
    needed = {
        "RXGUARD_KAFKA": "127.0.0.1:1",
        "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        "RXGUARD_POSTGRES_DSN": "postgresql://nobody:secret@127.0.0.1:1/none",
        "RXGUARD_PRESCRIPTIONS_TARGET": "127.0.0.1:1",
    }
    others = {key: value for key, value in os.environ.items() if not key.startswith("RXGUARD_")}
    given = {key: value for key, value in needed.items() if key != variable}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"rx_{name}", env=others | given, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, log = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    return child.returncode, log.decode()


async def test_a_service_without_a_setting_it_needs_ends_with_2_and_names_it():
    without = dict.fromkeys(SERVICES, "RXGUARD_PSEUDONYM_KEY")
    without |= {"prescriptions": "RXGUARD_POSTGRES_DSN", "interactions": "RXGUARD_PRESCRIPTIONS_TARGET"}
    endings = await asyncio.gather(*(ended_without(name, variable) for name, variable in without.items()))
    for (name, variable), (code, log) in zip(without.items(), endings, strict=True):
        assert code == 2, (name, log)
        assert log, f"{name} says nothing"
        assert variable in json.loads(log.splitlines()[-1])["reason"]


async def test_a_service_that_ends_before_it_is_ready_is_named_at_once_with_its_reason(stack, stack_folder):
    folder = stack_folder / "e2e-no-database"
    folder.mkdir()
    nowhere = Servers(stack.kafka, "", lambda _: "postgresql://alerts:wrong@127.0.0.1:1/rxguard", "5a" * 32, "e2enone")
    instance = Instance(folder, nowhere, None, lambda _: None)
    try:
        async with asyncio.timeout(30):
            with pytest.raises(DependencyUnavailable, match=r"alerts did not start. Exit status 4"):
                await instance.start(("alerts",))
    finally:
        await instance.stop()


async def test_sigterm_ends_every_service_with_0(rxguard):
    endings = await asyncio.gather(*(rxguard.stop(name) for name in SERVICES))
    assert dict(zip(SERVICES, endings, strict=True)) == dict.fromkeys(SERVICES, 0)
