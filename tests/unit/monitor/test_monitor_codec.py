"""State written and read back is the same state, and the same event has the same bytes from everywhere."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from google.protobuf.message import DecodeError
from pharmacy.events.v1.event_pb2 import Event
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_contracts.topics import TOPICS
from rx_monitor.adapters.codec import ProtoCodec, position_of
from rx_monitor.domain.patient import UNKNOWN, fold

CODEC = ProtoCodec(ruleset_seq=3)
EXAMPLES = [
    TOPICS["rx.medication-events.v1"].parse(example.value)
    for example in TOPICS["rx.medication-events.v1"].examples.valid
]


def record(event: Event, **other: object) -> SimpleNamespace:
    return SimpleNamespace(
        **{"offset": 5, "key": event.patient, "value": event.SerializeToString(), "headers": []} | other
    )


def patient_of(events):
    patient = UNKNOWN
    for offset, event in enumerate(events):
        patient = fold(patient, CODEC.event(record(event)), offset)
    return patient


def test_a_patient_survives_being_written_and_read():
    patient = patient_of(EXAMPLES)
    assert len(patient.events) == len(EXAMPLES)
    assert CODEC.patient(CODEC.encode(patient)) == patient


def test_equal_patients_have_equal_bytes_whatever_the_order_of_arrival():
    forwards, backwards = patient_of(EXAMPLES), patient_of(EXAMPLES[::-1])
    assert CODEC.encode(forwards) == CODEC.encode(backwards)


def test_what_the_facts_may_bring_is_remembered_under_one_ruleset_only():
    for kinds in (0, 5):
        encoded = CODEC.encode(replace(patient_of(EXAMPLES), kinds=kinds))
        assert CODEC.patient(encoded).kinds == kinds
        assert ProtoCodec(ruleset_seq=4).patient(encoded).kinds is None
    assert CODEC.patient(CODEC.encode(patient_of(EXAMPLES))).kinds is None


def test_a_state_holds_its_events_as_they_stood_in_the_log():
    state = PatientState.FromString(CODEC.encode(patient_of(EXAMPLES)))
    assert list(state.events) == sorted(EXAMPLES, key=lambda one: one.event_key)
    assert {one.content for one in CODEC.patient(CODEC.encode(patient_of(EXAMPLES))).events.values()} == {
        one.SerializeToString() for one in EXAMPLES
    }


def test_the_position_of_a_state_is_read_without_the_rest():
    assert position_of(CODEC.encode(patient_of(EXAMPLES))) == len(EXAMPLES) - 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.event_id)
def test_an_event_read_from_the_changelog_supersedes_nothing_from_the_log(example):
    patient = CODEC.patient(CODEC.encode(patient_of([example])))
    assert fold(patient, CODEC.event(record(example)), 9) is patient


def test_a_record_keyed_by_another_patient_is_refused():
    with pytest.raises(ValueError, match="not keyed by its patient"):
        CODEC.event(record(EXAMPLES[0], key=b"X" * 16))


def test_a_record_that_is_no_event_is_refused():
    with pytest.raises(DecodeError):
        CODEC.event(record(EXAMPLES[0], value=b"\xff\xff"))
