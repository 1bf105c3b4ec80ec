"""The event store on PostgreSQL. A batch of any size takes a fixed number of statements."""

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from rx_contracts.ids import EventKey, Pseudonym
from rx_ingest.model import EventClass, EventVersion, Position, UncodedProduct
from rx_runtime.postgres import reachable

from rx_prescriptions.adapters.receipt_json import receipt_from_json, receipt_to_json
from rx_prescriptions.domain.ledger import StoredRevision
from rx_prescriptions.domain.model import Receipt, UncodedCount
from rx_prescriptions.ports import HistoryRow, NewEvent, StoredEvent

_STORE = "the event store"
# Whether an event is new depends on every stored revision, so one writer decides at a time. Each schema has its lock.
_ADVISORY_LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema()))"
_SELECT_REVISIONS = """
    SELECT event_key, source_revision, patient, content_hash, inbound_partition, inbound_offset, inbound_entry
    FROM event_revisions WHERE event_key = ANY($1::bytea[])
"""
_SELECT_STORED_EVENTS = """
    SELECT event_key, source_revision, patient, event_class, payload
    FROM event_revisions JOIN unnest($1::bytea[], $2::bigint[]) AS wanted (event_key, source_revision)
    USING (event_key, source_revision)
"""
_EVENT_COLUMNS = (
    "event_key",
    "source_revision",
    "patient",
    "source",
    "occurred_time",
    "content_hash",
    "inbound_partition",
    "inbound_offset",
    "inbound_entry",
    "event_class",
    "fully_coded",
    "payload",
)
_ADD_UNCODED_COUNTS = """
    INSERT INTO uncoded_products (system, code, text_digest, display, count)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[])
    ON CONFLICT (system, code, text_digest) DO UPDATE SET count = uncoded_products.count + excluded.count
"""
_UPSERT_SOURCES = """
    INSERT INTO sources (source, newest_recorded_time) SELECT * FROM unnest($1::text[], $2::timestamptz[])
    ON CONFLICT (source) DO UPDATE
    SET newest_recorded_time = greatest(sources.newest_recorded_time, excluded.newest_recorded_time)
"""
_UPDATE_PUBLISHED = """
    UPDATE event_revisions SET published_partition = sent.partition, published_offset = sent.at
    FROM unnest($1::bytea[], $2::bigint[], $3::integer[], $4::bigint[]) AS sent (event_key, revision, partition, at)
    WHERE event_revisions.event_key = sent.event_key AND event_revisions.source_revision = sent.revision
"""
_UPSERT_RECEIPTS = """
    INSERT INTO receipts (inbound_partition, inbound_offset, content)
    SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[])
    ON CONFLICT (inbound_partition, inbound_offset) DO UPDATE SET content = excluded.content
"""
_SELECT_RECEIPTS = """
    SELECT inbound_partition, inbound_offset, content
    FROM receipts JOIN unnest($1::integer[], $2::bigint[]) AS asked (inbound_partition, inbound_offset)
    USING (inbound_partition, inbound_offset)
"""
_SELECT_HISTORY = """
    SELECT DISTINCT ON (event_key)
        event_key, patient, source, occurred_time, payload, fully_coded, published_partition, published_offset
    FROM event_revisions WHERE patient = ANY($1::bytea[]) ORDER BY event_key, source_revision DESC
"""
_SELECT_SOURCES = "SELECT source, newest_recorded_time FROM sources"
_SELECT_UNCODED = (
    "SELECT system, code, display, count FROM uncoded_products ORDER BY count DESC, system, code, display LIMIT $1"
)


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Return rows as one array for each column, as `unnest` takes them."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]


class PostgresTransaction:
    """One transaction on one connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def stored_revisions(self, keys: Collection[EventKey]) -> Sequence[StoredRevision]:
        """See ports.EventTransaction."""
        return [
            StoredRevision(
                version=EventVersion(row["event_key"], row["source_revision"]),
                patient=row["patient"],
                content=row["content_hash"],
                position=Position(row["inbound_partition"], row["inbound_offset"]),
                entry=row["inbound_entry"],
            )
            for row in await self._connection.fetch(_SELECT_REVISIONS, list(keys))
        ]

    async def stored_events(self, versions: Collection[EventVersion]) -> Sequence[StoredEvent]:
        """See ports.EventTransaction."""
        if not versions:
            return []
        return [
            StoredEvent(
                version=EventVersion(row["event_key"], row["source_revision"]),
                patient=row["patient"],
                event_class=EventClass(row["event_class"]),
                payload=row["payload"],
            )
            for row in await self._connection.fetch(_SELECT_STORED_EVENTS, *_columns(versions, 2))
        ]

    async def save(self, events: Sequence[NewEvent], uncoded: Sequence[UncodedCount]) -> None:
        """See ports.EventTransaction."""
        if not events:
            return
        await self._connection.copy_records_to_table(
            "event_revisions", records=map(_event_row, events), columns=_EVENT_COLUMNS
        )
        newest: dict[str, datetime] = {}
        for event in (new.draft.event for new in events):
            newest[event.source] = max(event.recorded_time, newest.get(event.source, event.recorded_time))
        await self._connection.execute(_UPSERT_SOURCES, *_columns(newest.items(), 2))
        items = [_uncoded_row(count) for count in uncoded]
        if items:
            await self._connection.execute(_ADD_UNCODED_COUNTS, *_columns(items, 5))


def _event_row(new: NewEvent) -> tuple[Any, ...]:
    """Return the values of _EVENT_COLUMNS."""
    draft = new.draft
    return (
        draft.key,
        draft.revision,
        draft.patient,
        draft.event.source,
        draft.occurred.earliest,
        draft.content,
        draft.position.partition,
        draft.position.offset,
        draft.entry,
        draft.event_class.value,
        not draft.unknown,
        new.payload,
    )


def _uncoded_row(uncoded: UncodedCount) -> tuple[str, str, bytes, str, int]:
    """Return the values that _ADD_UNCODED_COUNTS takes."""
    system, code, text = uncoded.product.item
    digest = hashlib.sha256(text.encode()).digest() if text else b""
    return system, code, digest, uncoded.product.display, uncoded.count


class PostgresEventStore:
    """The store in the tables of the migrations. The search path of `pool` is their schema alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Open a transaction. Blocks while another writer has one."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_ADVISORY_LOCK)
            yield PostgresTransaction(connection)

    async def complete(self, published: Mapping[EventVersion, Position], receipts: Sequence[Receipt]) -> None:
        """See ports.EventStore."""
        sent = sorted((*version, *position) for version, position in published.items())
        written = [(*receipt.position, receipt_to_json(receipt)) for receipt in receipts]
        async with self._connection() as connection, connection.transaction():
            if sent:
                await connection.execute(_UPDATE_PUBLISHED, *_columns(sent, 4))
            await connection.execute(_UPSERT_RECEIPTS, *_columns(written, 3))

    async def receipts(self, positions: Collection[Position]) -> Sequence[Receipt]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_SELECT_RECEIPTS, *_columns(positions, 2))
        return [
            receipt_from_json(Position(row["inbound_partition"], row["inbound_offset"]), row["content"]) for row in rows
        ]

    async def history(self, patients: Collection[Pseudonym]) -> Sequence[HistoryRow]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_SELECT_HISTORY, list(patients))
        return [
            HistoryRow(
                key=row["event_key"],
                patient=row["patient"],
                source=row["source"],
                occurred=row["occurred_time"],
                payload=row["payload"],
                fully_coded=row["fully_coded"],
                published=None
                if row["published_offset"] is None
                else Position(row["published_partition"], row["published_offset"]),
            )
            for row in rows
        ]

    async def newest_recorded(self) -> Mapping[str, datetime]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            return {row["source"]: row["newest_recorded_time"] for row in await connection.fetch(_SELECT_SOURCES)}

    async def uncoded(self, limit: int) -> Sequence[UncodedCount]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_SELECT_UNCODED, limit)
        return [
            UncodedCount(
                product=UncodedProduct(system=row["system"], code=row["code"], display=row["display"]),
                count=row["count"],
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        async with reachable(_STORE), self._pool.acquire() as connection:
            yield connection
