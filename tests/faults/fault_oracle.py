"""What the monitor must have written for a log, worked out without the monitor: slow, obvious, event by event.

Two witnesses. The core, applied to the facts after each event of the log, says which finding sets must stand in the
topic, byte for byte. The reference evaluator, written apart from the core, says what the last sets must find.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b, sha256
from typing import Any

from pharmacy.events.v1.event_pb2 import Event
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_clinical import History, assess, load_catalogue
from rx_contracts.wire.event_facts import history_facts
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.finding_messages import coverage, finding_to_proto
from rx_monitor.adapters.protobuf.packing import unpack
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

from tests.faults.fault_load import history
from tests.reference.evaluator import evaluate

FIELDS = (
    "rule",
    "severity",
    "display",
    "anchor_event_id",
    "counterpart",
    "earliest_start_time",
    "no_start_time_reason",
    "ends_at",
    "urgency",
    "requires_confirmation",
)
"""What the reference evaluator says of a finding: all but words and reason codes."""


@dataclass(slots=True)
class Expected:
    """What must be held and published of one patient, after each event that changed something."""

    facts: dict[bytes, bytes] = field(default_factory=dict)  # encoded event of the highest revision, by key
    findings_hash: bytes = b""
    published: dict[int, bytes] = field(default_factory=dict)  # digest of the finding set by position
    contents: dict[int, bytes] = field(default_factory=dict)  # hash of what the findings say, by position
    states: dict[int, bytes] = field(default_factory=dict)  # digest of the state by position

    @property
    def position(self) -> int:
        return max(self.states, default=-1)


@dataclass(slots=True)
class Written:
    """What monitors have written of one patient, record by record."""

    sets: dict[int, bytes] = field(default_factory=dict)  # digest by position
    contents: dict[int, bytes] = field(default_factory=dict)  # hash by position
    newest_set: bytes = b""
    state_position: int = -1
    state: bytes = b""  # digest
    repeated: int = 0
    contradictions: list[int] = field(default_factory=list)  # positions with two contents

    def add_set(self, value: bytes) -> None:
        found = FindingSet.FromString(value)
        if found.position in self.sets:
            same = self.sets[found.position] == _digest(value)
            self.repeated += same
            self.contradictions += [] if same else [found.position]
            return
        if found.position > max(self.sets, default=-1):
            self.newest_set = value
        self.sets[found.position] = _digest(value)
        self.contents[found.position] = content_hash(found)

    def add_state(self, state: PatientState) -> None:
        if state.position >= self.state_position:
            events = [Event.FromString(unpack(packed)) for packed in state.packed_events]
            facts = {one.event_key: one.SerializeToString(deterministic=True) for one in events}
            self.state_position, self.state = state.position, _state_digest(facts, state.findings_hash)


@dataclass
class Verdict:
    """Counts over all patients: those in MUST_BE_0, and what a crash may leave. Examples help to find the reason."""

    events: int = 0
    patients: int = 0
    findings: int = 0
    lost: int = 0
    duplicated: int = 0
    spurious: int = 0
    differs_from_reference: int = 0
    states_wrong: int = 0
    states_behind: int = 0
    repeated: int = 0  # the same bytes at the same position once more: consumers ignore it
    written_again: int = 0  # what was said before, at the newest position: an owner wrote over an older record
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        """The counts that must be 0 and are not."""
        return {name: count for name in MUST_BE_0 if (count := getattr(self, name))}

    def note(self, kind: str, patient: bytes, position: int) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{kind}: patient {patient.hex()} at {position}")


MUST_BE_0 = ("lost", "duplicated", "spurious", "differs_from_reference", "states_wrong", "states_behind")
MOST_EXAMPLES = 20


class Oracle:
    """Reads the log in order, as far as there is one, and judges what monitors wrote for it."""

    def __init__(self) -> None:
        self.patients: dict[bytes, Expected] = {}
        self.events = 0
        self._read: dict[int, int] = {}  # by partition
        self._partitions: dict[bytes, int] = {}
        self._catalogue = load_catalogue()
        self._sites = load_sites(SHIPPED_SITES)

    def read(self, records: Iterable[Any]) -> None:
        """Take records of the event log, those of a partition in order; records taken before are passed over."""
        for record in records:
            if record.offset < self._read.get(record.partition, 0):
                continue
            self._read[record.partition] = record.offset + 1
            self.events += 1
            event = Event.FromString(record.value)
            self._partitions[record.key] = record.partition
            expected = self.patients.get(record.key)
            irrelevant = dict(record.headers)["rx-class"] == b"irrelevant"
            if not irrelevant or (expected and event.event_key in expected.facts):
                self._fold(self.patients.setdefault(record.key, Expected()), event, record.offset)

    def _fold(self, expected: Expected, event: Event, offset: int) -> None:
        patient = event.patient
        event.ClearField("patient")  # the key of a state says it
        encoded = event.SerializeToString(deterministic=True)
        held = expected.facts.get(event.event_key)
        if held is not None and _rank(held) >= _rank(encoded):
            return
        expected.facts[event.event_key] = encoded
        found = self._assess(patient, offset, expected.facts.values())
        expected.contents[offset] = content_hash(found)
        if expected.contents[offset] != expected.findings_hash and (found.findings or expected.findings_hash):
            expected.published[offset] = _digest(found.SerializeToString(deterministic=True))
            expected.findings_hash = expected.contents[offset]
        expected.states[offset] = _state_digest(expected.facts, expected.findings_hash)

    def _assess(self, patient: bytes, position: int, encoded: Iterable[bytes]) -> FindingSet:
        facts = history_facts(Event.FromString(one) for one in encoded)
        known_since = self._sites.known_since(fact.source for fact in facts)
        assessment = assess(History(facts=facts, known_since=known_since), self._catalogue)
        return FindingSet(
            patient=patient,
            ruleset_seq=self._catalogue.ruleset_seq,
            ruleset_version=self._catalogue.ruleset_version,
            position=position,
            findings=[finding_to_proto(one) for one in sorted(assessment.findings, key=lambda one: one.finding_id)],
            coverage=coverage(assessment),
        )

    def judge(self, written: Mapping[bytes, Written], *, all_kept: bool = True) -> Verdict:
        """Compare what was written so far with the log; whatever a state covers must have been published.

        `all_kept`: nothing has been compacted away, so every set ever due must be there, not just the last.
        """
        verdict = Verdict(events=self.events, patients=len(self.patients))
        for patient in self.patients.keys() | written.keys():
            expected, seen = self.patients.get(patient, Expected()), written.get(patient, Written())
            _judge_sets(verdict, patient, expected, seen, all_kept=all_kept)
            if seen.state_position >= 0 and expected.states.get(seen.state_position) != seen.state:
                verdict.note("states_wrong", patient, seen.state_position)
        return verdict

    def judge_end(self, verdict: Verdict, written: Mapping[bytes, Written]) -> None:
        """What must hold once the log is done: states at its end, and findings as the reference evaluator has them."""
        for patient, expected in self.patients.items():
            seen = written.get(patient, Written())
            if seen.state_position != expected.position:
                verdict.note("states_behind", patient, expected.position)
            if found_by_reference(patient) != found_in(FindingSet.FromString(seen.newest_set)):
                verdict.note("differs_from_reference", patient, expected.position)

    def unfinished(self, committed: Mapping[int, int], written: Mapping[bytes, Written]) -> dict[bytes, int]:
        """Patients with an event below the committed offset of its partition that their state does not have yet."""
        behind = {}
        for patient, expected in self.patients.items():
            reached = max((at for at in expected.states if at < committed[self._partitions[patient]]), default=-1)
            if reached > written.get(patient, Written()).state_position:
                behind[patient] = reached
        return behind


def _judge_sets(verdict: Verdict, patient: bytes, expected: Expected, seen: Written, *, all_kept: bool) -> None:
    due = [position for position in expected.published if position <= seen.state_position]
    for position in due if all_kept else due[-1:]:
        # A set written over again later, at a higher position, may have replaced it.
        if position not in seen.sets and (all_kept or max(seen.sets, default=-1) < position):
            verdict.note("lost", patient, position)
    for position, digest in seen.sets.items():
        if expected.published.get(position) == digest:
            continue
        if position not in expected.published and expected.contents.get(position) == seen.contents[position]:
            verdict.written_again += 1
        else:
            verdict.note("spurious", patient, position)
    for position in seen.contradictions:
        verdict.note("duplicated", patient, position)
    verdict.repeated += seen.repeated
    ids = [one.finding_id for one in FindingSet.FromString(seen.newest_set).findings]
    verdict.findings += len(ids)
    for _ in range(len(ids) - len(set(ids))):
        verdict.note("duplicated", patient, max(seen.sets))


def content_hash(found: FindingSet) -> bytes:
    """SHA-256 over findings and coverage, whoever drew them and wherever in the log."""
    content = FindingSet(findings=found.findings, coverage=found.coverage)
    return sha256(content.SerializeToString(deterministic=True)).digest()


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()


def _state_digest(facts: Mapping[bytes, bytes], findings_hash: bytes) -> bytes:
    return _digest(b"".join(facts[key] for key in sorted(facts)) + findings_hash)


def _rank(encoded: bytes) -> tuple[int, int, bytes]:
    event = Event.FromString(encoded)
    return event.source_revision, event.coding_revision, encoded


def found_in(found: FindingSet) -> list[str]:
    documents = [finding_json(one) for one in found.findings]
    return sorted(repr([document[name] for name in FIELDS]) for document in documents)


@cache  # what a new monitor has restored is compared with it once more
def found_by_reference(patient: bytes) -> list[str]:
    found = []
    for one in evaluate([one.fact for one in history(patient)], None):
        one["earliest_start_time"] = one["earliest_start"]
        found.append(repr([_as_text(one[name]) for name in FIELDS]))
    return sorted(found)


def _as_text(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value
