"""Read whole topics up to their current end offsets."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition

from rx_runtime.kafka.clients import new_consumer, start


async def read_to_end(bootstrap: str, topic: str, *, client_id: str) -> list[Any]:
    """Return every record of a topic up to its end offsets at the time of the call, ordered by partition and offset."""
    records = [record async for record in records_to_end(bootstrap, topic, client_id=client_id)]
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def records_to_end(
    bootstrap: str, topic: str, *, client_id: str, partition: int | None = None
) -> AsyncIterator[Any]:
    """Yield the records of a topic, or of one partition, up to the current end offsets; in order within a partition."""
    consumer = new_consumer(bootstrap, client_id=client_id)  # without a group it starts at the oldest record
    await start(consumer, bootstrap)
    try:
        await consumer._client.force_metadata_update()  # noqa: SLF001  # the only way to learn partitions without a subscription
        numbers = sorted(consumer.partitions_for_topic(topic) or ()) if partition is None else [partition]
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for tp, fetched in (await consumer.getmany(timeout_ms=500)).items():
                for record in fetched:
                    if record.offset < ends[tp]:
                        yield record
    finally:
        await consumer.stop()
