"""Ports of prescriptions in memory. The store meets the same contract tests as PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from rx_contracts.ids import EventKey, Pseudonym
from rx_ingest.model import EventVersion, Position
from rx_prescriptions.domain.ledger import StoredRevision
from rx_prescriptions.domain.model import Receipt, UncodedCount
from rx_prescriptions.ports import DeadLetter, HistoryRow, NewEvent, Publication, StoredEvent


class MemoryTransaction:
    """One transaction: its additions become visible when it commits."""

    def __init__(self, events: Mapping[EventVersion, NewEvent]) -> None:
        self._events = events
        self.added: dict[EventVersion, NewEvent] = {}
        self.uncoded: list[UncodedCount] = []

    async def stored_revisions(self, keys: Collection[EventKey]) -> Sequence[StoredRevision]:
        """See ports.EventTransaction."""
        return [
            StoredRevision(
                version=version,
                patient=new.draft.patient,
                content=new.draft.content,
                position=new.draft.position,
                entry=new.draft.entry,
            )
            for version, new in self._events.items()
            if version.key in keys
        ]

    async def stored_events(self, versions: Collection[EventVersion]) -> Sequence[StoredEvent]:
        """See ports.EventTransaction."""
        found = {version: self._events[version] for version in versions if version in self._events}
        return [
            StoredEvent(
                version=version, patient=new.draft.patient, event_class=new.draft.event_class, payload=new.payload
            )
            for version, new in found.items()
        ]

    async def save(self, events: Sequence[NewEvent], uncoded: Sequence[UncodedCount]) -> None:
        """See ports.EventTransaction."""
        self.added.update({new.draft.version: new for new in events})
        self.uncoded.extend(uncoded)


class MemoryEventStore:
    """The store for the life of the object."""

    def __init__(self) -> None:
        self._events: dict[EventVersion, NewEvent] = {}
        self._published: dict[EventVersion, Position] = {}
        self._receipts: dict[Position, Receipt] = {}
        self._uncoded: dict[tuple[str, str, str], UncodedCount] = {}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        """See ports.EventStore."""
        transaction = MemoryTransaction(self._events)
        yield transaction
        self._events.update(transaction.added)
        for count in transaction.uncoded:
            before = self._uncoded.get(count.product.item)
            self._uncoded[count.product.item] = UncodedCount(
                product=before.product if before else count.product,
                count=count.count + (before.count if before else 0),
            )

    async def complete(self, published: Mapping[EventVersion, Position], receipts: Sequence[Receipt]) -> None:
        """See ports.EventStore."""
        self._published.update(published)
        self._receipts.update({receipt.position: receipt for receipt in receipts})

    async def receipts(self, positions: Collection[Position]) -> Sequence[Receipt]:
        """See ports.EventStore."""
        return [self._receipts[position] for position in positions if position in self._receipts]

    async def history(self, patients: Collection[Pseudonym]) -> Sequence[HistoryRow]:
        """See ports.EventStore."""
        highest: dict[EventKey, NewEvent] = {}
        for version in sorted(self._events):
            new = self._events[version]
            if new.draft.patient in patients:
                highest[version.key] = new
        return [self._row(new) for new in highest.values()]

    def _row(self, new: NewEvent) -> HistoryRow:
        draft = new.draft
        return HistoryRow(
            key=draft.key,
            patient=draft.patient,
            source=draft.event.source,
            occurred=draft.occurred.earliest,
            payload=new.payload,
            fully_coded=not draft.unknown,
            published=self._published.get(draft.version),
        )

    async def newest_recorded(self) -> Mapping[str, datetime]:
        """See ports.EventStore."""
        newest: dict[str, datetime] = {}
        for event in (new.draft.event for new in self._events.values()):
            newest[event.source] = max(event.recorded_time, newest.get(event.source, event.recorded_time))
        return newest

    async def uncoded(self, limit: int) -> Sequence[UncodedCount]:
        """See ports.EventStore."""
        return sorted(self._uncoded.values(), key=lambda count: (-count.count, count.product.item))[:limit]


class MemoryOutboundTopics:
    """Topics as lists; one partition."""

    def __init__(self) -> None:
        self.events: list[Publication] = []
        self.dead_letters: list[DeadLetter] = []

    async def send(self, events: Sequence[Publication], dead_letters: Sequence[DeadLetter]) -> Sequence[Position]:
        """See ports.OutboundTopics."""
        first = len(self.events)
        self.events.extend(events)
        self.dead_letters.extend(dead_letters)
        return [Position(0, first + number) for number in range(len(events))]


class MemoryInboundTopic:
    """The inbound topic as a list."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes, Sequence[tuple[str, bytes]]]] = []

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Position:
        """See ports.InboundTopic."""
        self.records.append((key, value, headers))
        return Position(0, len(self.records) - 1)
