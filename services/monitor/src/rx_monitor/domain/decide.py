"""What goes out for a batch of events: a pure function of what is held and what came in.

Each event that changes a patient's facts is assessed on its own, and a set is published whenever it says something
else than the one before. So the published sequence is a function of the event log alone, never of how the log was cut
into batches or where a process died: a record repeated after a crash equals the one it repeats, byte for byte.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from rx_monitor.domain.patient import UNKNOWN, Held, HeldEvent, Patient, Pseudonym, fold


class Incoming(NamedTuple):
    """An event as read: whose it is and at which offset it stands."""

    patient: Pseudonym
    offset: int
    event: HeldEvent


@dataclass(frozen=True, slots=True)
class FindingSet:
    """The whole of a patient's findings, encoded. `content_hash` leaves the position out."""

    value: bytes
    content_hash: bytes
    is_empty: bool


class Assessor(Protocol):
    """The clinical core: functions of a patient's facts."""

    def kinds(self, events: Iterable[Held]) -> int:
        """What these facts may bring to the rules, as bits: those of many are the union of those of each."""

    def may_fire(self, patient: Patient) -> bool:
        """Some rule could find something, told from the patient's kinds; False is certain, True is not."""

    def __call__(self, name: Pseudonym, patient: Patient) -> FindingSet:
        """The findings of the patient at the patient's position."""


@dataclass(slots=True)
class Decision:
    """What a batch amounts to: finding sets in the order of their events, and the changed patients."""

    findings: list[tuple[Pseudonym, bytes]] = field(default_factory=list)
    patients: dict[Pseudonym, Patient] = field(default_factory=dict)


def decide(
    known: Mapping[Pseudonym, Patient], events: Iterable[Incoming], assess: Assessor, silent_below: int = 0
) -> Decision:
    """Fold each event in the order of the log; where that changed something, assess and publish what is new.

    A patient about whom no rule could speak is not assessed, unless something of another ruleset may stand. Bits of
    facts since superseded stay: they cost an assessment that finds nothing, and never a finding. Events below the
    offset `silent_below` are folded only: their patients are due to be assessed later.
    """
    decision = Decision()
    for incoming in events:
        name = incoming.patient
        before = decision.patients.get(name) or known.get(name, UNKNOWN)
        after = fold(before, incoming.event, incoming.offset)
        if after is before:
            continue
        if incoming.offset < silent_below:
            after.kinds, after.is_assessed = None, False
        else:
            after.kinds, after.is_assessed = _kinds(before, incoming.event, after, assess), True
            # What stands for a patient who is due may have to be withdrawn, whatever the rules can say now.
            if assess.may_fire(after) or not before.is_assessed:
                after = _published(decision, name, after, assess(name, after))
        decision.patients[name] = after
    return decision


def assess_anew(known: Mapping[Pseudonym, Patient], assess: Assessor) -> Decision:
    """Assess patients whose facts have not changed; publish where that says something else than before."""
    decision = Decision()
    for name, before in known.items():
        kinds = assess.kinds(before.events.values())
        patient = Patient(before.events, before.position, before.findings_hash, kinds)
        if patient.findings_hash or assess.may_fire(patient):
            patient = _published(decision, name, patient, assess(name, patient))
        decision.patients[name] = patient
    return decision


def _published(decision: Decision, name: Pseudonym, patient: Patient, found: FindingSet) -> Patient:
    """Note the set as due to be published; the patient with its hash, or as before if that says nothing new."""
    if not _says_something_new(found, patient):
        return patient
    decision.findings.append((name, found.value))
    return replace(patient, findings_hash=found.content_hash)


def _kinds(before: Patient, event: HeldEvent, after: Patient, assess: Assessor) -> int:
    if before.kinds is None:
        return assess.kinds(after.events.values())
    return before.kinds | assess.kinds((event,))


def _says_something_new(found: FindingSet, patient: Patient) -> bool:
    if not patient.findings_hash:
        return not found.is_empty
    return found.content_hash != patient.findings_hash
