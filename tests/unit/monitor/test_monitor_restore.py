"""What a changelog says: the highest position of a patient holds, wherever its record stands."""

import pytest
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState
from rx_monitor.adapters.restore import ChangelogBrokenError, _Restored
from rx_monitor.adapters.start_checks import check_continues
from rx_runtime.errors import RefusedToRun

ANNA, BERT = b"A" * 16, b"B" * 16
OURS = MonitorProgress(topic_id="topic-1", ruleset_version="rules-1", ruleset_seq=1)


def state(position):
    return PatientState(position=position).SerializeToString()


def restored(*records):
    found = _Restored()
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
    later = PatientState(position=4, findings_hash=b"later").SerializeToString()
    assert restored((ANNA, state(4)), (ANNA, later)).best == {ANNA: later}


def test_a_tombstone_is_refused_because_it_would_forget_facts():
    with pytest.raises(ChangelogBrokenError):
        restored((ANNA, None))


def test_a_monitor_continues_its_own_state():
    check_continues(OURS, OURS)


@pytest.mark.parametrize(("field", "code"), [("topic_id", "TOPIC_RECREATED"), ("ruleset_version", "RULESET_CHANGED")])
def test_state_of_another_topic_or_ruleset_is_refused_and_the_repair_named(field, code):
    other = MonitorProgress(topic_id="topic-1", ruleset_version="rules-1", ruleset_seq=1)
    setattr(other, field, "other")
    with pytest.raises(RefusedToRun, match="rxguard up --fresh") as refused:
        check_continues(other, OURS)
    assert refused.value.code == code
    assert refused.value.exit_code == 5
