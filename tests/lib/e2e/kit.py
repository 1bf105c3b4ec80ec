"""One RxGuard on the servers of the run: fed as a pharmacy system feeds it, read back as its users read it.

Whatever names or describes a patient here holds CANARY, so that a test can look for it where it must not be.
"""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_contracts.wire.finding_json import finding_json
from rx_embedded import EmbeddedStack, provision
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka import clients, topic_reader
from rx_runtime.pseudonym import pseudonym
from rxguard.client.alerts import document as alert_document
from rxguard.client.connect import SERVICES, from_run
from rxguard.client.delivery import Position, collect_receipts, until_checked
from rxguard.client.findings import current_sets
from rxguard.instance.embedded_instance import Instance, Servers

PSEUDONYM_KEY = "5a" * 32
CANARY = "canary"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SOURCE = "e2e-pharmacy"
JSON = "application/json"
FHIR = "application/fhir+json"

METHADONE = {
    "text": "methadone 10 mg tablet",
    "codings": [{"system": RXNORM, "code": "864706"}],
    "days_supply": "30",
    "directions": f"{CANARY}: one tablet three times a day",
}
LDN = {
    "text": "compounded naltrexone 4.5 mg capsule",
    "ingredients": ["7243"],
    "form_key": "ntx_ldn",
    "route": "oral",
    "daily_dose_mg": "4.5",
    "days_supply": "30",
    "directions": f"{CANARY}: one capsule at bedtime",
}

_PATIENT_NUMBERS = itertools.count(1)
_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Patient:
    """A patient as the sender knows them."""

    namespace: str
    value: str

    @property
    def reference(self) -> dict[str, str]:
        return {"namespace": self.namespace, "value": self.value}

    @property
    def message(self) -> prescriptions_pb2.PatientRef:
        return prescriptions_pb2.PatientRef(**self.reference)

    @property
    def pseudonym(self) -> bytes:
        return pseudonym(bytes.fromhex(PSEUDONYM_KEY), self.namespace, self.value)


def new_patient() -> Patient:
    """Somebody of whom nothing is on record."""
    return Patient(f"{CANARY}-register", f"{CANARY}-patient-{next(_PATIENT_NUMBERS)}")


def event(
    kind: str, patient: Patient, event_id: str, at: str, *, source: str = SOURCE, site: str = "utc", **content: Any
) -> dict[str, Any]:
    """An edge event that happened and was recorded at `at`."""
    return {
        "type": kind,
        "event_id": event_id,
        "source": source,
        "site_id": site,
        "patient": patient.reference,
        "occurred_time": at,
        "recorded_time": at,
        **content,
    }


def fill(patient: Patient, event_id: str, medicine: dict[str, Any], at: str, **more: Any) -> dict[str, Any]:
    return event("medication_filled", patient, event_id, at, medicine=medicine, **more)


def hand_over(patient: Patient, fill_event_id: str, at: str, **more: Any) -> dict[str, Any]:
    return event("medication_handed_over", patient, f"{fill_event_id}-out", at, fill_event_id=fill_event_id, **more)


@dataclass(frozen=True)
class Document:
    """A record of the inbound topic as a plain Kafka producer writes it."""

    value: bytes | None
    content_type: str = JSON
    source: str = SOURCE
    more_headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """A CloudEvent in binary mode."""
        attributes = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": self.source, "ce_type": "pharmacy.event.v1"}
        named = [("content-type", self.content_type.encode()), *((k, v.encode()) for k, v in attributes.items())]
        return [*named, *self.more_headers]


def documents(events: Iterable[dict[str, Any]]) -> list[Document]:
    return [Document(json.dumps(one).encode()) for one in events]


@dataclass
class RxGuard:
    """A running RxGuard and clients of it."""

    instance: Instance
    producer: AIOKafkaProducer
    offsets: AIOKafkaConsumer
    admin: AIOKafkaAdminClient
    stopped: set[str] = field(default_factory=set)
    """Services that a test has stopped."""

    def __post_init__(self) -> None:
        self.connection = from_run(self.instance.document())

    # Feeding

    async def send(self, sent: Sequence[Document], *, partition: int | None = None) -> list[Position]:
        """Write documents to the inbound topic; returns where they stand once they are acknowledged."""
        topic = self.connection.topic("rx.inbound.v1")
        pending = [
            await self.producer.send(topic, one.value, key=b"any", headers=one.headers, partition=number)
            for one, number in zip(sent, self._partitions(partition), strict=False)
        ]
        return [(written.partition, written.offset) for written in await asyncio.gather(*pending)]

    @staticmethod
    def _partitions(partition: int | None) -> Iterable[int]:
        """The one that is asked for, else all in turn, as a producer without keys does."""
        return itertools.cycle(range(8)) if partition is None else itertools.repeat(partition)

    async def receipts(self, positions: Sequence[Position]) -> list[prescriptions_pb2.Receipt]:
        """What became of each record, once prescriptions has processed them all."""
        found: dict[Position, prescriptions_pb2.Receipt] = {}

        def take(receipt: prescriptions_pb2.Receipt) -> None:
            found[receipt.position.partition, receipt.position.offset] = receipt

        with self.explained():
            await collect_receipts(self.connection, positions, take, stall_seconds=_WAIT_SECONDS)
        return [found[position] for position in positions]

    async def feed(self, events: Iterable[dict[str, Any]]) -> list[prescriptions_pb2.Receipt]:
        """Send events one after the other in one partition, so in this order, and wait until all has followed."""
        receipts = await self.receipts(await self.send(documents(events), partition=0))
        await self.settled()
        return receipts

    async def settled(self) -> None:
        """Wait until the monitor has passed every event and alerts has taken every finding set."""
        events = await self._ends("rx.medication-events.v1")
        wanted = {number: end - 1 for number, end in events.items()}
        with self.explained():
            await until_checked(self.connection, wanted, stall_seconds=_WAIT_SECONDS)
            await self.until_committed("rx-alerts", "rx.findings.v1")

    async def until_committed(self, group: str, topic: str) -> None:
        """Wait until a consumer group has committed all that is in a topic now: it will not read it again."""
        ends = await self._ends(topic)
        async with asyncio.timeout(_WAIT_SECONDS):
            while await self._committed(group) != ends:  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(_POLL_SECONDS)

    async def _ends(self, name: str) -> dict[int, int]:
        """End offset of each partition that holds anything."""
        topic = self.connection.topic(name)
        ends = await self.offsets.end_offsets([TopicPartition(topic, number) for number in range(4)])
        return {partition.partition: end for partition, end in ends.items() if end}

    async def _committed(self, group: str) -> dict[int, int]:
        held = await self.admin.list_consumer_group_offsets(self.connection.group(group))
        return {partition.partition: found.offset for partition, found in held.items() if found.offset > 0}

    # Reading

    async def findings(self, *patients: Patient) -> list[list[dict[str, Any]]]:
        """The findings that stand for each patient, as documents."""
        sets = await current_sets(self.connection)
        return [
            in_order(finding_json(one) for one in sets.get(patient.pseudonym, FindingSet()).findings)
            for patient in patients
        ]

    async def findings_of(self, patient: Patient) -> list[dict[str, Any]]:
        return (await self.findings(patient))[0]

    async def alerts_of(self, patient: Patient) -> list[dict[str, Any]]:
        """The open alerts of a patient, as documents."""
        async with self.connection.channel("alerts") as channel:
            request = alerts_pb2.ListAlertsRequest(patient=patient.message, page_size=1000)
            answer = await alerts_pb2_grpc.AlertServiceStub(channel).ListAlerts(request)
        return [alert_document(alert) for alert in answer.alerts]

    async def histories(self, *patients: Patient) -> list[prescriptions_pb2.MedicationHistory]:
        async with self.connection.channel("prescriptions") as channel:
            request = prescriptions_pb2.BatchGetMedicationHistoryRequest(patients=[one.message for one in patients])
            answer = await prescriptions_pb2_grpc.PrescriptionServiceStub(channel).BatchGetMedicationHistory(request)
        return list(answer.histories)

    async def checked_histories(self, *patients: Patient) -> list[prescriptions_pb2.MedicationHistory]:
        """The histories, once every event in them is CHECKED; fails if one does not become so."""
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while True:
            found = await self.histories(*patients)
            unchecked = [
                (one.event.event_id, one.check_state)
                for history in found
                for one in history.events
                if one.check_state != prescriptions_pb2.CHECK_STATE_CHECKED
            ]
            if not unchecked:
                return found
            assert asyncio.get_running_loop().time() < deadline, unchecked
            await asyncio.sleep(_POLL_SECONDS)

    async def check_states(self, patient: Patient) -> dict[str, str]:
        """How far the check of each event is, by event id."""
        (history,) = await self.histories(patient)
        name = prescriptions_pb2.CheckState.Name
        return {one.event.event_id: name(one.check_state).removeprefix("CHECK_STATE_") for one in history.events}

    async def until_check_states(self, patient: Patient, wanted: dict[str, str]) -> None:
        """Wait until the events of a patient stand so; fails with how they stand instead."""
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while (found := await self.check_states(patient)) != wanted:
            assert asyncio.get_running_loop().time() < deadline, found
            await asyncio.sleep(_POLL_SECONDS)

    async def uncoded_products(self) -> dict[str, int]:
        """Events by code of each product that is in no table."""
        async with self.connection.channel("prescriptions") as channel:
            request = prescriptions_pb2.ListUncodedProductsRequest(page_size=1000)
            answer = await prescriptions_pb2_grpc.PrescriptionServiceStub(channel).ListUncodedProducts(request)
        codes = [product.code for product in answer.products]
        assert len(codes) == len(set(codes)), "more than one work item a code"
        return {product.code: product.count for product in answer.products}

    async def records(self, name: str) -> list[Any]:
        return await topic_reader.read_to_end(self.connection.kafka, self.connection.topic(name), client_id="e2e")

    # Services

    def log(self, name: str) -> Path:
        return self.instance.folder.path / "logs" / f"{name}.log"

    def kill(self, name: str) -> None:
        """End a service as a crash would: at once."""
        os.kill(self.instance.services[name].child.pid, signal.SIGKILL)

    async def stop(self, name: str) -> int | None:
        """End a service with SIGTERM; returns its exit code."""
        self.stopped.add(name)
        self.instance.hold(name)
        child = self.instance.services[name].child
        await child.stop()
        return child.exit_status

    async def start(self, name: str) -> None:
        await self.instance.restart(name)
        self.stopped.discard(name)

    async def start_all(self) -> None:
        await asyncio.gather(*(self.start(name) for name in tuple(self.stopped)))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """A wait in vain is the failure of a service that has ended, if one has."""
        try:
            yield
        except (DependencyUnavailable, TimeoutError) as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.ended_by_themselves().values())) from error

    def ended_by_themselves(self) -> dict[str, str]:
        """The last words of each service that nobody asked to stop and that runs no more."""
        return {
            name: service.child.last_words()
            for name, service in self.instance.services.items()
            if name not in self.stopped and service.child.exit_status is not None
        }


@asynccontextmanager
async def running(
    stack: EmbeddedStack, folder: Path, namespace: str, services: tuple[str, ...] = SERVICES
) -> AsyncIterator[RxGuard]:
    """An RxGuard with topics and schemas of its own."""
    folder.mkdir()  # noqa: ASYNC240  # at once
    servers = Servers(stack.kafka, stack.postgres, stack.dsn, PSEUDONYM_KEY, namespace)
    await provision(stack.admin_dsn, servers.installation)
    instance = Instance(folder, servers, None, lambda _text: None)
    producer = clients.new_producer(stack.kafka, client_id="e2e")
    offsets = clients.new_consumer(stack.kafka, client_id="e2e")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    for client in (producer, offsets, admin):
        await clients.start(client, stack.kafka)
    try:
        await instance.start(services)
        yield RxGuard(instance, producer, offsets, admin)
    finally:
        await instance.stop()
        await producer.stop()
        await offsets.stop()
        await admin.close()


def in_order(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(findings, key=lambda one: (one["rule"], one["anchor_event_id"], one["counterpart"] or ""))


def loud(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the lines for the profile: they open no alert and hold nothing up."""
    return [one for one in findings if one["display"] != "profile"]


def without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
