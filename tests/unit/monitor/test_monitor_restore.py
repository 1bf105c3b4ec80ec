"""What a changelog says: the highest state of a patient holds, wherever its record stands."""

import pytest
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_monitor.adapters.kafka.changelog import ChangelogBrokenError, _RestoredStates
from rx_monitor.domain.store import OutputTail
from rx_runtime.errors import RefusedToRun

ANNA, BERT = b"A" * 16, b"B" * 16
EPOCH, RULESET = 2, 5


def state(position, *, build=EPOCH, ruleset=RULESET, **more):
    return PatientState(
        position=position, build=build, ruleset_seq=ruleset, packed_events=[b"fact"], **more
    ).SerializeToString()


def restored(*records):
    found = _RestoredStates(EPOCH, RULESET)
    for name, encoded in records:
        found.add(name, encoded)
    return found


def test_the_highest_position_is_kept_not_the_last_record():
    found = restored((ANNA, state(5)), (ANNA, state(9)), (ANNA, state(7)), (BERT, state(1)))
    assert found.best == {ANNA: state(9), BERT: state(1)}


def test_a_patient_whose_last_record_is_an_older_one_is_written_again():
    found = restored((ANNA, state(9)), (ANNA, state(7)), (BERT, state(1)), (BERT, state(2)))
    assert found.overwritten() == [(ANNA, state(9))]


def test_of_equal_positions_the_later_record_is_kept():
    later = state(4, findings_hash=b"later")
    assert restored((ANNA, state(4)), (ANNA, later)).best == {ANNA: later}


def test_of_equal_positions_the_one_that_the_newer_ruleset_assessed_is_kept():
    found = restored((ANNA, state(4)), (ANNA, state(4, ruleset=4)), (ANNA, state(4, ruleset=0)))
    assert found.best == {ANNA: state(4)}
    assert found.overwritten() == [(ANNA, state(4))]


def test_records_of_an_earlier_build_mean_nothing_whatever_their_position():
    """The monitor of the build before was paused in the rebuild, and came back."""
    found = restored(
        (ANNA, state(90, build=1)), (ANNA, state(4)), (ANNA, state(99, build=1)), (BERT, state(7, build=1))
    )
    assert found.best == {ANNA: state(4)}
    assert found.overwritten() == [(ANNA, state(4))]


def test_a_monitor_with_an_older_ruleset_refuses_what_a_newer_one_has_written():
    with pytest.raises(RefusedToRun, match="has ruleset 5, the state was written with ruleset 6") as refused:
        restored((ANNA, state(1)), (BERT, state(1, ruleset=6)))
    assert (refused.value.code, refused.value.exit_code) == ("RULESET_OLDER", 5)
    assert "rxguard monitor rebuild" in refused.value.message


def test_a_state_whose_events_were_packed_in_another_way_is_refused_and_not_taken_for_empty():
    packed_otherwise = b"\x0a\x04fact" + PatientState(position=1, build=EPOCH).SerializeToString()
    with pytest.raises(RefusedToRun, match="rxguard monitor rebuild") as refused:
        restored((ANNA, packed_otherwise))
    assert (refused.value.code, refused.value.exit_code) == ("STATE_OLD", 5)


def test_a_monitor_of_before_that_wrote_once_more_after_a_rebuild_stops_nobody():
    packed_otherwise = PatientState(position=90, build=EPOCH - 1).SerializeToString()
    found = restored((ANNA, state(4)), (ANNA, b"\x0a\x04fact" + packed_otherwise))
    assert found.best == {ANNA: state(4)}
    assert found.overwritten() == [(ANNA, state(4))]


def test_a_state_of_findings_alone_is_none_of_old():
    """A rebuild leaves it where only findings of the build before are known."""
    found = restored((ANNA, PatientState(position=-1, build=EPOCH).SerializeToString()))
    assert found.store(OutputTail(), OutputTail()).unassessed(10) == [ANNA]


def test_patients_whom_our_ruleset_has_not_assessed_are_due():
    found = restored((ANNA, state(1)), (BERT, state(1, ruleset=4)), (b"C" * 16, state(1, ruleset=0)))
    assert found.store(OutputTail(7), OutputTail(9)).unassessed(10) == [BERT, b"C" * 16]


def test_a_tombstone_is_refused_because_it_would_forget_facts():
    with pytest.raises(ChangelogBrokenError):
        restored((ANNA, None))
