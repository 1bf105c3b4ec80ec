"""The store on PostgreSQL: every batch in a handful of statements, whatever its size."""

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from rx_ingest.model import EventClass, EventKey, EventVersion, Position, Pseudonym, UncodedProduct
from rx_runtime.postgres import reachable

from rx_prescriptions.adapters.codec import receipt_from_json, receipt_to_json
from rx_prescriptions.domain.ledger import Held
from rx_prescriptions.domain.model import Receipt, UncodedCount
from rx_prescriptions.ports import HistoryRow, NewEvent, StoredEvent

_STORE = "the event store"
# Whether an event is new depends on every revision held, so one writer decides at a time. The lock is of the schema.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema()))"
_HELD = """
    SELECT event_key, source_revision, patient, content_hash, inbound_partition, inbound_offset, inbound_entry
    FROM event_revisions WHERE event_key = ANY($1::bytea[])
"""
_STORED = """
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
_COUNT_UNCODED = """
    INSERT INTO uncoded_products (system, code, text_digest, display, count)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[])
    ON CONFLICT (system, code, text_digest) DO UPDATE SET count = uncoded_products.count + excluded.count
"""
_FRESHEN = """
    INSERT INTO sources (source, newest_recorded_time) SELECT * FROM unnest($1::text[], $2::timestamptz[])
    ON CONFLICT (source) DO UPDATE
    SET newest_recorded_time = greatest(sources.newest_recorded_time, excluded.newest_recorded_time)
"""
_PUBLISHED = """
    UPDATE event_revisions SET published_partition = sent.partition, published_offset = sent.at
    FROM unnest($1::bytea[], $2::bigint[], $3::integer[], $4::bigint[]) AS sent (event_key, revision, partition, at)
    WHERE event_revisions.event_key = sent.event_key AND event_revisions.source_revision = sent.revision
"""
_KEEP_RECEIPTS = """
    INSERT INTO receipts (inbound_partition, inbound_offset, content)
    SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[])
    ON CONFLICT (inbound_partition, inbound_offset) DO UPDATE SET content = excluded.content
"""
_RECEIPTS = """
    SELECT inbound_partition, inbound_offset, content
    FROM receipts JOIN unnest($1::integer[], $2::bigint[]) AS asked (inbound_partition, inbound_offset)
    USING (inbound_partition, inbound_offset)
"""
_HISTORY = """
    SELECT DISTINCT ON (event_key)
        event_key, patient, source, occurred_time, payload, fully_coded, published_partition, published_offset
    FROM event_revisions WHERE patient = ANY($1::bytea[]) ORDER BY event_key, source_revision DESC
"""
_NEWEST = "SELECT source, newest_recorded_time FROM sources"
_UNCODED = (
    "SELECT system, code, display, count FROM uncoded_products ORDER BY count DESC, system, code, display LIMIT $1"
)


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as one array a column, which is how unnest takes them."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]


class PostgresWriting:
    """One transaction on one connection."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # asyncpg types no pooled connection
        self._connection = connection

    async def held(self, keys: Collection[EventKey]) -> Sequence[Held]:
        """See ports.Writing."""
        return [
            Held(
                version=EventVersion(row["event_key"], row["source_revision"]),
                patient=row["patient"],
                content=row["content_hash"],
                position=Position(row["inbound_partition"], row["inbound_offset"]),
                entry=row["inbound_entry"],
            )
            for row in await self._connection.fetch(_HELD, list(keys))
        ]

    async def stored(self, versions: Collection[EventVersion]) -> Sequence[StoredEvent]:
        """See ports.Writing."""
        if not versions:
            return []
        return [
            StoredEvent(
                version=EventVersion(row["event_key"], row["source_revision"]),
                patient=row["patient"],
                event_class=EventClass(row["event_class"]),
                payload=row["payload"],
            )
            for row in await self._connection.fetch(_STORED, *_columns(versions, 2))
        ]

    async def save(self, events: Sequence[NewEvent], uncoded: Sequence[UncodedCount]) -> None:
        """See ports.Writing."""
        if not events:
            return
        await self._connection.copy_records_to_table(
            "event_revisions", records=map(_row, events), columns=_EVENT_COLUMNS
        )
        newest: dict[str, datetime] = {}
        for event in (new.draft.event for new in events):
            newest[event.source] = max(event.recorded_time, newest.get(event.source, event.recorded_time))
        await self._connection.execute(_FRESHEN, *_columns(newest.items(), 2))
        items = [_item(one) for one in uncoded]
        if items:
            await self._connection.execute(_COUNT_UNCODED, *_columns(items, 5))


def _row(new: NewEvent) -> tuple[Any, ...]:
    """The values of _EVENT_COLUMNS."""
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


def _item(one: UncodedCount) -> tuple[str, str, bytes, str, int]:
    """The values that _COUNT_UNCODED takes."""
    system, code, text = one.product.item
    digest = hashlib.sha256(text.encode()).digest() if text else b""
    return system, code, digest, one.product.display, one.count


class PostgresEventStore:
    """The store in the tables that the migrations make; `pool` sees their schema alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[PostgresWriting]:
        """A transaction; another writer is waited for."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_LOCK)
            yield PostgresWriting(connection)

    async def finish(self, published: Mapping[EventVersion, Position], receipts: Sequence[Receipt]) -> None:
        """See ports.EventStore."""
        sent = sorted((*version, *position) for version, position in published.items())
        written = [(*receipt.position, receipt_to_json(receipt)) for receipt in receipts]
        async with self._connection() as connection, connection.transaction():
            if sent:
                await connection.execute(_PUBLISHED, *_columns(sent, 4))
            await connection.execute(_KEEP_RECEIPTS, *_columns(written, 3))

    async def receipts(self, positions: Collection[Position]) -> Sequence[Receipt]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_RECEIPTS, *_columns(positions, 2))
        return [
            receipt_from_json(Position(row["inbound_partition"], row["inbound_offset"]), row["content"]) for row in rows
        ]

    async def history(self, patients: Collection[Pseudonym]) -> Sequence[HistoryRow]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_HISTORY, list(patients))
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
            return {row["source"]: row["newest_recorded_time"] for row in await connection.fetch(_NEWEST)}

    async def uncoded(self, limit: int) -> Sequence[UncodedCount]:
        """See ports.EventStore."""
        async with self._connection() as connection:
            rows = await connection.fetch(_UNCODED, limit)
        return [
            UncodedCount(
                product=UncodedProduct(system=row["system"], code=row["code"], display=row["display"]),
                count=row["count"],
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        async with reachable(_STORE), self._pool.acquire() as connection:
            yield connection
