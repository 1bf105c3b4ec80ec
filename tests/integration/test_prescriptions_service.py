"""The prescriptions service as a process on the real servers: records in, events, dead letters and answers out."""

import asyncio
import gzip
import json
import signal
import sys
from contextlib import asynccontextmanager
from importlib import resources

import aiokafka
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pharmacy.events.v1.event_pb2 import Event, InboundPosition
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from pharmacy.prescriptions.v1 import prescriptions_pb2 as messages
from pharmacy.prescriptions.v1 import prescriptions_pb2_grpc
from rx_clinical import load_catalogue
from rx_contracts.edge.event import EVENT_MODELS
from rx_runtime.kafka import clients, topic_reader
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.pseudonym import pseudonym

pytestmark = pytest.mark.stack
PSEUDONYM_KEY = bytes.fromhex("5a" * 32)
EXAMPLES = resources.files("rx_contracts.examples.edge")
INVALID = resources.files("rx_contracts.examples.edge_invalid")
FHIR = [("content-type", b"application/fhir+json"), ("ce_source", b"synthea")]


class Service:
    """The running service, and what a sender and a reader of its topics see."""

    def __init__(self, installation, child, address, channel, producer):
        self.installation = installation
        self.child = child
        self.address = address
        self.producer = producer
        self.health = health_pb2_grpc.HealthStub(channel)
        self.calls = prescriptions_pb2_grpc.PrescriptionServiceStub(channel)

    def topic(self, name):
        return self.installation.topic(name)

    async def send(self, value, headers=(), key=None, partition=0):
        """Write a record; its position."""
        written = await self.producer.send_and_wait(
            self.topic("rx.inbound.v1"), value, key=key, headers=list(headers), partition=partition
        )
        return InboundPosition(partition=written.partition, offset=written.offset)

    async def receipts(self, *positions):
        """The receipts, once all are there."""
        request = messages.ListReceiptsRequest(positions=positions)
        async with asyncio.timeout(30):
            while True:
                answer = await self.calls.ListReceipts(request)
                if len(answer.receipts) == len(positions):
                    return list(answer.receipts)
                await asyncio.sleep(0.05)

    async def records(self, topic):
        return await topic_reader.read_to_end(self.installation.kafka, self.topic(topic), client_id="test")

    async def history(self, namespace, value):
        patient = messages.PatientRef(namespace=namespace, value=value)
        answer = await self.calls.GetMedicationHistory(messages.GetMedicationHistoryRequest(patient=patient))
        return answer.history


@asynccontextmanager
async def running(installation, producer, **environment):
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rx_prescriptions",
        env=installation.environment("prescriptions") | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    logged = []

    async def drain():
        while line := await child.stderr.readline():
            logged.append(json.loads(line))

    reading = asyncio.create_task(drain())
    try:
        async with asyncio.timeout(60):
            while not {"ready", "listening"} <= {line["event"] for line in logged}:
                assert child.returncode is None, logged
                await asyncio.sleep(0.02)
        address = next(line["grpc"] for line in logged if line["event"] == "listening")
        async with grpc.aio.insecure_channel(address) as channel:
            service = Service(installation, child, address, channel, producer)
            service.logged = logged
            yield service
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()
        await reading


@pytest.fixture
async def producer(stack):
    producer = clients.new_producer(stack.kafka, client_id="test")
    await clients.start(producer, stack.kafka)
    yield producer
    await producer.stop()


@pytest.fixture
async def service(installation, producer):
    async with running(installation, producer) as service:
        yield service


def example(kind):
    return EXAMPLES.joinpath(f"{kind}.json").read_bytes()


def changed(kind, **changes):
    return json.dumps(json.loads(example(kind)) | changes).encode()


def headers_of(record):
    return dict(record.headers)


def count(receipt):
    [one] = receipt.resources
    return one.kind, one.read, one.stored, one.unchanged, one.dead_letter


async def test_every_type_of_event_is_stored_and_published_under_its_pseudonym(service):
    positions = [await service.send(example(kind)) for kind in EVENT_MODELS]
    receipts = await service.receipts(*positions)
    published = [Event.FromString(record.value) for record in await service.records("rx.medication-events.v1")]

    assert [count(receipt) for receipt in receipts] == [(kind, 1, 1, 0, 0) for kind in EVENT_MODELS if kind]
    assert {event.WhichOneof("fact") for event in published} >= set(EVENT_MODELS) - {"prescription_written"}
    assert {event.patient for event in published} == {pseudonym(PSEUDONYM_KEY, "main-street-pms", "P-1042")}


async def test_every_invalid_example_goes_to_the_dead_letters_with_its_bytes_and_the_service_goes_on(service):
    documents = {path.name.partition("-")[0] + path.name: path.read_bytes() for path in INVALID.glob("*.json")}
    documents |= {"RECORD_EMPTY": b"", "RECORD_TOO_LARGE": b"5" * (5 * 1024 * 1024), "NOT_UTF8": b"\xff\xfe\x00"}
    positions = [await service.send(document, key=b"k") for document in documents.values()]
    positions.append(await service.send(None, key=b"tombstone"))
    positions.append(await service.send(b"", key=None))
    positions.append(await service.send(b'{"resourceType": "Observation", "id": "x"}'))
    positions.append(await service.send(example("medication_filled"), headers=[("ce_specversion", b"9")]))
    positions.append(await service.send(example("medication_filled"), headers=[("content-type", b"\xff")]))
    healthy = await service.send(example("medication_filled"), headers=[(f"h{n}", b"x" * 64) for n in range(10_000)])

    receipts = await service.receipts(*positions, healthy)
    letters = {
        (int(headers_of(one)["rx-inbound-partition"]), int(headers_of(one)["rx-inbound-offset"])): one
        for one in await service.records("rx.inbound.v1.dlq")
    }

    assert count(receipts[-1])[2] == 1
    assert all(sum(one.dead_letter for one in receipt.resources) == 1 for receipt in receipts[:-1])
    assert len(letters) == len(positions)
    for position, document in zip(positions, documents.values(), strict=False):
        assert letters[position.partition, position.offset].value == document
    for (code, _), receipt in zip(documents.items(), receipts, strict=False):
        assert code.startswith(receipt.rejections[0].code)
    assert [receipt.rejections[0].code for receipt in receipts[-6:-1]] == [
        "RECORD_EMPTY",
        "RECORD_EMPTY",
        "FHIR_TYPE_NOT_SUPPORTED",
        "CLOUDEVENT_VERSION_NOT_SUPPORTED",
        "HEADER_UNREADABLE",
    ]
    assert service.child.returncode is None


async def test_records_that_once_stopped_it_at_every_start_are_set_aside_and_the_next_is_taken(service, stack):
    fill = example("medication_filled")
    medicine = {"text": "\u4e00" * 1_000, "codings": [{"system": "urn:\x00", "code": "1"}]}
    squeezed = aiokafka.AIOKafkaProducer(
        bootstrap_servers=stack.kafka, compression_type="gzip", max_request_size=32 * 1024 * 1024
    )
    async with squeezed:
        bundle = b'{"resourceType": "Bundle"}' * 450_000
        written = await squeezed.send_and_wait(service.topic("rx.inbound.v1"), bundle, key=b"k", partition=0)
    positions = [
        InboundPosition(partition=written.partition, offset=written.offset),
        await service.send(fill.replace(b'"days_supply": "30"', b'"days_supply": 1e9999999999999999999')),
        await service.send(changed("medication_filled", medicine=medicine)),
        await service.send(changed("medication_filled", medicine={"text": medicine["text"]})),
    ]
    receipts = await service.receipts(*positions)
    letters = {headers_of(one)["rx-reason-code"]: one for one in await service.records("rx.inbound.v1.dlq")}

    assert [[one.code for one in receipt.rejections] for receipt in receipts] == [
        ["RECORD_TOO_LARGE"],
        ["NUMBER_TOO_LARGE"],
        ["CHARACTER_NOT_ALLOWED"],
        [],
    ]
    assert gzip.decompress(letters[b"RECORD_TOO_LARGE"].value) == bundle
    assert service.child.returncode is None


async def test_the_same_content_again_is_unchanged_and_other_content_under_the_same_revision_a_conflict(service):
    fill = example("medication_filled")
    first, again = await service.send(fill), await service.send(fill, partition=1)
    await service.receipts(first, again)
    other = await service.send(changed("medication_filled", rx_number="9999"))
    receipts = await service.receipts(first, again, other)

    assert sorted(count(receipt)[2:] for receipt in receipts[:2]) == [(0, 1, 0), (1, 0, 0)]
    assert receipts[2].rejections[0].code == "EVENT_CONFLICT"
    assert len(await service.records("rx.medication-events.v1")) == 1


async def test_a_late_lower_revision_is_stored_and_the_highest_is_published_again_as_a_correction(service):
    newer = await service.send(changed("medication_filled", source_revision=5, rx_number="5"))
    await service.receipts(newer)
    late = await service.send(changed("medication_filled", source_revision=2, rx_number="2"))
    [receipt] = await service.receipts(late)
    published = await service.records("rx.medication-events.v1")
    history = await service.history("main-street-pms", "P-1042")

    assert count(receipt) == ("medication_filled", 1, 1, 0, 0)
    assert [headers_of(one)["rx-class"] for one in published] == [b"relevant", b"correction"]
    # What an earlier batch stored was classified by the tables of then, which nobody remembers.
    ruleset = str(load_catalogue().ruleset_seq).encode()
    assert [headers_of(one).get("rx-ruleset") for one in published] == [ruleset, None]
    assert [Event.FromString(one.value).medication_filled.rx_number for one in published] == ["5", "5"]
    assert [one.event.medication_filled.rx_number for one in history.events] == ["5"]


async def test_an_unknown_code_is_stored_not_assessed_and_one_work_item(service):
    unknown = {
        "text": "mystery tablet",
        "codings": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "99999-9999-99"}],
    }
    positions = [await service.send(changed("medication_filled", event_id=f"u{n}", medicine=unknown)) for n in range(3)]
    receipts = await service.receipts(*positions)
    history = await service.history("main-street-pms", "P-1042")
    items = (await service.calls.ListUncodedProducts(messages.ListUncodedProductsRequest())).products

    assert [receipt.uncoded_products[0].count for receipt in receipts] == [1, 1, 1]
    assert [(one.code, one.display, one.count) for one in items] == [("99999-9999-99", "mystery tablet", 3)]
    assert {one.check_state for one in history.events} == {messages.CHECK_STATE_NOT_ASSESSED}
    assert not history.events[0].event.medication_filled.medicine.coded


async def test_a_bundle_is_read_entry_by_entry_and_a_bad_one_refused_alone(service):
    def order(name, **changes):
        return {
            "resourceType": "MedicationRequest",
            "id": name,
            "status": "active",
            "intent": "order",
            "authoredOn": "2026-03-01T09:00:00Z",
            "subject": {"reference": "Patient/p1"},
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "864706"}]
            },
            **changes,
        }

    entries = [order("a"), order("b", authoredOn="2026-03-01T09:00:00"), {"resourceType": "Observation"}, order("c")]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in entries]}
    [receipt] = await service.receipts(await service.send(json.dumps(bundle).encode(), FHIR))
    history = await service.history("synthea", "p1")

    assert count(receipt) == ("MedicationRequest", 3, 2, 0, 1)
    assert [(one.entry, one.code) for one in receipt.rejections] == [(1, "TIME_WITHOUT_ZONE")]
    assert [(one.kind, one.count) for one in receipt.ignored] == [("Observation", 1)]
    assert {one.event.event_id for one in history.events} == {"MedicationRequest/a", "MedicationRequest/c"}
    assert list(receipt.patients) == [pseudonym(PSEUDONYM_KEY, "synthea", "p1")]


async def test_an_event_is_pending_until_the_monitor_has_passed_it(service, producer):
    [receipt] = await service.receipts(await service.send(example("medication_filled")))
    [place] = receipt.event_positions
    events = service.topic("rx.medication-events.v1")
    topic_id = (await identities(service.installation.kafka, [events]))[events].topic_id

    async def check_state_after(position, of_topic):
        progress = MonitorProgress(partition=place.partition, position=position, topic_id=of_topic)
        await producer.send_and_wait(
            service.topic("rx.monitor-progress.v1"), progress.SerializeToString(), key=b"%d" % place.partition
        )
        await asyncio.sleep(1)
        return (await service.history("main-street-pms", "P-1042")).events[0].check_state

    before = (await service.history("main-street-pms", "P-1042")).events[0].check_state
    assert before == messages.CHECK_STATE_PENDING
    assert await check_state_after(place.offset, topic_id) == messages.CHECK_STATE_PENDING
    assert await check_state_after(place.offset + 1, "a topic that was deleted") == messages.CHECK_STATE_PENDING
    assert await check_state_after(place.offset + 1, topic_id) == messages.CHECK_STATE_CHECKED


async def test_recording_over_grpc_takes_the_same_path_and_refuses_with_the_same_code(service):
    good = messages.RecordEventRequest(content_type="application/json", document=example("medication_reported"))
    answer = await service.calls.RecordEvent(good)
    [receipt] = await service.receipts(answer.position)
    bad = messages.RecordEventRequest(
        content_type="application/json", document=INVALID.joinpath("DUPLICATE_KEY-dose_twice.json").read_bytes()
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.calls.RecordEvent(bad)

    assert count(receipt) == ("medication_reported", 1, 1, 0, 0)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(refused.value.trailing_metadata())["rx-reason"] == "DUPLICATE_KEY"
    assert len(await service.records("rx.inbound.v1")) == 1


async def test_an_unknown_patient_has_an_empty_history_and_many_are_answered_in_order(service):
    await service.receipts(await service.send(example("medication_filled")))
    patients = [messages.PatientRef(namespace="main-street-pms", value=value) for value in ("nobody", "P-1042")]
    answer = await service.calls.BatchGetMedicationHistory(messages.BatchGetMedicationHistoryRequest(patients=patients))

    assert [len(history.events) for history in answer.histories] == [0, 1]
    assert [source.source for source in answer.histories[0].sources] == ["main-street-pms"]


async def test_killed_at_work_and_started_again_it_loses_and_doubles_nothing(installation, producer):
    events = [changed("medication_filled", event_id=f"k{n}") for n in range(3_000)]
    async with running(installation, producer, RXGUARD_MEMBER="prescriptions-0") as service:
        sent = [
            await producer.send(service.topic("rx.inbound.v1"), event, partition=n % 8)
            for n, event in enumerate(events)
        ]
        positions = [InboundPosition(partition=one.partition, offset=one.offset) for one in await asyncio.gather(*sent)]
        await service.receipts(*positions[:8])
        service.child.kill()
        await service.child.wait()
    async with running(installation, producer, RXGUARD_MEMBER="prescriptions-0") as service:
        receipts = await service.receipts(*positions)
        history = await service.history("main-street-pms", "P-1042")
        published = {Event.FromString(one.value).event_id for one in await service.records("rx.medication-events.v1")}

    assert {count(receipt) for receipt in receipts} == {("medication_filled", 1, 1, 0, 0)}
    assert len(history.events) == len(published) == 3_000


async def test_it_serves_health_and_reflection_and_stops_as_asked(service):
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # noqa: PLC0415  # this test alone

    healthy = await service.health.Check(
        health_pb2.HealthCheckRequest(service="pharmacy.prescriptions.v1.PrescriptionService")
    )
    async with grpc.aio.insecure_channel(service.address) as channel:
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        async for answer in stub.ServerReflectionInfo(iter(asked)):
            names = {one.name for one in answer.list_services_response.service}
    service.child.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(service.child.wait(), 15)

    assert healthy.status == health_pb2.HealthCheckResponse.SERVING
    assert "pharmacy.prescriptions.v1.PrescriptionService" in names
    assert code == 0


async def test_no_log_line_repeats_what_was_sent(service):
    marker = "Jane-Q-Marker-1962"
    documents = [
        changed("medication_filled", event_id=marker, rx_number=marker, patient={"namespace": marker, "value": marker}),
        changed("medication_filled", event_id=[marker]),
        json.dumps({"resourceType": "MedicationRequest", "id": marker, "status": marker}).encode(),
        b'{"' + marker.encode(),
    ]
    await service.receipts(*[await service.send(document, key=marker.encode()) for document in documents])
    letters = await service.records("rx.inbound.v1.dlq")

    assert marker not in json.dumps(service.logged)
    assert all(marker.encode() not in value for one in letters for _, value in one.headers)
