"""Store alerts in PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion
from rx_runtime.postgres import reachable

from rx_alerts.adapters.cloud_event import cloud_event
from rx_alerts.adapters.finding_decoder import line_from_bytes
from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, AlertChange, AlertSeverity, ReceivedFindings, Subject, SubjectKind
from rx_alerts.ports import AlertQuery, OutboxMessage

_STORE = "the alert store"
_APPLY_LOCK, _PUBLISH_LOCK = (
    "apply",
    "announce",
)  # keys of advisory locks: releases that run side by side must share them
_VERSIONS = "SELECT patient, build, ruleset_seq, position FROM finding_sets WHERE patient = ANY($1::bytea[])"
_OPEN = "SELECT * FROM alerts WHERE state = 'open' AND patient = ANY($1::bytea[])"
_UPSERT_SET = """
    INSERT INTO finding_sets (patient, build, ruleset_seq, ruleset_version, position, encoded)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (patient) DO UPDATE SET build = excluded.build, ruleset_seq = excluded.ruleset_seq,
        ruleset_version = excluded.ruleset_version, position = excluded.position, encoded = excluded.encoded
"""
_UPSERT_ALERT = """
    INSERT INTO alerts (alert_id, revision, patient, kind, subject, state, severity, lines, opened_time, resolved_time,
        resolution, ruleset_seq, ruleset_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (alert_id) DO UPDATE SET revision = excluded.revision, state = excluded.state,
        severity = excluded.severity, lines = excluded.lines, resolved_time = excluded.resolved_time,
        resolution = excluded.resolution, ruleset_seq = excluded.ruleset_seq, ruleset_version = excluded.ruleset_version
"""
_APPEND_HISTORY = "INSERT INTO alert_history (alert_id, revision, change, time, event) VALUES ($1, $2, $3, $4, $5)"
_APPEND_OUTBOX = "INSERT INTO outbox (partition, alert_id, revision) VALUES ($1, $2, $3)"
_PENDING = """
    SELECT outbox.seq, outbox.alert_id, alert_history.event
    FROM outbox JOIN alert_history USING (alert_id, revision)
    WHERE partition = $1 ORDER BY seq
"""
_DELETE_PUBLISHED = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])"
_LIST = """
    SELECT * FROM alerts
    WHERE state = ANY($1::text[]) AND ($2::bytea IS NULL OR patient = $2)
        AND ($3::smallint IS NULL OR severity < $3 OR (severity = $3
            AND (opened_time < $4 OR (opened_time = $4 AND alert_id > $5))))
    ORDER BY severity DESC, opened_time DESC, alert_id LIMIT $6
"""


class PostgresAlertStore:
    """Stores alerts in the tables of the migrations; connections of `pool` see their schema alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def begin(self, partition: int) -> AsyncIterator["PostgresUnitOfWork"]:
        """Open a transaction; blocks while another process has one open for the partition."""
        async with self._transaction(_APPLY_LOCK, partition) as connection:
            yield PostgresUnitOfWork(connection, partition)

    @asynccontextmanager
    async def pending_messages(self, partition: int) -> AsyncIterator[Sequence[OutboxMessage]]:
        """Yield the outbox of a partition; delete it if the block ends without an error."""
        async with self._transaction(_PUBLISH_LOCK, partition) as connection:
            rows = await connection.fetch(_PENDING, partition)
            yield [OutboxMessage(alert_id=row["alert_id"], value=row["event"].encode()) for row in rows]
            if rows:
                await connection.execute(_DELETE_PUBLISHED, [row["seq"] for row in rows])

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return the alerts that match."""
        after = query.after
        cursor = (after.severity, after.opened_time, after.alert_id) if after else (None, None, None)
        async with reachable(_STORE):
            rows = await self._pool.fetch(_LIST, list(query.states), query.patient, *cursor, query.limit)
        return [_alert_from_row(row) for row in rows]

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """Return one alert."""
        async with reachable(_STORE):
            row = await self._pool.fetchrow("SELECT * FROM alerts WHERE alert_id = $1", alert_id)
        return _alert_from_row(row) if row else None

    async def count_open(self) -> Mapping[AlertSeverity, int]:
        """Count open alerts by severity."""
        async with reachable(_STORE):
            rows = await self._pool.fetch(
                "SELECT severity, count(*) AS n FROM alerts WHERE state = 'open' GROUP BY severity"
            )
        return {AlertSeverity(row["severity"]): row["n"] for row in rows}

    @asynccontextmanager
    async def _transaction(self, purpose: str, partition: int) -> AsyncIterator[asyncpg.Connection]:
        """Serialise transactions of a partition: during a rebalance two processes can own it for a moment."""
        async with reachable(_STORE), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext(current_schema()::text || $1::text), $2)", purpose, partition
            )
            yield connection


class PostgresUnitOfWork:
    """Reads and writes of one transaction."""

    def __init__(self, connection: asyncpg.Connection, partition: int) -> None:
        self._connection = connection
        self._partition = partition

    async def versions(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, FindingSetVersion]:
        """Return the stored versions."""
        rows = await self._connection.fetch(_VERSIONS, list(patients))
        return {
            Pseudonym(row["patient"]): FindingSetVersion(row["build"], row["ruleset_seq"], row["position"])
            for row in rows
        }

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Return the open alerts."""
        return [_alert_from_row(row) for row in await self._connection.fetch(_OPEN, list(patients))]

    async def save(self, sets: Collection[ReceivedFindings], changes: Sequence[AlertChange]) -> None:
        """Write a batch; changes in order, so that a subject is closed before it is opened again."""
        await self._connection.executemany(
            _UPSERT_SET,
            [_set_row(found) for found in sets],
        )
        await self._connection.executemany(_UPSERT_ALERT, [_alert_row(change.alert) for change in changes])
        await self._connection.executemany(
            _APPEND_HISTORY,
            [
                (change.alert.alert_id, change.alert.revision, change.change, change.time, cloud_event(change).decode())
                for change in changes
            ],
        )
        await self._connection.executemany(
            _APPEND_OUTBOX, [(self._partition, change.alert.alert_id, change.alert.revision) for change in changes]
        )


def _set_row(found: ReceivedFindings) -> tuple[object, ...]:
    version = found.version
    return (
        found.patient,
        version.state_epoch,
        version.ruleset_seq,
        found.ruleset_version,
        version.position,
        found.encoded,
    )


def _alert_row(alert: Alert) -> tuple[object, ...]:
    return (
        alert.alert_id,
        alert.revision,
        alert.patient,
        alert.subject.kind,
        alert.subject.name,
        alert.state,
        int(alert.severity),
        [line.encoded for line in alert.lines],
        alert.opened_time,
        alert.resolved_time,
        alert.resolution,
        alert.ruleset_seq,
        alert.ruleset_version,
    )


def _alert_from_row(row: asyncpg.Record) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        revision=row["revision"],
        patient=Pseudonym(row["patient"]),
        subject=Subject(SubjectKind(row["kind"]), row["subject"]),
        state=AlertState(row["state"]),
        lines=tuple(line_from_bytes(encoded) for encoded in row["lines"]),
        opened_time=row["opened_time"],
        resolved_time=row["resolved_time"],
        resolution=row["resolution"],
        ruleset_seq=row["ruleset_seq"],
        ruleset_version=row["ruleset_version"],
    )
