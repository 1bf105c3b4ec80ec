"""Reconcile the stored alerts of a patient with a received finding set. Pure: the time and new ids are arguments."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from rx_contracts.versions import FindingSetVersion

from rx_alerts.domain.grouping import desired_alerts
from rx_alerts.domain.lifecycle import Trigger, transition
from rx_alerts.domain.model import BASIS_WITHDRAWN, Alert, AlertChange, AlertLine, ReceivedFindings, Subject


def is_outdated(stored: FindingSetVersion | None, received: ReceivedFindings) -> bool:
    """Return True if a later set of the patient is stored; a set of equal version repeats the stored one."""
    return stored is not None and received.version < stored


def reconcile(
    open_alerts: Iterable[Alert], received: ReceivedFindings, *, now: datetime, new_id: Callable[[], UUID]
) -> list[AlertChange]:
    """Return the changes that turn the open alerts of a patient into the desired ones; none if they are equal.

    Resolutions come first, so that a subject is closed before it is opened again.
    """
    desired = desired_alerts(received.lines)
    current = {alert.subject: alert for alert in open_alerts}
    changes = [_resolved(alert, received, now) for subject, alert in sorted(current.items()) if subject not in desired]
    for subject, lines in desired.items():
        alert = current.get(subject)
        if alert is None:
            changes.append(_opened(subject, lines, received, now=now, alert_id=new_id()))
        elif alert.lines != lines:
            changes.append(_changed(alert, lines, received, now))
    return changes


def _opened(
    subject: Subject, lines: tuple[AlertLine, ...], received: ReceivedFindings, *, now: datetime, alert_id: UUID
) -> AlertChange:
    step = transition(None, Trigger.APPEARED)
    alert = Alert(
        alert_id=alert_id,
        revision=1,
        patient=received.patient,
        subject=subject,
        state=step.state,
        lines=lines,
        opened_time=now,
        resolved_time=None,
        resolution="",
        ruleset_seq=received.ruleset_seq,
        ruleset_version=received.ruleset_version,
    )
    return AlertChange(change=step.change, time=now, alert=alert)


def _changed(alert: Alert, lines: tuple[AlertLine, ...], received: ReceivedFindings, now: datetime) -> AlertChange:
    step = transition(alert.state, Trigger.CHANGED)
    return AlertChange(
        change=step.change, time=now, alert=replace(_next(alert, received), state=step.state, lines=lines)
    )


def _next(alert: Alert, received: ReceivedFindings) -> Alert:
    return replace(
        alert,
        revision=alert.revision + 1,
        ruleset_seq=received.ruleset_seq,
        ruleset_version=received.ruleset_version,
    )


def _resolved(alert: Alert, received: ReceivedFindings, now: datetime) -> AlertChange:
    """Resolve an alert. It keeps its last lines: they show what was withdrawn."""
    step = transition(alert.state, Trigger.WITHDRAWN)
    after = replace(_next(alert, received), state=step.state, resolved_time=now, resolution=BASIS_WITHDRAWN)
    return AlertChange(change=step.change, time=now, alert=after)
