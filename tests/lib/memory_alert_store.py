"""Alert store in memory. `test_alerts_store` holds it to the same tests as the store on PostgreSQL."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from rx_alerts.adapters.cloud_event import cloud_event
from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, AlertChange, AlertSeverity, ReceivedFindings
from rx_alerts.handlers import cursor_of
from rx_alerts.ports import AlertQuery, OutboxMessage, PageCursor
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion


@dataclass(slots=True)
class MemoryAlertStore:
    """Keeps everything in dictionaries."""

    sets: dict[Pseudonym, ReceivedFindings] = field(default_factory=dict)
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    history: list[AlertChange] = field(default_factory=list)
    outbox: list[tuple[int, OutboxMessage]] = field(default_factory=list)

    @asynccontextmanager
    async def begin(self, partition: int) -> AsyncIterator["MemoryUnitOfWork"]:
        """Open a transaction: apply what was saved if the block ends without an error."""
        work = MemoryUnitOfWork(self, partition)
        yield work
        self.sets |= {found.patient: found for found in work.sets}
        self.alerts |= {change.alert.alert_id: change.alert for change in work.changes}
        self.history += work.changes
        self.outbox += [
            (partition, OutboxMessage(alert_id=change.alert.alert_id, value=cloud_event(change)))
            for change in work.changes
        ]

    @asynccontextmanager
    async def pending_messages(self, partition: int) -> AsyncIterator[Sequence[OutboxMessage]]:
        """Yield the outbox of a partition; delete it if the block ends without an error."""
        yield [message for at, message in self.outbox if at == partition]
        self.outbox = [entry for entry in self.outbox if entry[0] != partition]

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return the alerts that match."""
        found = [
            alert
            for alert in sorted(self.alerts.values(), key=lambda alert: _rank(cursor_of(alert)))
            if alert.state in query.states and query.patient in (None, alert.patient)
        ]
        after = query.after
        return [alert for alert in found if after is None or _rank(cursor_of(alert)) > _rank(after)][: query.limit]

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """Return one alert."""
        return self.alerts.get(alert_id)

    async def count_open(self) -> Mapping[AlertSeverity, int]:
        """Count open alerts by severity."""
        return Counter(alert.severity for alert in self.alerts.values() if alert.state is AlertState.OPEN)


class MemoryUnitOfWork:
    """Reads and writes of one transaction."""

    def __init__(self, store: MemoryAlertStore, partition: int) -> None:
        self._store = store
        self.partition = partition
        self.sets: list[ReceivedFindings] = []
        self.changes: list[AlertChange] = []

    async def versions(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, FindingSetVersion]:
        """Return the stored versions."""
        return {patient: found.version for patient, found in self._store.sets.items() if patient in patients}

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Return the open alerts."""
        return [a for a in self._store.alerts.values() if a.state is AlertState.OPEN and a.patient in patients]

    async def save(self, sets: Collection[ReceivedFindings], changes: Sequence[AlertChange]) -> None:
        """Keep a batch until the block ends. Raises ValueError for a second open alert of a subject."""
        state = dict(self._store.alerts)
        for change in changes:
            state[change.alert.alert_id] = change.alert
            open_subjects = Counter((a.patient, a.subject) for a in state.values() if a.state is AlertState.OPEN)
            if any(count > 1 for count in open_subjects.values()):
                raise ValueError("a second open alert for one subject")
        self.sets += sets
        self.changes += changes


def _rank(cursor: PageCursor) -> tuple[int, float, UUID]:
    return (-cursor.severity, -cursor.opened_time.timestamp(), cursor.alert_id)
