"""What the monitor stores of a patient, and how it folds in one more event.

Folding is idempotent and commutative: any order, repetition or split of the same events gives the same facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rx_contracts.ids import EventKey


class StoredRevision(Protocol):
    """One revision of a fact, as a state keeps it."""

    @property
    def key(self) -> EventKey:
        """Key of the event, equal for every revision of it."""

    @property
    def revision(self) -> tuple[int, int]:
        """Source revision, coding revision; the higher pair wins."""

    @property
    def content(self) -> bytes:
        """Encoded event, opaque here."""


class EventRevision(NamedTuple):
    """One revision of a fact, as decoded from the event log."""

    key: EventKey
    revision: tuple[int, int]
    content: bytes

    def supersedes(self, other: StoredRevision) -> bool:
        """Return True if this revision replaces `other`. Content breaks a tie, so that arrival order never decides."""
        return (self.revision, self.content) > (other.revision, other.content)


@dataclass(slots=True)  # not frozen: one is made for every event, and freezing triples its cost
class Patient:
    """The highest revision of each fact of one patient. Never mutated once it is handed on."""

    events: Mapping[EventKey, StoredRevision] = field(default_factory=dict)
    position: int = -1
    """Offset in the event log of the newest event that changed the facts; -1 if none did."""
    findings_hash: bytes = b""
    """Content hash of the finding set published last; empty if none was."""
    fact_bits: int | None = None
    """Which rules the facts may concern, as bits of the clinical core; None if not computed."""
    is_assessed: bool = True
    """False if another ruleset assessed the facts, or none did because the state was rebuilt."""


UNKNOWN = Patient()
"""A patient without any relevant fact."""


def fold(patient: Patient, event: EventRevision, offset: int) -> Patient:
    """Return the patient with the event folded in; the same object if the event changes nothing (idempotent)."""
    stored = patient.events.get(event.key)
    if stored is not None and not event.supersedes(stored):
        return patient
    return Patient(
        events={**patient.events, event.key: event},
        position=max(patient.position, offset),
        findings_hash=patient.findings_hash,
        fact_bits=patient.fact_bits,
        is_assessed=patient.is_assessed,
    )
