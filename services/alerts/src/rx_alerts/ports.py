"""What the handlers need from the outside."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from rx_alerts.domain.model import Alert, AlertChange, FindingSet, Order, Pseudonym, Severity, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A change of an alert as it is told to the world. Repeating it changes nothing: it carries its revision."""

    alert_id: UUID
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alert stands in a list: worst first, then newest first."""

    severity: Severity
    opened_time: datetime
    alert_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts, worst first, then newest first; `after` is the place of the last one of the page before."""

    patient: Pseudonym | None
    states: frozenset[State]
    limit: int
    after: Place | None = None


class UnitOfWork(Protocol):
    """One transaction: all of it is stored, or none. Others that work on the same partition wait for its end."""

    async def orders(self, patients: Collection[Pseudonym]) -> Mapping[Pseudonym, Order]:
        """Order of the finding set held for each patient; patients without one are absent."""
        ...

    async def open_alerts(self, patients: Collection[Pseudonym]) -> Sequence[Alert]:
        """Every open alert of these patients."""
        ...

    async def save(self, sets: Collection[FindingSet], changes: Sequence[AlertChange]) -> None:
        """Keep the sets as the newest of their patients and make the changes, in order.

        Every change goes into the alerts, the history and the announcements to be made.
        """
        ...


class AlertStore(Protocol):
    """Keeps finding sets, alerts, their history and what is still to be announced.

    Every method raises DependencyUnavailable STORE_UNAVAILABLE if the store does not answer.
    """

    def begin(self, partition: int) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction for patients of one input partition."""
        ...

    def unannounced(self, partition: int) -> AbstractAsyncContextManager[Sequence[Announcement]]:
        """What one input partition has to announce, oldest first; forgotten when the block ends without an error.

        Others that announce for the same partition wait for the end of the block, so that order is kept.
        """
        ...

    async def list_alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """The alerts asked for, at most `query.limit`."""
        ...

    async def get_alert(self, alert_id: UUID) -> Alert | None:
        """The alert of that id, if there is one."""
        ...

    async def count_open(self) -> Mapping[Severity, int]:
        """How many alerts are open, by severity; a severity without one is absent."""
        ...


class Announcer(Protocol):
    """Tells pharmacy systems about changes of alerts."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Returns once all are acknowledged; announcements of one alert keep their order."""
        ...
