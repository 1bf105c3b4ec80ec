"""The store on PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from rx_runtime.errors import DependencyUnavailable

from rx_alerts.adapters.codec import cloud_event, line_from_bytes
from rx_alerts.domain.model import Alert, AlertChange, FindingSet, Kind, Order, Pseudonym, Severity, State, Subject
from rx_alerts.ports import AlertQuery, Announcement

# What asyncpg raises when the server is gone, going or restarting.
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

_ORDERS = "SELECT patient, build, ruleset_seq, position FROM finding_sets WHERE patient = ANY($1::bytea[])"
_OPEN = "SELECT * FROM alerts WHERE state = 'open' AND patient = ANY($1::bytea[])"
_KEEP_SET = """
    INSERT INTO finding_sets (patient, build, ruleset_seq, ruleset_version, position, encoded)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (patient) DO UPDATE SET build = excluded.build, ruleset_seq = excluded.ruleset_seq,
        ruleset_version = excluded.ruleset_version, position = excluded.position, encoded = excluded.encoded
"""
_KEEP_ALERT = """
    INSERT INTO alerts (alert_id, revision, patient, kind, subject, state, severity, lines, opened_time, resolved_time,
        resolution, ruleset_seq, ruleset_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (alert_id) DO UPDATE SET revision = excluded.revision, state = excluded.state,
        severity = excluded.severity, lines = excluded.lines, resolved_time = excluded.resolved_time,
        resolution = excluded.resolution, ruleset_seq = excluded.ruleset_seq, ruleset_version = excluded.ruleset_version
"""
_APPEND_HISTORY = "INSERT INTO alert_history (alert_id, revision, change, time, event) VALUES ($1, $2, $3, $4, $5)"
_QUEUE = "INSERT INTO outbox (partition, alert_id, revision) VALUES ($1, $2, $3)"
_UNANNOUNCED = """
    SELECT outbox.seq, outbox.alert_id, alert_history.event
    FROM outbox JOIN alert_history USING (alert_id, revision)
    WHERE partition = $1 ORDER BY seq
"""
_ANNOUNCED = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])"
_LIST = """
    SELECT * FROM alerts
    WHERE state = ANY($1::text[]) AND ($2::bytea IS NULL OR patient = $2)
        AND ($3::smallint IS NULL OR severity < $3 OR (severity = $3
            AND (opened_time < $4 OR (opened_time = $4 AND alert_id > $5))))
    ORDER BY severity DESC, opened_time DESC, alert_id LIMIT $6
"""


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except _LOST as error:
        raise DependencyUnavailable("STORE_UNAVAILABLE", "the alert store does not answer; retry later") from error


class PostgresAlertStore:
    """The store in the tables that the migrations make; `pool` sees their schema alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def begin(self, partition: int) -> AsyncIterator["PostgresUnitOfWork"]:
        """A transaction; another process that still works on the partition is waited for."""
        async with self._transaction("apply", partition) as connection:
            yield PostgresUnitOfWork(connection, partition)

    @asynccontextmanager
    async def unannounced(self, partition: int) -> AsyncIterator[Sequence[Announcement]]:
        """The outbox of a partition, emptied if the block ends without an error."""
        async with self._transaction("announce", partition) as connection:
            rows = await connection.fetch(_UNANNOUNCED, partition)
            yield [Announcement(alert_id=row["alert_id"], value=row["event"].encode()) for row in rows]
            if rows:
                await connection.execute(_ANNOUNCED, [row["seq"] for row in rows])

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """The alerts asked for."""
        after = query.after
        place = (after.severity, after.opened_time, after.alert_id) if after else (None, None, None)
        async with _reachable():
            rows = await self._pool.fetch(_LIST, list(query.states), query.patient, *place, query.limit)
        return [_alert(row) for row in rows]

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """One alert."""
        async with _reachable():
            row = await self._pool.fetchrow("SELECT * FROM alerts WHERE alert_id = $1", alert_id)
        return _alert(row) if row else None

    async def count_open(self) -> Mapping[Severity, int]:
        """Open alerts by severity."""
        async with _reachable():
            rows = await self._pool.fetch(
                "SELECT severity, count(*) AS n FROM alerts WHERE state = 'open' GROUP BY severity"
            )
        return {Severity(row["severity"]): row["n"] for row in rows}

    @asynccontextmanager
    async def _transaction(self, purpose: str, partition: int) -> AsyncIterator[Any]:
        """Serialises work on a partition: two processes can hold it for a moment while it moves between them."""
        async with _reachable(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext(current_schema()::text || $1::text), $2)", purpose, partition
            )
            yield connection


class PostgresUnitOfWork:
    """What one transaction reads and writes."""

    def __init__(self, connection: Any, partition: int) -> None:  # noqa: ANN401  # asyncpg types none
        self._connection = connection
        self._partition = partition

    async def orders(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, Order]:
        """Orders held."""
        rows = await self._connection.fetch(_ORDERS, list(patients))
        return {Pseudonym(row["patient"]): (row["build"], row["ruleset_seq"], row["position"]) for row in rows}

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Open alerts held."""
        return [_alert(row) for row in await self._connection.fetch(_OPEN, list(patients))]

    async def save(self, sets: Collection[FindingSet], changes: Sequence[AlertChange]) -> None:
        """Write all of a batch; changes in order, so that a subject is closed before it is opened again."""
        await self._connection.executemany(
            _KEEP_SET,
            [(one.patient, *one.order[:2], one.ruleset_version, one.position, one.encoded) for one in sets],
        )
        await self._connection.executemany(_KEEP_ALERT, [_row(change.alert) for change in changes])
        await self._connection.executemany(
            _APPEND_HISTORY,
            [
                (change.alert.alert_id, change.alert.revision, change.change, change.time, cloud_event(change).decode())
                for change in changes
            ],
        )
        await self._connection.executemany(
            _QUEUE, [(self._partition, change.alert.alert_id, change.alert.revision) for change in changes]
        )


def _row(alert: Alert) -> tuple[object, ...]:
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


def _alert(row: Any) -> Alert:  # noqa: ANN401  # asyncpg types none
    return Alert(
        alert_id=row["alert_id"],
        revision=row["revision"],
        patient=Pseudonym(row["patient"]),
        subject=Subject(Kind(row["kind"]), row["subject"]),
        state=State(row["state"]),
        lines=tuple(line_from_bytes(encoded) for encoded in row["lines"]),
        opened_time=row["opened_time"],
        resolved_time=row["resolved_time"],
        resolution=row["resolution"],
        ruleset_seq=row["ruleset_seq"],
        ruleset_version=row["ruleset_version"],
    )
