from itertools import product

import pytest
from rx_alerts.domain.lifecycle import IMPOSSIBLE, TRANSITIONS, AlertState, ChangeKind, Trigger, transition

PAIRS = list(product((None, *AlertState), Trigger))


def test_the_table_holds_every_pair_of_state_and_trigger_exactly_once():
    assert TRANSITIONS.keys() | IMPOSSIBLE.keys() == set(PAIRS)
    assert not TRANSITIONS.keys() & IMPOSSIBLE.keys()


def test_an_alert_opens_changes_and_is_resolved():
    assert transition(None, Trigger.APPEARED) == (AlertState.OPEN, ChangeKind.OPENED)
    assert transition(AlertState.OPEN, Trigger.CHANGED) == (AlertState.OPEN, ChangeKind.CHANGED)
    assert transition(AlertState.OPEN, Trigger.WITHDRAWN) == (AlertState.RESOLVED, ChangeKind.RESOLVED)


@pytest.mark.parametrize("trigger", Trigger)
def test_a_resolved_alert_is_final(trigger):
    with pytest.raises(ValueError, match="final"):
        transition(AlertState.RESOLVED, trigger)


@pytest.mark.parametrize(("state", "trigger"), IMPOSSIBLE)
def test_an_impossible_pair_says_why(state, trigger):
    with pytest.raises(ValueError, match=IMPOSSIBLE[state, trigger]):
        transition(state, trigger)


def test_every_state_is_reached_and_every_change_has_a_transition():
    assert {found.state for found in TRANSITIONS.values()} == set(AlertState)
    assert {found.change for found in TRANSITIONS.values()} == set(ChangeKind)
