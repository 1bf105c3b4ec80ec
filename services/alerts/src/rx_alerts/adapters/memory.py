"""The store in memory, with the same promises as the one on PostgreSQL: for tests and for trying things out."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from rx_alerts.adapters.codec import cloud_event
from rx_alerts.domain.model import Alert, AlertChange, FindingSet, Order, Pseudonym, Severity, State
from rx_alerts.handlers import place_of
from rx_alerts.ports import AlertQuery, Announcement, Place


@dataclass(slots=True)
class MemoryAlertStore:
    """Holds everything in dictionaries."""

    sets: dict[Pseudonym, FindingSet] = field(default_factory=dict)
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    history: list[AlertChange] = field(default_factory=list)
    outbox: list[tuple[int, Announcement]] = field(default_factory=list)

    @asynccontextmanager
    async def begin(self, partition: int) -> AsyncIterator["MemoryUnitOfWork"]:
        """A transaction: what it saved is taken over when the block ends without an error."""
        work = MemoryUnitOfWork(self, partition)
        yield work
        self.sets |= {one.patient: one for one in work.sets}
        self.alerts |= {change.alert.alert_id: change.alert for change in work.changes}
        self.history += work.changes
        self.outbox += [
            (partition, Announcement(alert_id=change.alert.alert_id, value=cloud_event(change)))
            for change in work.changes
        ]

    @asynccontextmanager
    async def unannounced(self, partition: int) -> AsyncIterator[Sequence[Announcement]]:
        """The outbox of a partition."""
        yield [announcement for at, announcement in self.outbox if at == partition]
        self.outbox = [entry for entry in self.outbox if entry[0] != partition]

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """The alerts asked for."""
        found = [
            alert
            for alert in sorted(self.alerts.values(), key=lambda alert: _rank(place_of(alert)))
            if alert.state in query.states and query.patient in (None, alert.patient)
        ]
        after = query.after
        return [alert for alert in found if after is None or _rank(place_of(alert)) > _rank(after)][: query.limit]

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """One alert."""
        return self.alerts.get(alert_id)

    async def count_open(self) -> Mapping[Severity, int]:
        """Open alerts by severity."""
        return Counter(alert.severity for alert in self.alerts.values() if alert.state is State.OPEN)


class MemoryUnitOfWork:
    """What one transaction reads and writes."""

    def __init__(self, store: MemoryAlertStore, partition: int) -> None:
        self._store = store
        self.partition = partition
        self.sets: list[FindingSet] = []
        self.changes: list[AlertChange] = []

    async def orders(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, Order]:
        """Orders held."""
        return {patient: one.order for patient, one in self._store.sets.items() if patient in patients}

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Open alerts held."""
        return [a for a in self._store.alerts.values() if a.state is State.OPEN and a.patient in patients]

    async def save(self, sets: Collection[FindingSet], changes: Sequence[AlertChange]) -> None:
        """Keep a batch until the block ends. Raises ValueError if a subject would have two open alerts."""
        state = dict(self._store.alerts)
        for change in changes:
            state[change.alert.alert_id] = change.alert
            open_subjects = Counter((a.patient, a.subject) for a in state.values() if a.state is State.OPEN)
            if any(count > 1 for count in open_subjects.values()):
                raise ValueError("a second open alert for one subject")
        self.sets += sets
        self.changes += changes


def _rank(place: Place) -> tuple[int, float, UUID]:
    return (-place.severity, -place.opened_time.timestamp(), place.alert_id)
