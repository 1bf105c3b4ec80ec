"""State written and read back is the same state, and the same event has the same bytes from everywhere."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from pharmacy.events.v1.event_pb2 import Event
from rx_contracts.topics import topics
from rx_contracts.versions import StateVersion
from rx_monitor.adapters.protobuf import packing
from rx_monitor.adapters.protobuf.codec import ProtoCodec, state_version
from rx_monitor.adapters.protobuf.packing import KEY_BYTES, pack, unpack
from rx_monitor.domain.patient import UNKNOWN, fold

TOPICS = {topic.name: topic for topic in topics()}
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
        patient = fold(patient, CODEC.decode_event(record(event)), offset)
    return patient


def held(patient):
    """Each held event in full."""
    return {key: (one.key, one.revision, one.content) for key, one in patient.events.items()}


def test_a_patient_survives_being_written_and_read():
    patient = replace(patient_of(EXAMPLES), findings_hash=b"hash", fact_bits=5)
    assert len(patient.events) == len(EXAMPLES)
    read = CODEC.decode_state(CODEC.encode_state(patient))
    assert held(read) == held(patient)
    assert replace(read, events={}) == replace(patient, events={})


def test_a_patient_read_and_written_again_is_the_same_bytes():
    encoded = CODEC.encode_state(patient_of(EXAMPLES))
    assert CODEC.encode_state(CODEC.decode_state(encoded)) == encoded


def test_an_event_folded_into_a_state_that_was_read_gives_the_bytes_of_all_folded_at_once():
    read = CODEC.decode_state(CODEC.encode_state(patient_of(EXAMPLES[:-1])))
    last = fold(read, CODEC.decode_event(record(EXAMPLES[-1])), len(EXAMPLES) - 1)
    assert CODEC.encode_state(last) == CODEC.encode_state(patient_of(EXAMPLES))


def test_equal_patients_have_equal_bytes_whatever_the_order_of_arrival():
    forwards, backwards = patient_of(EXAMPLES), patient_of(EXAMPLES[::-1])
    assert CODEC.encode_state(forwards) == CODEC.encode_state(backwards)


def test_what_the_facts_may_bring_is_remembered_under_one_ruleset_only():
    for kinds in (0, 5):
        encoded = CODEC.encode_state(replace(patient_of(EXAMPLES), fact_bits=kinds))
        assert CODEC.decode_state(encoded).fact_bits == kinds
        assert ProtoCodec(ruleset_seq=4).decode_state(encoded).fact_bits is None
    assert CODEC.decode_state(CODEC.encode_state(patient_of(EXAMPLES))).fact_bits is None


def test_a_state_says_all_that_the_events_said_but_whose_they_are():
    read = CODEC.decode_state(CODEC.encode_state(patient_of(EXAMPLES)))
    for example in EXAMPLES:
        kept = Event.FromString(read.events[example.event_key].content)
        assert not kept.patient
        kept.patient = example.patient
        assert kept == example


def test_the_keys_of_a_state_stand_open_so_that_the_cheap_path_finds_them():
    encoded = CODEC.encode_state(patient_of(EXAMPLES))
    assert all(CODEC.may_hold(encoded, example.event_key) for example in EXAMPLES)
    assert not CODEC.may_hold(encoded, b"X" * 16)


def test_a_later_revision_supersedes_a_packed_event_and_an_earlier_one_does_not():
    later = Event.FromString(EXAMPLES[0].SerializeToString())
    later.source_revision += 1
    first, second = CODEC.decode_event(record(EXAMPLES[0])), CODEC.decode_event(record(later))
    packed = CODEC.decode_state(CODEC.encode_state(fold(UNKNOWN, first, 0)))
    assert second.supersedes(packed.events[first.key])
    newer = CODEC.decode_state(CODEC.encode_state(fold(UNKNOWN, second, 0)))
    assert not first.supersedes(newer.events[first.key])
    assert fold(newer, first, 9) is newer


def test_the_dictionary_makes_events_far_smaller_than_packing_alone_would():
    contents = [one.content for one in patient_of(EXAMPLES).events.values()]
    assert sum(len(pack(one)) for one in contents) < 0.8 * sum(len(zstandard.compress(one)) for one in contents)


def test_the_dictionary_that_every_state_was_written_with_has_not_changed():
    """Whoever changes it makes every changelog unreadable: a new one needs a new field in the state."""
    dictionary = Path(packing.__file__).with_name("packing.zstd-dictionary").read_bytes()
    assert sha256(dictionary).hexdigest() == "f1e8de49b8996e11166fcbfd6ad69004e3a093ea5825cd46b7eafbaee09809c8"


@given(st.binary(max_size=600))
def test_whatever_stands_in_an_event_comes_back_from_packing(rest):
    content = b"\x0a\x10" + b"K" * 16 + rest
    assert unpack(pack(content)) == content
    assert pack(content)[:KEY_BYTES] == b"K" * 16


def test_an_event_without_a_key_of_16_bytes_is_refused():
    with pytest.raises(ValueError, match="key of 16 bytes"):
        pack(Event(event_key=b"short").SerializeToString())


def test_what_was_packed_in_another_way_is_an_error():
    whole = pack(CODEC.decode_event(record(EXAMPLES[0])).content)
    for wrong in (b"K" * 16 + b"\xff\xff\xff", whole[:-5], b"K" * 16):
        with pytest.raises(zstandard.ZstdError):
            unpack(wrong)


def test_two_threads_may_pack_at_once():
    contents = [b"\x0a\x10" + bytes([number]) * 16 + bytes([number % 7]) * 5_000 for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: unpack(pack(one)), contents * 20)) == contents * 20


def test_the_stamp_of_a_state_says_which_build_position_and_ruleset():
    patient = patient_of(EXAMPLES)
    assert state_version(CODEC.encode_state(patient)) == StateVersion(
        state_epoch=0, position=len(EXAMPLES) - 1, ruleset_seq=3
    )
    due = replace(patient, is_assessed=False)
    assert state_version(ProtoCodec(ruleset_seq=3, state_epoch=2).encode_state(due)) == StateVersion(
        2, len(EXAMPLES) - 1, 0
    )


@pytest.mark.parametrize("ruleset", [2, 4])
def test_a_patient_whom_another_ruleset_has_assessed_is_due(ruleset):
    encoded = ProtoCodec(ruleset_seq=ruleset).encode_state(patient_of(EXAMPLES))
    assert not CODEC.decode_state(encoded).is_assessed


def test_a_patient_who_is_due_stays_due_when_written_and_read():
    due = replace(patient_of(EXAMPLES), is_assessed=False)
    assert not CODEC.decode_state(CODEC.encode_state(due)).is_assessed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.event_id)
def test_an_event_read_from_the_changelog_supersedes_nothing_from_the_log(example):
    patient = CODEC.decode_state(CODEC.encode_state(patient_of([example])))
    assert fold(patient, CODEC.decode_event(record(example)), 9) is patient


def test_a_record_keyed_by_another_patient_is_refused():
    with pytest.raises(ValueError, match="not keyed by its patient"):
        CODEC.decode_event(record(EXAMPLES[0], key=b"X" * 16))


def test_a_record_that_is_no_event_is_refused():
    with pytest.raises(DecodeError):
        CODEC.decode_event(record(EXAMPLES[0], value=b"\xff\xff"))
