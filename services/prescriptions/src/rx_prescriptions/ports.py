"""What the handlers need from the outside."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rx_ingest.model import Draft, EventClass, EventKey, EventVersion, InboundRecord, Position, Pseudonym

from rx_prescriptions.domain.ledger import Held
from rx_prescriptions.domain.model import Receipt, Rejection, UncodedCount


class Encoder(Protocol):
    """Writes an event as `rx.medication-events.v1` carries it. Equal drafts give equal bytes."""

    def __call__(self, draft: Draft) -> bytes:
        """The encoded event."""
        ...


class CoreReads(Protocol):
    """Which events the rules can use."""

    def __call__(self, payload: bytes) -> bool:
        """The clinical core reads the fact of this encoded event; False: it is kept, but changes no answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A revision to store."""

    draft: Draft
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A revision stored by an earlier batch."""

    version: EventVersion
    patient: Pseudonym
    event_class: EventClass  # as the first revision
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An event on its way to `rx.medication-events.v1`."""

    version: EventVersion
    patient: Pseudonym
    event_class: EventClass
    classified_now: bool  # by the ruleset of this process; False: by the one of the process that stored the event
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record on its way to `rx.inbound.v1.dlq`, whole, with the reasons why entries of it were refused."""

    record: InboundRecord
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """The newest revision of a fact."""

    key: EventKey
    patient: Pseudonym
    source: str
    occurred: datetime  # earliest
    payload: bytes
    fully_coded: bool
    published: Position | None


class Writing(Protocol):
    """One transaction. No other writer decides anything until it ends."""

    async def held(self, keys: Collection[EventKey]) -> Sequence[Held]:
        """Every revision held of these events."""
        ...

    async def stored(self, versions: Collection[EventVersion]) -> Sequence[StoredEvent]:
        """These revisions, all of which are held."""
        ...

    async def save(self, events: Sequence[NewEvent], uncoded: Sequence[UncodedCount]) -> None:
        """Add revisions that are not held yet and count them on their work items."""
        ...


class EventStore(Protocol):
    """Events, receipts and work items. Every method raises DependencyUnavailable if the store does not answer."""

    def writing(self) -> AbstractAsyncContextManager[Writing]:
        """A transaction: committed when the block ends, undone when it raises."""
        ...

    async def finish(self, published: Mapping[EventVersion, Position], receipts: Sequence[Receipt]) -> None:
        """Note where events were published, and keep the receipts; repeating it changes nothing."""
        ...

    async def receipts(self, positions: Collection[Position]) -> Sequence[Receipt]:
        """Receipts of those positions that have one, in any order."""
        ...

    async def history(self, patients: Collection[Pseudonym]) -> Sequence[HistoryRow]:
        """The highest revision of every event of these patients, in any order."""
        ...

    async def newest_recorded(self) -> Mapping[str, datetime]:
        """Newest recorded time of each source."""
        ...

    async def uncoded(self, limit: int) -> Sequence[UncodedCount]:
        """Work items, most frequent first, then by code."""
        ...


class Outbound(Protocol):
    """The topics this service writes after storing."""

    async def send(self, events: Sequence[Publication], dead_letters: Sequence[DeadLetter]) -> Sequence[Position]:
        """Where each event stands, in order; returns once everything is acknowledged by all replicas.

        Raises DependencyUnavailable if the broker does not take it.
        """
        ...


class Inbound(Protocol):
    """The topic that everything comes in by."""

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Position:
        """Where the record stands, once the broker has acknowledged it. Raises DependencyUnavailable."""
        ...


class MonitorPositions(Protocol):
    """How far the monitor has come."""

    def passed(self, position: Position) -> bool:
        """The monitor has assessed the event at this place of `rx.medication-events.v1`."""
        ...


class KnownSince(Protocol):
    """What sources declare about their history."""

    def __call__(self, sources: Collection[str]) -> datetime | None:
        """Earliest instant from which one of them declares a complete history; None if none does."""
        ...
