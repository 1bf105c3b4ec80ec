"""What reading an inbound record yields: entries, drafts of events, and refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rx_clinical.model.facts import Moment
from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EdgeEvent
from rx_contracts.ids import EventKey, Pseudonym

WHOLE_DOCUMENT = -1
"""Entry number of a refusal that concerns the document, not one entry of it."""

UNKNOWN_KIND = "unknown"
"""Kind of an entry whose type cannot be read, or that is none of its format."""

UNNAMED_INGREDIENT = "0"
"""Code of an active ingredient that has no RxNorm code. No table holds it, so the compound stays uncoded."""

CORRECTING_TYPES = frozenset({"stopped", "medication_handed_over", "medication_returned_to_stock", "medication_voided"})
"""Edge event types that take back or complete another event."""


class Position(NamedTuple):
    """A record's partition and offset in its topic."""

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
    timestamp_ms: int = -1  # Unix time of the record, -1 if it carries none


@dataclass(frozen=True, slots=True, kw_only=True)
class UncodedProduct:
    """A product without a known code: one work item. Items without a code are told apart by their display text."""

    system: str = ""
    code: str = ""
    display: str = ""

    @property
    def item(self) -> tuple[str, str, str]:
        """Return the identity of the work item: system, code, and the display text only if there is no code."""
        return (self.system, self.code, "" if self.code else self.display)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedMedicine:
    """A medicine as the catalogue codes it."""

    coded: bool  # the clinical core can assess it
    relevant: bool  # the clinical tables hold an ingredient or the form
    ingredients: tuple[str, ...]  # RxNorm, sorted
    form_key: str | None
    product_code: str | None
    unknown: tuple[UncodedProduct, ...] = ()  # parts that no table holds; () = fully coded


class EventClass(StrEnum):
    """How much work an event is for a consumer: the header `rx-class`."""

    IRRELEVANT = "irrelevant"  # first revision, fully coded, no rule reads it
    RELEVANT = "relevant"
    CORRECTION = "correction"  # another revision exists, or the event is one of CORRECTING_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One valid event of an inbound record, before the store decides whether it is new."""

    key: EventKey
    revision: int
    patient: Pseudonym
    content: bytes  # 16-byte hash of everything the source stated
    position: Position
    entry: int
    event: EdgeEvent
    site_id: str
    zone: str  # IANA zone of the site
    occurred: Moment
    medicine: CodedMedicine | None  # None: an event without a medicine
    merged_from: Pseudonym | None = None

    @property
    def version(self) -> EventVersion:
        """Return the identity of the event with its revision."""
        return EventVersion(self.key, self.revision)

    @property
    def unknown(self) -> tuple[UncodedProduct, ...]:
        """Return the parts of the medicine that no table holds."""
        return self.medicine.unknown if self.medicine else ()

    @property
    def event_class(self) -> EventClass:
        """Return the class of the event, if this is its first revision."""
        if self.event.type in CORRECTING_TYPES:
            return EventClass.CORRECTION
        is_irrelevant = self.medicine and not self.medicine.relevant and not self.medicine.unknown
        return EventClass.IRRELEVANT if is_irrelevant else EventClass.RELEVANT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """One entry of a record: drafts of its events, or the reason for its refusal."""

    number: int
    kind: str  # FHIR resource type, or type of the edge event
    drafts: tuple[Draft, ...] = ()
    error: EdgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecord:
    """Every entry of a record in its order, and counts of entries that are no medication events, by type."""

    record: InboundRecord
    entries: tuple[ReadEntry, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def drafts(self) -> list[Draft]:
        """Return the drafts of all entries in order."""
        return [draft for entry in self.entries for draft in entry.drafts]
