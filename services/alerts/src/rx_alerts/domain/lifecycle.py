"""The states of an alert and the transitions between them, as one total table.

State     Trigger        Change    Next state
none      APPEARED       opened    open
open      CHANGED        changed   open
open      WITHDRAWN      resolved  resolved

Every other pair of state and trigger is impossible; `IMPOSSIBLE` gives the reason. An alert is never reopened: if its
basis comes back after the resolution, a new alert opens.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import NamedTuple


class AlertState(StrEnum):
    """State of an alert."""

    OPEN = "open"
    RESOLVED = "resolved"


class ChangeKind(StrEnum):
    """Kind of a change of an alert: a row of the history and a published event each."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


class Trigger(StrEnum):
    """Difference between the findings about a subject and the open alert that is stored for it."""

    APPEARED = "appeared"  # findings ask for an alert and none is open
    CHANGED = "changed"  # findings ask for other lines than the open alert has
    WITHDRAWN = "withdrawn"  # no finding asks for the open alert any more


class Transition(NamedTuple):
    """Effect of a trigger: the state afterwards and the change to record."""

    state: AlertState
    change: ChangeKind


TRANSITIONS: Mapping[tuple[AlertState | None, Trigger], Transition] = {
    (None, Trigger.APPEARED): Transition(AlertState.OPEN, ChangeKind.OPENED),
    (AlertState.OPEN, Trigger.CHANGED): Transition(AlertState.OPEN, ChangeKind.CHANGED),
    (AlertState.OPEN, Trigger.WITHDRAWN): Transition(AlertState.RESOLVED, ChangeKind.RESOLVED),
}

_ABSENT = "there is no alert yet"
_FINAL = "a resolved alert is final"
IMPOSSIBLE: Mapping[tuple[AlertState | None, Trigger], str] = {
    (None, Trigger.CHANGED): _ABSENT,
    (None, Trigger.WITHDRAWN): _ABSENT,
    (AlertState.OPEN, Trigger.APPEARED): "an alert is open already",
    **{(AlertState.RESOLVED, trigger): _FINAL for trigger in Trigger},
}


def transition(state: AlertState | None, trigger: Trigger) -> Transition:
    """Return the transition of an alert in `state` (None: no alert yet). Raises ValueError for an impossible pair."""
    found = TRANSITIONS.get((state, trigger))
    if found is None:
        raise ValueError(f"alert {state or 'none'}, basis {trigger}: {IMPOSSIBLE[state, trigger]}")
    return found


def _check_total() -> None:
    pairs = set(product((None, *AlertState), Trigger))
    if TRANSITIONS.keys() & IMPOSSIBLE.keys() or TRANSITIONS.keys() | IMPOSSIBLE.keys() != pairs:
        raise TypeError("the lifecycle table must hold every pair of state and trigger exactly once")


_check_total()
