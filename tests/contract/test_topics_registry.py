"""The topic registry is sound, and every example in it is what it says."""

import pytest
from pydantic import ValidationError
from rx_clinical.model.facts import UnreadFact, event_key
from rx_contracts.topics import Invalid, Topic, Valid, topics
from rx_contracts.wire import event_facts, finding_json
from rx_runtime.kafka.clients import MAX_RECORD_BYTES

TOPICS = {topic.name: topic for topic in topics()}
SERVICES = {"prescriptions", "monitor", "interactions", "compounding", "alerts"}
ENTRY = {
    "name": "rx.things.v1",
    "owner": "monitor",
    "purpose": "p",
    "producers": ["monitor"],
    "consumers": ["alerts"],
    "key": "k",
    "value": "v",
    "holds_phi": False,
    "partitions": 1,
    "cleanup": "compact",
    "max_message_bytes": 1,
}


def examples(kind: str) -> list[object]:
    return [
        pytest.param(topic, example, id=f"{topic.name}: {example.name}")
        for topic in topics()
        if topic.value_schema
        for example in getattr(topic.examples, kind)
    ]


@pytest.mark.parametrize(("topic", "example"), examples("valid"))
def test_a_valid_example_is_a_value_of_its_topic(topic: Topic, example: Valid):
    assert topic.parse(example.value) is not None


@pytest.mark.parametrize(("topic", "example"), examples("invalid"))
def test_an_invalid_example_is_refused(topic: Topic, example: Invalid):
    with pytest.raises(ValueError):  # noqa: PT011  # each example breaks another way
        topic.parse(example.value)


@pytest.mark.parametrize("topic", [topic for topic in topics() if topic.value_schema], ids=lambda topic: topic.name)
def test_a_topic_with_a_schema_shows_what_fits_and_what_does_not(topic: Topic):
    assert topic.examples.valid
    assert topic.examples.invalid


@pytest.mark.parametrize("example", TOPICS["rx.medication-events.v1"].examples.valid, ids=lambda example: example.name)
def test_an_event_example_has_its_own_identity_and_is_read_by_the_core(example: Valid):
    event = TOPICS["rx.medication-events.v1"].parse(example.value)
    (fact,) = event_facts.history_facts([event])
    assert fact.key == event_key(event.source, event.event_id)
    assert not isinstance(fact, UnreadFact)


def test_a_finding_set_example_becomes_a_document():
    published = TOPICS["rx.findings.v1"].parse(TOPICS["rx.findings.v1"].examples.valid[0].value)
    document = finding_json.finding_json(published.findings[0])
    assert document["severity"] == "contraindicated"
    assert document["earliest_start_time"] == "2026-04-15T17:45:00Z"


def test_topics_keyed_by_the_patient_share_one_partition_count():
    by_patient = {name for name, topic in TOPICS.items() if topic.key.startswith("pseudonym")}
    assert by_patient == {name for name, topic in TOPICS.items() if topic.partitions == "N"}
    assert {TOPICS[name].partition_count(64) for name in by_patient} == {64}
    assert TOPICS["rx.inbound.v1"].partition_count(64) == 8


def test_the_dead_letter_topic_holds_whatever_the_inbound_topic_took():
    assert TOPICS["rx.inbound.v1.dlq"].max_message_bytes > TOPICS["rx.inbound.v1"].max_message_bytes


def test_every_client_can_write_the_largest_record():
    assert max(topic.max_message_bytes for topic in topics()) <= MAX_RECORD_BYTES


def test_every_topic_belongs_to_a_service():
    assert {topic.owner for topic in topics()} <= SERVICES


def test_a_retention_is_written_in_milliseconds():
    assert TOPICS["rx.inbound.v1"].kafka_settings()["retention.ms"] == "604800000"
    assert TOPICS["rx.monitor-state.v1"].kafka_settings()["min.compaction.lag.ms"] == "86400000"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "rx.some_things.v1"},
        {"name": "rx.Things.v1"},
        {"name": "rx.things"},
        {"name": "things.v1"},
        {"cleanup": "delete"},
        {"cleanup": "compact", "retention_days": 3},
        {"cleanup": "delete", "retention_days": 3, "compaction_lag_hours": 1},
        {"partitions": 0},
        {"partitions": "M"},
        {"owner": " "},
        {"value_schema": "pharmacy.events.v1.Nothing"},
        {"retension_days": 3},
    ],
    ids=str,
)
def test_a_wrong_entry_is_refused(wrong: dict[str, object]):
    Topic.model_validate(ENTRY)
    with pytest.raises(ValidationError):
        Topic.model_validate(ENTRY | wrong)
