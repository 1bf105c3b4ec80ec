"""Committed offsets of the monitor's consumer group, written from outside it. Nothing relies on an automatic reset."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients

from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC

_CLIENT = "rx-monitor-offsets"


async def ensure_committed(installation: Installation, count: int) -> tuple[dict[int, int], dict[int, int]]:
    """Return the oldest offset and the committed offset of each of `count` partitions.

    Commits the oldest where the group has none: a lost offset must never become skipped or endlessly repeated events.
    Raises DependencyUnavailable OFFSETS_NOT_WRITTEN.
    """
    async with _group_consumer(installation, count) as (consumer, partitions):
        oldest = await consumer.beginning_offsets(partitions)
        if missing := {tp: oldest[tp] for tp in partitions if await consumer.committed(tp) is None}:
            try:
                await consumer.commit(missing)
            except (CommitFailedError, KafkaError):
                # A monitor that started at the same time has joined the group, and committed them before it did.
                if any([await consumer.committed(tp) is None for tp in missing]):
                    raise
        committed = {tp.partition: at for tp in partitions if (at := await consumer.committed(tp)) is not None}
        return {tp.partition: offset for tp, offset in oldest.items()}, committed


async def reset_offsets(installation: Installation, offsets: Mapping[int, int]) -> None:
    """Commit these offsets for the group.

    Raises DependencyUnavailable OFFSETS_NOT_WRITTEN, also if a monitor has joined the group.
    """
    async with _group_consumer(installation, len(offsets)) as (consumer, partitions):
        await consumer.commit({tp: offsets[tp.partition] for tp in partitions})


async def event_offsets(installation: Installation, count: int) -> dict[int, range]:
    """Return the offsets that each of `count` partitions of the event log holds."""
    async with _group_consumer(installation, count) as (consumer, partitions):
        oldest = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        return {tp.partition: range(oldest[tp], ends[tp]) for tp in partitions}


@asynccontextmanager
async def _group_consumer(
    installation: Installation, count: int
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """Yield a consumer that commits for the group without joining it, and the partitions of the event log."""
    partitions = [TopicPartition(installation.topic(EVENTS_TOPIC), number) for number in range(count)]
    group = installation.group(CONSUMER_GROUP)
    consumer = clients.new_consumer(installation.kafka, client_id=_CLIENT, group=group)
    await clients.start(consumer, installation.kafka)
    try:
        consumer.assign(partitions)
        yield consumer, partitions
    except KafkaError as error:
        raise DependencyUnavailable(
            "OFFSETS_NOT_WRITTEN", f"cannot read or write the offsets of the group {group}"
        ) from error
    finally:
        await consumer.stop()
