"""A monitor as a process on real Kafka, fed with events and read back. Loaded by path: tests are no package."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from pharmacy.events.v1.event_pb2 import Event, Medicine
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState
from rx_clinical import History, assess, load_catalogue
from rx_clinical.model.facts import event_key
from rx_contracts.wire.event_facts import history_facts
from rx_contracts.wire.finding_messages import finding_set_version, finding_to_proto
from rx_contracts.wire.times import timestamp
from rx_embedded.child import LAUNCH
from rx_monitor.adapters.protobuf.packing import unpack
from rx_runtime.kafka import clients, topic_reader
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

SOURCE = "pms-1"
METHADONE = Medicine(
    text="methadone 10 mg oral tablet",
    coded=True,
    ingredients=["6813"],
    form_key="methadone_oral",
    product_code="864706",
    route="oral",
    days_supply="30",
)
LDN = Medicine(
    text="compounded LDN 4.5 mg capsule",
    coded=True,
    ingredients=["7243"],
    form_key="ntx_ldn",
    route="oral",
    daily_dose_mg="4.5",
    days_supply="30",
)
ALLOPURINOL = Medicine(text="allopurinol", coded=True, ingredients=["519"], route="oral")
VITAMIN = Medicine(text="vitamin D3", coded=True, ingredients=["2418"], route="oral")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
QUICK_GROUP = {"broker_session_timeout": 2.0, "broker_heartbeat_interval": 0.5}


def event(patient: bytes, name: str, *, hours: float = 0, revision: int = 1, **fact: Any) -> Event:
    """An event of the log; `hours` after START it happens and is recorded."""
    time = timestamp(START + timedelta(hours=hours))
    built = Event(
        event_key=event_key(SOURCE, name),
        event_id=name,
        source=SOURCE,
        source_revision=revision,
        site_id="main",
        patient=patient,
        recorded_time=time,
        **fact,
    )
    built.occurred.earliest_time.CopyFrom(time)
    built.occurred.latest_time.CopyFrom(time)
    return built


def fill(patient: bytes, name: str, medicine: Medicine, **when: Any) -> Event:
    return event(patient, name, medication_filled={"medicine": medicine}, **when)


def refers(patient: bytes, name: str, kind: str, other: str, **when: Any) -> Event:
    return event(patient, name, **{kind: {"event_key": event_key(SOURCE, other)}}, **when)


def headers(one: Event, kind: bytes, ruleset: bytes | None = None) -> list[tuple[str, bytes]]:
    ours = str(load_catalogue().ruleset_seq).encode()
    return [("rx-class", kind), ("rx-event-key", one.event_key), ("rx-ruleset", ruleset or ours)]


ROOT = Path(__file__).parents[2]


class Harness:
    """The topics of one installation and the monitors that run on them: ended with the `async with` block."""

    program = ("-m", "rx_monitor")
    leftover_signal = signal.SIGTERM
    """It leaves the group: nobody has to wait until the session of a killed one has run out."""

    def __init__(self, installation: Any) -> None:
        self.kafka = installation.kafka
        self.installation = installation
        self._environment = installation.environment("monitor")
        self._started: list[Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill every monitor that still runs: a test that failed has not ended its own."""
        for process in self._started:
            if process.is_running:
                process.send(signal.SIGKILL)
        await asyncio.gather(*(process.ended() for process in self._started))

    def topic(self, name: str) -> str:
        return self.installation.topic(name)

    async def feed(self, events: Iterable[Event], kind: bytes = b"relevant", ruleset: bytes | None = None) -> None:
        """Write events; `ruleset`: the tables that classified them, ours if none is named."""
        await self.feed_classified(((one, kind) for one in events), ruleset)

    async def feed_classified(self, events: Iterable[tuple[Event, bytes]], ruleset: bytes | None = None) -> None:
        """Write events, each with what its header calls it."""
        async with self._producer() as producer:
            for one, kind in events:
                await producer.send(
                    self.topic("rx.medication-events.v1"),
                    one.SerializeToString(),
                    key=one.patient,
                    headers=headers(one, kind, ruleset),
                )
            await producer.flush()

    async def write(self, name: str, key: bytes, value: bytes | None, partition: int) -> None:
        """Write one record to any topic, as nobody should."""
        async with self._producer() as producer:
            await producer.send_and_wait(self.topic(name), value, key=key, partition=partition)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[Any]:
        producer = clients.new_producer(self.kafka, client_id="test")
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def records(self, name: str) -> list[Any]:
        return await topic_reader.read_to_end(self.kafka, self.topic(name), client_id="test")

    async def log_ends(self) -> dict[int, int]:
        consumer = AIOKafkaConsumer(self.topic("rx.medication-events.v1"), bootstrap_servers=self.kafka)
        await consumer.start()
        try:
            partitions = [
                TopicPartition(self.topic("rx.medication-events.v1"), number)
                for number in consumer.partitions_for_topic(self.topic("rx.medication-events.v1"))
            ]
            return {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
        finally:
            await consumer.stop()

    async def progress(self) -> dict[int, int]:
        reports = [MonitorProgress.FromString(r.value) for r in await self.records("rx.monitor-progress.v1")]
        return {report.partition: report.position for report in reports}

    async def committed(self) -> dict[int, int]:
        """What the consumer group has committed."""

        async def ask(admin: Any) -> dict[int, int]:
            group = self.installation.group("rx-monitor")
            return {
                tp.partition: found.offset for tp, found in (await admin.list_consumer_group_offsets(group)).items()
            }

        return await clients.with_admin(self.kafka, ask)

    async def caught_up(self, timeout_seconds: float = 60) -> None:
        ends = await self.log_ends()
        async with asyncio.timeout(timeout_seconds):
            while await self.progress() != ends:
                assert any(one.is_running for one in self._started), [one.log for one in self._started]
                await asyncio.sleep(0.1)

    async def findings(self) -> dict[bytes, FindingSet]:
        """The current set of each patient; equal positions must hold equal bytes."""
        seen: dict[tuple[bytes, tuple[int, int, int]], bytes] = {}
        current: dict[bytes, FindingSet] = {}
        for record in await self.records("rx.findings.v1"):
            one = FindingSet.FromString(record.value)
            place = (one.patient, finding_set_version(one))
            assert seen.setdefault(place, record.value) == record.value, "one position, two contents"
            held = current.get(one.patient)
            if held is None or finding_set_version(one) >= finding_set_version(held):
                current[one.patient] = one
        return current

    async def conclusions(self) -> dict[bytes, list[bytes]]:
        """What the findings say of each patient with any, wherever in the log they were drawn."""
        return {
            patient: sorted(one.SerializeToString(deterministic=True) for one in found.findings)
            for patient, found in (await self.findings()).items()
            if found.findings
        }

    async def states(self) -> dict[bytes, PatientState]:
        current: dict[bytes, PatientState] = {}
        for record in await self.records("rx.monitor-state.v1"):
            state = PatientState.FromString(record.value)
            held = current.get(record.key)
            if held is None or (state.build, state.position) >= (held.build, held.position):
                current[record.key] = state
        return current

    @asynccontextmanager
    async def monitor(self, **environment: str) -> AsyncIterator["Process"]:
        """A monitor that is ready; ended with `leftover_signal` if the test leaves it running."""
        process = await self.start(**environment)
        try:
            await process.event("ready")
            yield process
        finally:
            await process.end_surely(self.leftover_signal)

    async def run_once(self, **environment: str) -> "Process":
        """One monitor until it has caught up, stopped as asked."""
        async with self.monitor(**environment) as monitor:
            await self.caught_up()
            assert await monitor.end(signal.SIGTERM) == 0
        return monitor

    async def start(self, **environment: str) -> "Process":
        """Start a monitor. The kernel kills it if this process ends first, however that happens."""
        launch = (sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(signal.SIGKILL)), "-")
        child = await asyncio.create_subprocess_exec(
            *launch,
            sys.executable,
            *self.program,
            cwd=ROOT,
            env=self._environment | environment,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        self._started.append(Process(child))
        return self._started[-1]


class QuickHarness(Harness):
    """The group waits two seconds for a member that was killed or stands still; the product's ten only take longer."""

    program = ("-m", "tests.faults.faulty_monitor")

    async def start(self, **environment: str) -> "Process":
        settings = QUICK_GROUP | json.loads(environment.pop("FAULT_FAUST", "{}"))
        return await super().start(**{"FAULT_FAUST": json.dumps(settings)} | environment)


class Process:
    """A monitor process and its log."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.log: list[dict[str, Any]] = []
        self._grown = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def is_running(self) -> bool:
        return self._child.returncode is None

    async def _read(self) -> None:
        while line := await self._child.stderr.readline():
            async with self._grown:
                self.log.append(_log_record(line))
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()

    async def event(self, name: str, timeout_seconds: float = 60) -> dict[str, Any]:
        """The first log record of that name."""
        async with asyncio.timeout(timeout_seconds), self._grown:
            while True:
                if found := [record for record in self.log if record["event"] == name]:
                    return found[0]
                assert not self._reading.done(), f"ended without {name}: {self.log}"
                await self._grown.wait()

    @property
    def is_stopped(self) -> bool:
        """A signal has stopped it, and none has let it go on."""
        return Path(f"/proc/{self._child.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "T"

    def send(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    async def end(self, number: signal.Signals, timeout_seconds: float = 60) -> int:
        """Send a signal; returns the exit code."""
        if self.is_running:
            self.send(number)
        return await self.ended(timeout_seconds)

    async def end_surely(self, number: signal.Signals, timeout_seconds: float = 10) -> None:
        """Send a signal, and SIGKILL if it has not ended by then: it may be stopped, or hang."""
        try:
            await self.end(number, timeout_seconds)
        except TimeoutError:
            await self.end(signal.SIGKILL)

    async def ended(self, timeout_seconds: float = 60) -> int:
        """The exit code, once it has ended by itself."""
        async with asyncio.timeout(timeout_seconds):
            code = await self._child.wait()
            await self._reading
        return code


def _log_record(line: bytes) -> dict[str, Any]:
    """Parse a line of the log; the last one of a killed process may be cut off."""
    if line.startswith(b"{"):
        with suppress(ValueError):
            return dict(json.loads(line))
    return {"event": "not_json", "line": line.decode(errors="replace")}


def patients(count: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(1, count + 1)]


def held_facts(states: Mapping[bytes, PatientState]) -> dict[bytes, dict[bytes, int]]:
    """Of each patient the facts held and their revisions."""
    return {
        patient: {one.event_key: one.source_revision for one in map(unpacked, state.packed_events)}
        for patient, state in states.items()
    }


def unpacked(packed: bytes) -> Event:
    """An event out of a state; whose it is, the key of the state says."""
    return Event.FromString(unpack(packed))


def expected_facts(events: Iterable[Event]) -> dict[bytes, dict[bytes, int]]:
    """The highest revision of every fact, by patient."""
    facts: dict[bytes, dict[bytes, int]] = {}
    for one in events:
        theirs = facts.setdefault(one.patient, {})
        theirs[one.event_key] = max(one.source_revision, theirs.get(one.event_key, 0))
    return facts


def expected(events: Iterable[Event]) -> dict[bytes, list[bytes]]:
    """What the findings of each patient with any must say in the end: the core over all events, no monitor at all."""
    catalogue, sites = load_catalogue(), load_sites(SHIPPED_SITES)
    by_patient: dict[bytes, list[Event]] = {}
    for one in events:
        by_patient.setdefault(one.patient, []).append(one)
    said = {}
    for patient, theirs in by_patient.items():
        known_since = sites.known_since(one.source for one in theirs)
        assessment = assess(History(facts=history_facts(theirs), known_since=known_since), catalogue)
        said[patient] = sorted(
            finding_to_proto(found).SerializeToString(deterministic=True) for found in assessment.findings
        )
    return {patient: findings for patient, findings in said.items() if findings}
