"""Receipts and histories of the service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rx_contracts.ids import Pseudonym
from rx_ingest.model import Position, UncodedProduct


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The reason why an entry went to the dead-letter topic. Holds no patient data."""

    entry: int
    code: str
    reason: str


@dataclass(slots=True, kw_only=True)
class ResourceCount:
    """Entries of one kind: read = stored + unchanged + dead_letter."""

    kind: str
    read: int = 0
    stored: int = 0
    unchanged: int = 0
    dead_letter: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UncodedCount:
    """The number of events with one uncoded product."""

    product: UncodedProduct
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The outcome of one inbound record. Exists only after everything in it has been published."""

    position: Position
    resources: tuple[ResourceCount, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    uncoded: tuple[UncodedCount, ...] = ()
    event_positions: tuple[Position, ...] = ()  # highest offset of each partition
    patients: tuple[Pseudonym, ...] = ()


class CheckState(StrEnum):
    """State of the check of an event."""

    PENDING = "pending"
    CHECKED = "checked"
    NOT_ASSESSED = "not_assessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEvent:
    """The newest revision of one event, and whether the monitor has assessed it."""

    payload: bytes
    check_state: CheckState
    not_assessed_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MedicationHistory:
    """The recorded events of one patient, oldest first."""

    patient: Pseudonym
    events: tuple[HistoryEvent, ...]
    known_since: datetime | None
    newest_recorded: Mapping[str, datetime]  # of each source, for any patient
