"""What the monitor must have written for a log, worked out without the monitor: slow, obvious, event by event.

Two witnesses. The core, applied to the facts after each event of the log, says which finding sets must stand in the
topic, byte for byte. The reference evaluator, written apart from the core, says what the last sets must find.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from pharmacy.events.v1.event_pb2 import Event
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_clinical import History, assess, load_catalogue
from rx_contracts.translate import finding_json, finding_set, finding_set_hash, history_facts
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
from evaluator import evaluate

Facts = Mapping[bytes, list[dict[str, Any]]]
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


@dataclass
class Expected:
    """What must be held and published of one patient, after each event that changed something."""

    facts: dict[bytes, bytes] = field(default_factory=dict)  # encoded event of the highest revision, by key
    findings_hash: bytes = b""
    published: dict[int, bytes] = field(default_factory=dict)  # finding set by position
    states: dict[int, bytes] = field(default_factory=dict)  # digest of the state by position

    @property
    def position(self) -> int:
        return max(self.states, default=-1)


@dataclass
class Verdict:
    """Counts over all patients: all but `repeated` must be 0. Examples help to find the reason."""

    events: int = 0
    patients: int = 0
    findings: int = 0
    lost: int = 0
    duplicated: int = 0
    spurious: int = 0
    differs_from_reference: int = 0
    states_wrong: int = 0
    states_behind: int = 0
    repeated: int = 0  # the same bytes at the same position once more: what a crash leaves, and consumers ignore
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        """The counts that must be 0 and are not."""
        names = ("lost", "duplicated", "spurious", "differs_from_reference", "states_wrong", "states_behind")
        return {name: count for name in names if (count := getattr(self, name))}

    def note(self, kind: str, patient: bytes, position: int) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 20:
            self.examples.append(f"{kind}: patient {patient.hex()} at {position}")


class Oracle:
    """Reads the log in order, as far as there is one, and judges what monitors wrote for it."""

    def __init__(self) -> None:
        self.patients: dict[bytes, Expected] = {}
        self.events = 0
        self._read: dict[int, int] = {}  # by partition
        self._partitions: dict[bytes, int] = {}
        self._catalogue = load_catalogue()
        self._sites = load_sites(SHIPPED_SITES)
        # Many patients of a load share a history, so an assessment is kept by what it depends on.
        self._assess = lru_cache(maxsize=100_000)(self._assess_facts)

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
        encoded = event.SerializeToString(deterministic=True)
        held = expected.facts.get(event.event_key)
        if held is not None and _rank(held) >= _rank(encoded):
            return
        expected.facts[event.event_key] = encoded
        found = FindingSet.FromString(self._assess(frozenset(map(_anonymous, expected.facts.values()))))
        found.patient, found.position = event.patient, offset
        content_hash = finding_set_hash(found)
        if content_hash != expected.findings_hash and (found.findings or expected.findings_hash):
            expected.published[offset] = found.SerializeToString(deterministic=True)
            expected.findings_hash = content_hash
        expected.states[offset] = _digest(expected.facts, expected.findings_hash)

    def _assess_facts(self, encoded: frozenset[bytes]) -> bytes:
        facts = history_facts(Event.FromString(one) for one in sorted(encoded))
        known_since = self._sites.known_since(fact.source for fact in facts)
        assessment = assess(History(facts=facts, known_since=known_since), self._catalogue)
        return finding_set(b"", 0, assessment, self._catalogue).SerializeToString(deterministic=True)

    def judge(self, findings: Iterable[Any], states: Mapping[bytes, PatientState], *, all_kept: bool = True) -> Verdict:
        """Compare with the records of the findings topic and the newest states.

        Whatever a state covers must have been published, though the log may go further. `all_kept`: nothing has been
        compacted away, so every set ever due must be there, not just the last.
        """
        verdict = Verdict(events=self.events, patients=len(self.patients))
        seen: dict[bytes, dict[int, bytes]] = {}
        for record in findings:
            position = FindingSet.FromString(record.value).position
            sets = seen.setdefault(record.key, {})
            if position not in sets:
                sets[position] = record.value
            elif sets[position] == record.value:
                verdict.repeated += 1
            else:
                verdict.note("duplicated", record.key, position)
        for patient in self.patients.keys() | seen.keys() | states.keys():
            expected = self.patients.get(patient, Expected())
            state = states.get(patient, PatientState(position=-1))
            _judge_sets(verdict, patient, expected, seen.get(patient, {}), covered=state.position, all_kept=all_kept)
            _judge_state(verdict, patient, expected, state)
        return verdict

    def judge_end(self, verdict: Verdict, states: Mapping[bytes, PatientState], facts: Facts) -> None:
        """What must hold once the log is done: states at its end, and findings as the reference evaluator has them.

        `facts`: of each patient the load in the words of the reference evaluator.
        """
        for patient, expected in self.patients.items():
            if patient not in states or states[patient].position != expected.position:
                verdict.note("states_behind", patient, expected.position)
            last = expected.published[max(expected.published)] if expected.published else b""
            if found_by_reference(facts[patient]) != found_in(FindingSet.FromString(last)):
                verdict.note("differs_from_reference", patient, expected.position)

    def unfinished(self, committed: Mapping[int, int], states: Mapping[bytes, PatientState]) -> dict[bytes, int]:
        """Patients with an event below the committed offset of its partition that their state does not have yet."""
        behind = {}
        for patient, expected in self.patients.items():
            reached = max((at for at in expected.states if at < committed[self._partitions[patient]]), default=-1)
            if reached > (states[patient].position if patient in states else -1):
                behind[patient] = reached
        return behind


def _judge_sets(
    verdict: Verdict, patient: bytes, expected: Expected, sets: Mapping[int, bytes], *, covered: int, all_kept: bool
) -> None:
    due = [position for position in expected.published if position <= covered]
    for position in due if all_kept else due[-1:]:
        if position not in sets:
            verdict.note("lost", patient, position)
    for position, value in sets.items():
        if expected.published.get(position) != value:
            verdict.note("spurious", patient, position)
    if sets:
        ids = [one.finding_id for one in FindingSet.FromString(sets[max(sets)]).findings]
        verdict.findings += len(ids)
        for _ in range(len(ids) - len(set(ids))):
            verdict.note("duplicated", patient, max(sets))


def _judge_state(verdict: Verdict, patient: bytes, expected: Expected, state: PatientState) -> None:
    if state.position >= 0:
        facts = {one.event_key: one.SerializeToString(deterministic=True) for one in state.events}
        if expected.states.get(state.position) != _digest(facts, state.findings_hash):
            verdict.note("states_wrong", patient, state.position)


def _digest(facts: Mapping[bytes, bytes], findings_hash: bytes) -> bytes:
    return sha256(b"".join(facts[key] for key in sorted(facts)) + findings_hash).digest()


def _rank(encoded: bytes) -> tuple[int, int, bytes]:
    event = Event.FromString(encoded)
    return event.source_revision, event.coding_revision, encoded


def _anonymous(encoded: bytes) -> bytes:
    event = Event.FromString(encoded)
    event.ClearField("patient")
    return event.SerializeToString(deterministic=True)


def found_in(found: FindingSet) -> list[str]:
    documents = [finding_json(one) for one in found.findings]
    return sorted(repr([document[name] for name in FIELDS]) for document in documents)


def found_by_reference(facts: list[dict[str, Any]]) -> list[str]:
    found = []
    for one in evaluate(facts, None):
        one["earliest_start_time"] = one["earliest_start"]
        found.append(repr([_as_text(one[name]) for name in FIELDS]))
    return sorted(found)


def _as_text(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value
