"""What a set of findings changes in the alerts of its patient. Pure: the time and new ids are arguments."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from rx_alerts.domain.grouping import alerts_asked_for
from rx_alerts.domain.model import BASIS_WITHDRAWN, Alert, AlertChange, Change, FindingSet, Order, State


def is_outdated(held: Order | None, received: FindingSet) -> bool:
    """A set is outdated if a later one of its patient is already held; an equal one repeats what is held."""
    return held is not None and received.order < held


def decide(
    open_alerts: Iterable[Alert], received: FindingSet, *, now: datetime, new_id: Callable[[], UUID]
) -> list[AlertChange]:
    """The changes that bring the open alerts of a patient to what `received` asks for; none if they agree already."""
    asked = alerts_asked_for(received.lines)
    held = {alert.subject: alert for alert in open_alerts}
    changes = [_resolved(alert, received, now) for subject, alert in sorted(held.items()) if subject not in asked]
    for subject, lines in asked.items():
        alert = held.get(subject)
        if alert is None:
            opened = Alert(
                alert_id=new_id(),
                revision=1,
                patient=received.patient,
                subject=subject,
                state=State.OPEN,
                lines=lines,
                opened_time=now,
                resolved_time=None,
                resolution="",
                ruleset_seq=received.ruleset_seq,
                ruleset_version=received.ruleset_version,
            )
            changes.append(AlertChange(change=Change.OPENED, time=now, alert=opened))
        elif alert.lines != lines:
            changed = replace(_next(alert, received), lines=lines)
            changes.append(AlertChange(change=Change.CHANGED, time=now, alert=changed))
    return changes


def _next(alert: Alert, received: FindingSet) -> Alert:
    return replace(
        alert,
        revision=alert.revision + 1,
        ruleset_seq=received.ruleset_seq,
        ruleset_version=received.ruleset_version,
    )


def _resolved(alert: Alert, received: FindingSet, now: datetime) -> AlertChange:
    """The alert keeps its last lines: they say what was withdrawn."""
    after = replace(_next(alert, received), state=State.RESOLVED, resolved_time=now, resolution=BASIS_WITHDRAWN)
    return AlertChange(change=Change.RESOLVED, time=now, alert=after)
