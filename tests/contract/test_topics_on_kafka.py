"""Topics on a real broker: created once, left alone after, and refused where they differ."""

import pytest
from aiokafka.admin import NewTopic
from rx_contracts import topics as registry
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import topics
from rx_runtime.kafka.clients import new_producer, with_admin
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.kafka.topic_reader import read_to_end

pytestmark = pytest.mark.stack


@pytest.fixture
def installation(stack, namespace):
    """One without any topic yet."""
    return Installation(stack.kafka, namespace)


async def create(bootstrap: str, name: str, partitions: int, settings: dict[str, str] | None = None) -> None:
    async def use(admin):
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings or {})])
        while name not in await admin.list_topics():
            pass

    await with_admin(bootstrap, use)


async def test_applying_creates_every_topic_and_applying_again_nothing(installation):
    created = await topics.apply(installation, 3)
    assert created == [installation.topic(topic.name) for topic in registry.topics()]
    assert await topics.apply(installation, 3) == []
    assert await topics.verify(installation) == 3


async def test_a_missing_topic_stops_a_service_and_names_the_command(installation):
    with pytest.raises(RefusedToRun, match=r"missing: .*rx\.findings\.v1.*rxguard topics apply"):
        await topics.verify(installation)


async def test_a_patient_topic_with_other_partitions_stops_a_service(stack, installation):
    await create(stack.kafka, installation.topic("rx.monitor-state.v1"), 2)
    with pytest.raises(RefusedToRun, match=r"monitor-state\.v1 has 2 partitions instead of 4"):
        await topics.apply(installation, 4)
    for topic in registry.topics():
        if topic.name != "rx.monitor-state.v1":
            await create(stack.kafka, installation.topic(topic.name), topic.partition_count(4))
    with pytest.raises(RefusedToRun, match="TOPIC_MISMATCH"):
        await topics.verify(installation)


async def test_an_event_log_that_would_be_compacted_is_refused(stack, installation):
    await create(stack.kafka, installation.topic("rx.medication-events.v1"), 4, {"cleanup.policy": "compact"})
    with pytest.raises(RefusedToRun, match=r"medication-events\.v1 has cleanup\.policy=compact instead of delete"):
        await topics.apply(installation, 4)


async def test_a_topic_made_anew_is_another_one_empty_and_as_the_registry_says(stack, installation):
    await topics.apply(installation, 3)
    name = installation.topic("rx.monitor-state.v1")
    producer = new_producer(stack.kafka, client_id="test")
    await producer.start()
    try:
        await producer.send_and_wait(name, b"of the old one", key=b"k", partition=0)
    finally:
        await producer.stop()
    before = (await identities(stack.kafka, [name]))[name]

    await topics.recreate(installation, "rx.monitor-state.v1", 3)

    after = (await identities(stack.kafka, [name]))[name]
    assert after.topic_id != before.topic_id
    assert after.partitions == 3
    assert await read_to_end(stack.kafka, name, client_id="test") == []
    assert await topics.apply(installation, 3) == [], "the settings are those of the registry"


async def test_a_topic_that_is_missing_is_made(stack, installation):
    await topics.recreate(installation, "rx.monitor-state.v1", 2)
    name = installation.topic("rx.monitor-state.v1")
    assert (await identities(stack.kafka, [name]))[name].partitions == 2
