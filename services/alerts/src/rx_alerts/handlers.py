"""Handlers: gather, decide, apply, as plain functions. `bootstrap` wires their callers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion
from rx_runtime.errors import InvalidInput, NotFound

from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, AlertChange, ReceivedFindings, Subject
from rx_alerts.domain.reconcile import is_outdated, reconcile
from rx_alerts.ports import AlertPublisher, AlertQuery, AlertStore, PageCursor

DEFAULT_PAGE = 100
LARGEST_PAGE = 1_000


@dataclass(slots=True)
class ReconciledBatch:
    """Result of a batch: the newest set of each patient, the changes in order, and how many sets were outdated."""

    sets: dict[Pseudonym, ReceivedFindings] = field(default_factory=dict)
    changes: list[AlertChange] = field(default_factory=list)
    outdated: int = 0


async def apply_findings(
    partition: int,
    received: Sequence[ReceivedFindings],
    *,
    store: AlertStore,
    publisher: AlertPublisher,
    now: datetime,
    new_id: Callable[[], UUID],
) -> ReconciledBatch:
    """Reconcile the alerts with a batch of one partition, then publish the outbox.

    Idempotent, as a whole and in part. Commit the input offset only after it returns.
    """
    patients = {found.patient for found in received}
    async with store.begin(partition) as work:
        versions = await work.versions(patients)
        batch = reconcile_batch(received, versions, await work.open_alerts(patients), now=now, new_id=new_id)
        await work.save(batch.sets.values(), batch.changes)
    await publish_outbox(partition, store=store, publisher=publisher)
    return batch


def reconcile_batch(
    received: Sequence[ReceivedFindings],
    versions: Mapping[Pseudonym, FindingSetVersion],
    open_alerts: Sequence[Alert],
    *,
    now: datetime,
    new_id: Callable[[], UUID],
) -> ReconciledBatch:
    """Return the sets to store and the changes to make, set by set in the order received."""
    batch = ReconciledBatch()
    stored = dict(versions)
    open_of: dict[Pseudonym, dict[Subject, Alert]] = {found.patient: {} for found in received}
    for alert in open_alerts:
        open_of[alert.patient][alert.subject] = alert
    for found in received:
        if is_outdated(stored.get(found.patient), found):
            batch.outdated += 1
            continue
        changes = reconcile(open_of[found.patient].values(), found, now=now, new_id=new_id)
        for change in changes:
            open_of[found.patient].pop(change.alert.subject, None)
            if change.alert.state is AlertState.OPEN:
                open_of[found.patient][change.alert.subject] = change.alert
        stored[found.patient] = found.version
        batch.sets[found.patient] = found
        batch.changes += changes
    return batch


async def publish_outbox(partition: int, *, store: AlertStore, publisher: AlertPublisher) -> None:
    """Publish pending outbox messages of a partition (at least once)."""
    async with store.pending_messages(partition) as messages:
        if messages:
            await publisher.publish(messages)


async def list_alerts(
    *,
    patient: Pseudonym | None,
    states: frozenset[AlertState],
    page_size: int,
    after: PageCursor | None,
    store: AlertStore,
) -> tuple[Sequence[Alert], PageCursor | None]:
    """Return a page of alerts and the cursor of the next page, None on the last one.

    `states` empty means open alerts; `page_size` is 1 to 1,000, or 0 for 100.
    Raises InvalidInput PAGE_SIZE_OUT_OF_RANGE.
    """
    if not 0 <= page_size <= LARGEST_PAGE:
        raise InvalidInput("PAGE_SIZE_OUT_OF_RANGE", f"page_size: 1 to {LARGEST_PAGE}, or 0 for {DEFAULT_PAGE}")
    size = page_size or DEFAULT_PAGE
    query = AlertQuery(patient=patient, states=states or frozenset({AlertState.OPEN}), limit=size + 1, after=after)
    found = await store.list_alerts(query)
    page = found[:size]
    return page, cursor_of(page[-1]) if len(found) > size else None


def cursor_of(alert: Alert) -> PageCursor:
    """Return the position of an alert in a list."""
    return PageCursor(severity=alert.severity, opened_time=alert.opened_time, alert_id=alert.alert_id)


async def get_alert(alert_id: UUID, *, store: AlertStore) -> Alert:
    """Return the alert of that id. Raises NotFound ALERT_UNKNOWN."""
    alert = await store.get_alert(alert_id)
    if alert is None:
        raise NotFound("ALERT_UNKNOWN", "there is no alert with this id")
    return alert
