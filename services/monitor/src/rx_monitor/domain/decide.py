"""Decide what to publish for a batch. Pure: depends only on stored patients and the events.

Each event that changes a patient's facts is assessed on its own, and a finding set is published whenever its content
differs from the one before. So the published sequence is a function of the event log alone, not of how the log was cut
into batches or where a process crashed. That makes replay idempotent: a record repeated after a crash equals the one it
repeats, byte for byte.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion

from rx_monitor.domain.patient import UNKNOWN, EventRevision, Patient, StoredRevision, fold


class IncomingEvent(NamedTuple):
    """A decoded event with its patient and its offset in the event log."""

    patient: Pseudonym
    offset: int
    event: EventRevision


@dataclass(frozen=True, slots=True)
class EncodedFindings:
    """All findings of a patient, encoded. `content_hash` excludes the position."""

    value: bytes
    content_hash: bytes
    is_empty: bool


class Assessor(Protocol):
    """The clinical core with one ruleset: pure functions of a patient's facts. They may compute for milliseconds."""

    def fact_bits(self, events: Iterable[StoredRevision]) -> int:
        """Return which rules these facts may concern, as bits. Bits of several facts are the union of their bits."""

    def may_fire(self, patient: Patient) -> bool:
        """Return False only if no rule can produce a finding. May return True needlessly, never False wrongly."""

    def finding_set_version(self, patient: Patient) -> FindingSetVersion:
        """Return the version of the finding set that this assessor makes of the patient."""

    def __call__(self, name: Pseudonym, patient: Patient) -> EncodedFindings:
        """Return the findings of the patient at the patient's position."""


@dataclass(slots=True)
class BatchDecision:
    """What a batch publishes and stores."""

    findings: list[tuple[Pseudonym, bytes]] = field(default_factory=list)
    """Encoded finding sets, in the order of their events."""
    patients: dict[Pseudonym, Patient] = field(default_factory=dict)
    """Changed patients."""


def decide(
    known: Mapping[Pseudonym, Patient], events: Iterable[IncomingEvent], assess: Assessor, replay_end_offset: int = 0
) -> BatchDecision:
    """Fold each event in log order; after each change, assess the patient and publish the set if its content is new.

    Skips the assessment if no rule can fire, unless a set of another ruleset may have to be withdrawn. Fact bits of
    superseded revisions are kept: they cost an assessment without findings, never a finding. Events below
    `replay_end_offset` are only folded: their patients become due for reassessment.
    """
    decision = BatchDecision()
    for incoming in events:
        name = incoming.patient
        before = decision.patients.get(name) or known.get(name, UNKNOWN)
        after = fold(before, incoming.event, incoming.offset)
        if after is before:
            continue
        if incoming.offset < replay_end_offset:
            after.fact_bits, after.is_assessed = None, False
        else:
            after.fact_bits, after.is_assessed = _updated_fact_bits(before, incoming.event, after, assess), True
            # A patient who is due may have a published set that must be withdrawn, whatever can fire now.
            if assess.may_fire(after) or not before.is_assessed:
                after = _publish_if_new(decision, name, after, assess(name, after))
        decision.patients[name] = after
    return decision


def decide_reassessment(known: Mapping[Pseudonym, Patient], assess: Assessor) -> BatchDecision:
    """Assess patients whose facts are unchanged; publish each set whose content is new."""
    decision = BatchDecision()
    for name, before in known.items():
        bits = assess.fact_bits(before.events.values())
        patient = Patient(before.events, before.position, before.findings_hash, bits)
        if patient.findings_hash or assess.may_fire(patient):
            patient = _publish_if_new(decision, name, patient, assess(name, patient))
        decision.patients[name] = patient
    return decision


def _publish_if_new(decision: BatchDecision, name: Pseudonym, patient: Patient, found: EncodedFindings) -> Patient:
    """Add the set to the decision if its content is new; return the patient with the hash of its published set."""
    if not _is_new(found, patient):
        return patient
    decision.findings.append((name, found.value))
    return replace(patient, findings_hash=found.content_hash)


def _updated_fact_bits(before: Patient, event: EventRevision, after: Patient, assess: Assessor) -> int:
    if before.fact_bits is None:
        return assess.fact_bits(after.events.values())
    return before.fact_bits | assess.fact_bits((event,))


def _is_new(found: EncodedFindings, patient: Patient) -> bool:
    if not patient.findings_hash:
        return not found.is_empty
    return found.content_hash != patient.findings_hash
