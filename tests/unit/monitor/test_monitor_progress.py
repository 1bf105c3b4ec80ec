"""Progress is what offsets are committed from: for the generation that owns the partitions, and for no other."""

import pytest
from rx_monitor.domain.progress import NotOwnedError, Progress


@pytest.fixture
def progress():
    begun = Progress()
    begun.on_assigned(7, {0: 5, 1: 0})
    return begun


def test_nothing_is_due_for_commit_before_something_was_processed(progress):
    assert progress.uncommitted(7) == {}


def test_only_partitions_that_came_further_are_due_for_commit(progress):
    progress.advance(7, 0, 9)
    assert progress.uncommitted(7) == {0: 9}


def test_what_is_committed_is_not_committed_again(progress):
    progress.advance(7, 0, 9)
    progress.mark_committed(7, {0: 9})
    assert progress.uncommitted(7) == {}


def test_nothing_is_due_for_another_generation(progress):
    progress.advance(7, 0, 9)
    assert progress.uncommitted(8) == {}
    assert progress.uncommitted(6) == {}


def test_nothing_is_due_after_the_partitions_were_taken_away(progress):
    progress.advance(7, 0, 9)
    progress.on_revoked()
    assert progress.uncommitted(7) == {}
    with pytest.raises(NotOwnedError):
        progress.advance(7, 0, 10)


def test_a_commit_that_ends_in_a_later_generation_is_not_noted(progress):
    progress.advance(7, 0, 9)
    progress.on_assigned(8, {0: 5})
    progress.mark_committed(7, {0: 9})
    progress.advance(8, 0, 6)
    assert progress.uncommitted(8) == {0: 6}


def test_progress_never_goes_back(progress):
    progress.advance(7, 0, 9)
    progress.advance(7, 0, 6)
    assert progress.positions() == {0: 9, 1: 0}
