"""Ports: what the handlers need from the outside."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion

from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, AlertChange, AlertSeverity, ReceivedFindings


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """Stored event of one change of an alert. Publishing is idempotent: the event carries the alert's revision."""

    alert_id: UUID
    value: bytes  # encoded CloudEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCursor:
    """Position of an alert in a list: worst first, then newest first, then by id."""

    severity: AlertSeverity
    opened_time: datetime
    alert_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Filter and page of a list of alerts, worst first, then newest first, then by id."""

    patient: Pseudonym | None  # None: every patient
    states: frozenset[AlertState]
    limit: int  # most alerts to return
    after: PageCursor | None = None  # position of the last alert of the page before


class UnitOfWork(Protocol):
    """One transaction: everything is stored, or nothing."""

    async def versions(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, FindingSetVersion]:
        """Return the version of the finding set stored for each patient; patients without one are absent."""
        ...

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Return every open alert of these patients."""
        ...

    async def save(self, sets: Collection[ReceivedFindings], changes: Sequence[AlertChange]) -> None:
        """Store the sets as the newest of their patients, and the changes, in order.

        Each change updates the alert and appends to the history and the outbox. A second open alert for one subject is
        refused by an error of the store.
        """
        ...


class AlertStore(Protocol):
    """Stores finding sets, alerts, their history and the outbox.

    Every method raises DependencyUnavailable STORE_UNAVAILABLE if the store does not answer.
    """

    def begin(self, partition: int) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction for patients of one input partition.

        Blocks while another process has one open for the partition. Commits when the block ends, rolls back on an error
        or cancellation.
        """
        ...

    def pending_messages(self, partition: int) -> AbstractAsyncContextManager[Sequence[OutboxMessage]]:
        """Lock the outbox of one input partition and yield its messages, oldest first.

        Blocks while another process publishes for the partition, so that order is kept. The messages are deleted when
        the block ends without an error, and kept on an error or cancellation.
        """
        ...

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return the alerts that match, at most `query.limit`."""
        ...

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """Return the alert of that id, None if there is none."""
        ...

    async def count_open(self) -> Mapping[AlertSeverity, int]:
        """Return the number of open alerts by severity; a severity without one is absent."""
        ...


class AlertPublisher(Protocol):
    """Publishes changes of alerts to pharmacy systems."""

    async def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Publish in order and return once every message is acknowledged. May publish a message again.

        Raises DependencyUnavailable KAFKA_UNAVAILABLE; some of the messages may be published then.
        """
        ...
