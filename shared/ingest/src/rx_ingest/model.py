"""What reading an inbound record yields: entries, drafts of events and refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

from rx_clinical.model.facts import Moment
from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EdgeEvent

EventKey = NewType("EventKey", bytes)
"""16 bytes: see rx_clinical.facts.event_key."""

Pseudonym = NewType("Pseudonym", bytes)
"""16 bytes: see rx_runtime.pseudonym."""

WHOLE_DOCUMENT = -1
"""Entry number of a rejection that concerns the document, not one entry of it."""


class Position(NamedTuple):
    """A place in a topic."""

    partition: int
    offset: int


class EventVersion(NamedTuple):
    """One revision of one event."""

    key: EventKey
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRecord:
    """A record of `rx.inbound.v1` as it was received."""

    position: Position
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int = -1  # of the record, -1 if it carries none


@dataclass(frozen=True, slots=True, kw_only=True)
class UncodedProduct:
    """A product without a known code: one work item. Without a code, the display is what tells items apart."""

    system: str = ""
    code: str = ""
    display: str = ""

    @property
    def item(self) -> tuple[str, str, str]:
        """Identity of the work item."""
        return (self.system, self.code, "" if self.code else self.display)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedMedicine:
    """What the catalogue makes of a medicine."""

    coded: bool  # the core can assess it
    relevant: bool  # something in it is in our tables
    ingredients: tuple[str, ...]  # RxNorm, sorted
    form_key: str | None
    product_code: str | None
    unknown: tuple[UncodedProduct, ...] = ()  # parts that no table knows; () = fully coded


class EventClass(StrEnum):
    """How much a consumer must do for an event: the header `rx-class`."""

    IRRELEVANT = "irrelevant"  # first revision, fully coded, nothing in it concerns the rules
    RELEVANT = "relevant"
    CORRECTION = "correction"  # another revision exists, or it takes back or completes another event


CORRECTING_TYPES = frozenset({"stopped", "medication_handed_over", "medication_returned_to_stock", "medication_voided"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One valid event of an inbound record, before it is known whether it is new."""

    key: EventKey
    revision: int
    patient: Pseudonym
    content: bytes  # 16-byte hash of what the source said
    position: Position
    entry: int
    event: EdgeEvent
    site_id: str
    zone: str
    occurred: Moment
    medicine: CodedMedicine | None  # None: an event without a medicine
    merged_from: Pseudonym | None = None

    @property
    def version(self) -> EventVersion:
        """Identity with revision."""
        return EventVersion(self.key, self.revision)

    @property
    def unknown(self) -> tuple[UncodedProduct, ...]:
        """Parts of the medicine that no table knows."""
        return self.medicine.unknown if self.medicine else ()

    @property
    def event_class(self) -> EventClass:
        """Class of the first revision."""
        if self.event.type in CORRECTING_TYPES:
            return EventClass.CORRECTION
        passed_unread = self.medicine and not self.medicine.relevant and not self.medicine.unknown
        return EventClass.IRRELEVANT if passed_unread else EventClass.RELEVANT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """What one entry of a record says: events, or why it was refused."""

    number: int
    kind: str  # FHIR resource type, or type of the edge event
    drafts: tuple[Draft, ...] = ()
    error: EdgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecord:
    """What a record says."""

    record: InboundRecord
    entries: tuple[ReadEntry, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)
