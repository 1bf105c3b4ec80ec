"""What the handlers need from outside. The adapters implement it."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rx_contracts.ids import EventKey, Pseudonym
from rx_ingest.model import Draft, EventClass, EventVersion, InboundRecord, Position

from rx_prescriptions.domain.ledger import StoredRevision
from rx_prescriptions.domain.model import Receipt, Rejection, UncodedCount


class Encoder(Protocol):
    """Encodes a draft as `rx.medication-events.v1` carries it."""

    def __call__(self, draft: Draft) -> bytes:
        """Return the encoded event. Equal drafts give equal bytes."""
        ...


class IsReadByCore(Protocol):
    """Tells which events the rules can use."""

    def __call__(self, payload: bytes) -> bool:
        """Return True if the clinical core reads the fact of this encoded event. Other events change no finding."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A revision to store."""

    draft: Draft
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A revision that an earlier batch stored."""

    version: EventVersion
    patient: Pseudonym
    event_class: EventClass  # of the first revision
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An event to write to `rx.medication-events.v1`."""

    version: EventVersion
    patient: Pseudonym
    event_class: EventClass
    classified_now: bool  # with the ruleset of this process; False: with that of the process that stored the event
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A whole record to write to `rx.inbound.v1.dlq`, with the reasons why entries of it were refused."""

    record: InboundRecord
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """The newest revision of an event."""

    key: EventKey
    patient: Pseudonym
    source: str
    occurred: datetime  # earliest possible instant
    payload: bytes
    fully_coded: bool
    published: Position | None  # in rx.medication-events.v1


class EventTransaction(Protocol):
    """One transaction. Only one exists at a time: other writers wait until it ends."""

    async def stored_revisions(self, keys: Collection[EventKey]) -> Sequence[StoredRevision]:
        """Return every stored revision of these events."""
        ...

    async def stored_events(self, versions: Collection[EventVersion]) -> Sequence[StoredEvent]:
        """Return these revisions, all of which must be stored."""
        ...

    async def save(self, events: Sequence[NewEvent], uncoded: Sequence[UncodedCount]) -> None:
        """Add revisions that are not stored yet, and add the counts to their work items."""
        ...


class EventStore(Protocol):
    """Events, receipts and work items. Every method raises DependencyUnavailable if the store does not answer."""

    def transaction(self) -> AbstractAsyncContextManager[EventTransaction]:
        """Open a transaction. Commits at the end of the block; rolls back if the block raises or is cancelled."""
        ...

    async def complete(self, published: Mapping[EventVersion, Position], receipts: Sequence[Receipt]) -> None:
        """Store where events were published, and the receipts. Idempotent."""
        ...

    async def receipts(self, positions: Collection[Position]) -> Sequence[Receipt]:
        """Return the receipts of those positions that have one, in any order."""
        ...

    async def history(self, patients: Collection[Pseudonym]) -> Sequence[HistoryRow]:
        """Return the highest revision of every event of these patients, in any order."""
        ...

    async def newest_recorded(self) -> Mapping[str, datetime]:
        """Return the newest recorded time of each source."""
        ...

    async def uncoded(self, limit: int) -> Sequence[UncodedCount]:
        """Return at most `limit` work items, most frequent first, then by code."""
        ...


class OutboundTopics(Protocol):
    """The topics that the service writes after it has stored a batch."""

    async def send(self, events: Sequence[Publication], dead_letters: Sequence[DeadLetter]) -> Sequence[Position]:
        """Return the position of each event, in order, once all replicas have acknowledged everything.

        Raises DependencyUnavailable. A cancelled or failed call may have written a part.
        """
        ...


class InboundTopic(Protocol):
    """The topic `rx.inbound.v1`, the only write path for events."""

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Position:
        """Return the position of the record once the broker has acknowledged it. Raises DependencyUnavailable."""
        ...


class MonitorPositions(Protocol):
    """How far the monitor has processed the medication events."""

    def has_passed(self, position: Position) -> bool:
        """Return True if the monitor has assessed the event at this position of `rx.medication-events.v1`."""
        ...


class KnownSince(Protocol):
    """Since when the sources declare a complete history."""

    def __call__(self, sources: Collection[str]) -> datetime | None:
        """Return the earliest instant from which one of the sources declares a complete history; None if none does."""
        ...
