"""What the monitor knows about a patient, and how one more event changes it.

Folding is a join of sets: any order, repetition or split of the same events gives the same facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NewType, Protocol

Pseudonym = NewType("Pseudonym", bytes)
"""Stands for a patient, 16 bytes; the key of every record."""

EventKey = NewType("EventKey", bytes)
"""Identity of a fact through all its revisions, 16 bytes."""


class Held(Protocol):
    """One revision of a fact, as it is kept."""

    @property
    def key(self) -> EventKey:
        """Which fact."""

    @property
    def revision(self) -> tuple[int, int]:
        """Source revision, coding revision."""

    @property
    def content(self) -> bytes:
        """The encoded event, opaque here."""


class HeldEvent(NamedTuple):
    """One revision of a fact, as it was read."""

    key: EventKey
    revision: tuple[int, int]
    content: bytes

    def supersedes(self, other: Held) -> bool:
        """The higher revision holds; the content breaks a tie, so that no order of arrival ever decides."""
        return (self.revision, self.content) > (other.revision, other.content)


@dataclass(slots=True)  # not frozen: one is made for every event, and that would triple what it costs
class Patient:
    """The highest revision seen of each fact of one patient. Never changed once it has been handed on."""

    events: Mapping[EventKey, Held] = field(default_factory=dict)
    position: int = -1  # offset of the newest event that changed the facts
    findings_hash: bytes = b""  # of the finding set last published; empty if none ever was
    kinds: int | None = None  # what the facts may bring to the rules, as bits of the clinical core; None: not known
    is_assessed: bool = True  # by our ruleset; False: by another one, or by none while the state was rebuilt


class Stamp(NamedTuple):
    """What orders the states of one patient: the highest holds, wherever its record stands."""

    build: int
    position: int
    ruleset_seq: int  # of the ruleset that assessed it, 0 = none yet


UNKNOWN = Patient()
"""A patient of whom no relevant fact is held."""


def fold(patient: Patient, event: HeldEvent, offset: int) -> Patient:
    """The patient with one more event; the same object if that event changes nothing."""
    held = patient.events.get(event.key)
    if held is not None and not event.supersedes(held):
        return patient
    return Patient(
        events={**patient.events, event.key: event},
        position=max(patient.position, offset),
        findings_hash=patient.findings_hash,
        kinds=patient.kinds,
        is_assessed=patient.is_assessed,
    )
