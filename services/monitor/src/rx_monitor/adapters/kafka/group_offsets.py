"""The offsets of the monitor's consumer group, written from outside it. Nothing is left to an automatic reset."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients

from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC

_CLIENT = "rx-monitor-offsets"


async def begin_positions(installation: Installation, count: int) -> tuple[dict[int, int], dict[int, int]]:
    """Oldest offset of each partition, and the offset that the group goes on from.

    The oldest is committed where the group has none: a lost offset must never turn into skipped or endlessly repeated
    events.
    """
    async with _group_consumer(installation, count) as (consumer, partitions):
        oldest = await consumer.beginning_offsets(partitions)
        if missing := {tp: oldest[tp] for tp in partitions if await consumer.committed(tp) is None}:
            try:
                await consumer.commit(missing)
            except (CommitFailedError, KafkaError):
                # A monitor that started at the same time has joined the group, and wrote them before it did.
                if any([await consumer.committed(tp) is None for tp in missing]):
                    raise
        committed = {tp.partition: at for tp in partitions if (at := await consumer.committed(tp)) is not None}
        return {tp.partition: offset for tp, offset in oldest.items()}, committed


async def go_back(installation: Installation, offsets: Mapping[int, int]) -> None:
    """Make the group go on from these offsets. Raises DependencyUnavailable if a monitor has joined it."""
    async with _group_consumer(installation, len(offsets)) as (consumer, partitions):
        await consumer.commit({tp: offsets[tp.partition] for tp in partitions})


async def extents(installation: Installation, count: int) -> dict[int, range]:
    """The offsets that each partition of the event log holds."""
    async with _group_consumer(installation, count) as (consumer, partitions):
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        return {tp.partition: range(begins[tp], ends[tp]) for tp in partitions}


@asynccontextmanager
async def _group_consumer(
    installation: Installation, count: int
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """A consumer that knows the group's offsets and does not join it, with the partitions of the event log."""
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
