"""Hand-written stand-ins for the monitor's ports: they record what happens and in which order."""

import hashlib
import sys
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import pytest
from rx_contracts.ids import EventKey, Pseudonym
from rx_contracts.versions import FindingSetVersion, StateVersion
from rx_monitor.domain.decide import EncodedFindings
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.patient import EventRevision, Patient
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import Rebuilds
from rx_monitor.domain.store import PartitionStore, Stores
from rx_monitor.handlers.process_batch import process_batch
from rx_monitor.handlers.reassess import reassess
from rx_monitor.lifecycle.worker import MonitorWorker
from rx_monitor.ports import Batch, Ports, PublishedSet

GENERATION = 3
PARTITION = 2
RULESET = b"3"
ANNA, BERT = Pseudonym(b"A" * 16), Pseudonym(b"B" * 16)


class Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def record(offset, name, *, patient=ANNA, revision=1, text="", kind=b"relevant"):
    """An event `name` of a patient; its value is readable text."""
    key = name.encode().ljust(16, b".")
    value = f"{name}|{revision}|{text}".encode()
    return Record(offset, patient, value, [("rx-class", kind), ("rx-event-key", key), ("rx-ruleset", RULESET)])


def held(name, revision=1, text=""):
    """The same event as the codec below reads it."""
    content = f"{name}|{revision}|{text}".encode()
    return EventRevision(key=EventKey(name.encode().ljust(16, b".")), revision=(revision, 0), content=content)


class TextCodec:
    """One line an event, the position and the hash in the first."""

    def decode_event(self, record):
        return self._held(record.value)

    def decode_state(self, encoded):
        head, *lines = encoded.split(b"\n")
        position, findings_hash, assessed = head.split(b" ")
        events = [self._held(line.split(b" ", 1)[1]) for line in lines]
        published = bytes.fromhex(findings_hash.decode())
        return Patient({one.key: one for one in events}, int(position), published, is_assessed=assessed == b"assessed")

    def encode_state(self, patient):
        head = (
            f"{patient.position} {patient.findings_hash.hex()} {'assessed' if patient.is_assessed else 'due'}".encode()
        )
        return b"\n".join([head, *(key + b" " + patient.events[key].content for key in sorted(patient.events))])

    def state_version(self, encoded):
        patient = self.decode_state(encoded)
        return StateVersion(0, patient.position, 1 if patient.is_assessed else 0)

    def may_hold(self, encoded, key):
        return key in encoded

    def _held(self, content):
        name, revision, text = content.decode().split("|")
        return held(name, int(revision), text)


class TextRelevance:
    """Trusts one ruleset; of the others only vitamins are irrelevant."""

    trusted_rulesets = frozenset({RULESET})

    def concerns_rules(self, value):
        return not value.startswith(b"vitamin|")


class AssessPairs:
    """Finds one thing: that the patient holds both `opioid` and `blocker`, neither of them void."""

    KINDS = MappingProxyType({b"opioid": 1, b"blocker": 2})

    def __init__(self, state_epoch=0):
        self.assessed = []
        self.state_epoch = state_epoch

    def fact_bits(self, events):
        return sum({self.KINDS.get(one.content.split(b"|")[0], 0) for one in events})

    def may_fire(self, patient):
        return patient.fact_bits == 3

    def finding_set_version(self, patient):
        return FindingSetVersion(self.state_epoch, 1, patient.position)

    def __call__(self, name, patient):
        self.assessed.append(name)
        names = {one.content.split(b"|")[0] for one in patient.events.values()}
        found = [b"WR"] if {b"opioid", b"blocker"} <= names and b"void" not in names else []
        found += [one.content for one in patient.events.values() if one.key.startswith(b"blocker") and found]
        content = name + b",".join(found)
        return EncodedFindings(
            value=content + f"@{patient.position}".encode(),
            content_hash=hashlib.sha256(content).digest(),
            is_empty=not found,
        )


class BrokerDownError(Exception):
    pass


@dataclass
class RecordingOutbox:
    """Keeps what was acknowledged, in order; refuses what `fails_at` names."""

    progress: Progress
    log: list = field(default_factory=list)
    fails_at: str = ""
    ends: dict = field(default_factory=lambda: {"findings": 0, "states": 0})
    max_record_bytes: int = 1000

    async def publish_findings(self, partition, records):
        return await self._take("findings", partition, records)

    async def write_states(self, partition, records):
        return await self._take("states", partition, records)

    async def _take(self, kind, partition, records):
        if kind == self.fails_at:
            raise BrokerDownError
        taken = list(records)
        self.log.append((kind, partition, taken, self.progress.positions().get(partition)))
        first = self.ends[kind]
        self.ends[kind] += len(taken)
        return range(first, self.ends[kind])

    def sent(self, kind):
        return [record for what, _, records, _ in self.log if what == kind for record in records]


class ForeignOutputLog:
    """Records that another producer has written to the topics of an outbox, as the test adds them."""

    def __init__(self, outbox):
        self.outbox = outbox
        self.by_kind = {"findings": {}, "states": {}}

    def add(self, kind, name, version, content_hash=b"something else"):
        """Add one record at the end of the topic."""
        one = PublishedSet(name, version, content_hash) if kind == "findings" else (name, version)
        self.by_kind[kind][self.outbox.ends[kind]] = one
        self.outbox.ends[kind] += 1

    async def read_findings(self, _, offsets):
        return self._at("findings", offsets)

    async def read_states(self, _, offsets):
        return self._at("states", offsets)

    def _at(self, kind, offsets):
        return [self.by_kind[kind][n] for stretch in offsets for n in stretch if n in self.by_kind[kind]]


def batch(*records, end_offset=100):
    return Batch(generation=GENERATION, partition=PARTITION, records=records, end_offset=end_offset)


@pytest.fixture
def make():
    """The builders of this module: tests are no package, they cannot import it."""
    return sys.modules[__name__]


@dataclass
class MonitorKit:
    """The ports of a monitor, its state, and what tests do with both."""

    ports: Ports
    state: PartitionState

    def __getattr__(self, name):
        owner = self.ports if hasattr(self.ports, name) else self.state
        return getattr(owner, name)

    async def process(self, batch):
        return await process_batch(batch, self.ports, self.state)

    async def reassess(self, generation):
        return await reassess(generation, self.ports, self.state)

    def worker(self, changelog, progress_log, health):
        return MonitorWorker(self.ports, self.state, changelog, progress_log, health)

    def with_ports(self, **changes):
        return MonitorKit(replace(self.ports, **changes), self.state)


@pytest.fixture
def kit():
    """A monitor that owns one empty partition from offset 10 on."""
    state = PartitionState(Stores(), Progress(), Rebuilds())
    state.progress.on_assigned(GENERATION, {PARTITION: 10})
    state.stores.activate(GENERATION, {PARTITION: PartitionStore({})})
    outbox = RecordingOutbox(state.progress)
    ports = Ports(
        codec=TextCodec(),
        relevance=TextRelevance(),
        assess=AssessPairs(),
        outbox=outbox,
        output_log=ForeignOutputLog(outbox),
    )
    return MonitorKit(ports, state)
