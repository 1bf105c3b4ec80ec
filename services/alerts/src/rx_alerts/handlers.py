"""What the service does, as plain functions: gather, decide, apply. Who calls them is in `bootstrap`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from rx_runtime.errors import InvalidInput, NotFound

from rx_alerts.domain.deciding import decide, is_outdated
from rx_alerts.domain.model import Alert, AlertChange, FindingSet, Order, Pseudonym, State, Subject
from rx_alerts.ports import AlertQuery, AlertStore, Announcer, Place

DEFAULT_PAGE = 100
LARGEST_PAGE = 1_000


@dataclass(slots=True)
class Applied:
    """What became of a batch."""

    sets: dict[Pseudonym, FindingSet] = field(default_factory=dict)
    changes: list[AlertChange] = field(default_factory=list)
    outdated: int = 0


async def apply_findings(
    partition: int,
    received: Sequence[FindingSet],
    *,
    store: AlertStore,
    announcer: Announcer,
    now: datetime,
    new_id: Callable[[], UUID],
) -> Applied:
    """Bring the alerts to what a batch of one partition says, then announce what changed.

    Repeating it, wholly or in part, changes nothing. Only when it returns may the input be committed.
    """
    patients = {one.patient for one in received}
    async with store.begin(partition) as work:
        orders = await work.orders(patients)
        applied = fold(received, orders, await work.open_alerts(patients), now=now, new_id=new_id)
        await work.save(applied.sets.values(), applied.changes)
    await announce(partition, store=store, announcer=announcer)
    return applied


def fold(
    received: Sequence[FindingSet],
    orders: Mapping[Pseudonym, Order],
    open_alerts: Sequence[Alert],
    *,
    now: datetime,
    new_id: Callable[[], UUID],
) -> Applied:
    """The sets to keep and the changes to make, set by set in the order received."""
    applied = Applied()
    held = dict(orders)
    open_of: dict[Pseudonym, dict[Subject, Alert]] = {one.patient: {} for one in received}
    for alert in open_alerts:
        open_of[alert.patient][alert.subject] = alert
    for one in received:
        if is_outdated(held.get(one.patient), one):
            applied.outdated += 1
            continue
        changes = decide(open_of[one.patient].values(), one, now=now, new_id=new_id)
        for change in changes:
            open_of[one.patient].pop(change.alert.subject, None)
            if change.alert.state is State.OPEN:
                open_of[one.patient][change.alert.subject] = change.alert
        held[one.patient] = one.order
        applied.sets[one.patient] = one
        applied.changes += changes
    return applied


async def announce(partition: int, *, store: AlertStore, announcer: Announcer) -> None:
    """Announce what is not announced yet; a crash before the end announces it again."""
    async with store.unannounced(partition) as announcements:
        if announcements:
            await announcer.announce(announcements)


async def list_alerts(
    *, patient: Pseudonym | None, states: frozenset[State], page_size: int, after: Place | None, store: AlertStore
) -> tuple[Sequence[Alert], Place | None]:
    """A page of alerts and, unless it is the last, the place after which the next one begins.

    No states means the open ones. Raises InvalidInput PAGE_SIZE_OUT_OF_RANGE.
    """
    if not 0 <= page_size <= LARGEST_PAGE:
        raise InvalidInput("PAGE_SIZE_OUT_OF_RANGE", f"page_size: 1 to {LARGEST_PAGE}, or 0 for {DEFAULT_PAGE}")
    size = page_size or DEFAULT_PAGE
    query = AlertQuery(patient=patient, states=states or frozenset({State.OPEN}), limit=size + 1, after=after)
    found = await store.list_alerts(query)
    page = found[:size]
    return page, place_of(page[-1]) if len(found) > size else None


def place_of(alert: Alert) -> Place:
    """Where an alert stands in a list."""
    return Place(severity=alert.severity, opened_time=alert.opened_time, alert_id=alert.alert_id)


async def get_alert(alert_id: UUID, *, store: AlertStore) -> Alert:
    """The alert of that id; raises NotFound ALERT_UNKNOWN."""
    alert = await store.get_alert(alert_id)
    if alert is None:
        raise NotFound("ALERT_UNKNOWN", "there is no alert with this id")
    return alert
