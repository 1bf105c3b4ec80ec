"""The one broker of a run: topics made, filled, read to their end and removed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from rx_runtime.kafka import clients, topic_reader

from bench.workload import Record

PARTITIONS = 4
_BATCH_BYTES = 512 * 1024
_IN_FLIGHT = 16
_DELETE_TIMEOUT_S, _POLL_S = 30.0, 0.05


def partition_of(key: bytes) -> int:
    """Return the partition that every Kafka client writes that key to."""
    return (murmur2(key) & 0x7FFFFFFF) % PARTITIONS


def append(batch: BatchBuilder, record: Record) -> bool:
    """Add a record to a batch; returns False if the batch is full."""
    added = batch.append(timestamp=None, key=record.patient, value=record.value, headers=record.headers)
    return added is not None


class Broker:
    """Admin, producer and consumer for a bench."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def create(self, topic: str, **settings: str) -> None:
        """Create a topic with PARTITIONS partitions."""

        async def use(admin: AIOKafkaAdminClient) -> None:
            answer = await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=settings)])
            for _name, code, *_ in answer.topic_errors:
                if code:
                    raise for_code(code)

        await clients.with_admin(self.address, use)

    async def topics(self, prefix: str) -> list[str]:
        """Topics whose name begins so."""

        async def use(admin: AIOKafkaAdminClient) -> list[str]:
            return [name for name in await admin.list_topics() if name.startswith(prefix)]

        return await clients.with_admin(self.address, use)

    async def delete(self, topics: Iterable[str]) -> None:
        """Delete topics; returns when the broker lists them no more. Those that do not exist are fine."""
        unwanted = set(topics)

        async def use(admin: AIOKafkaAdminClient) -> None:
            answer = await admin.delete_topics(list(unwanted))
            for _name, code in answer.topic_error_codes:
                if code not in (0, UnknownTopicOrPartitionError.errno):
                    raise for_code(code)
            async with asyncio.timeout(_DELETE_TIMEOUT_S):
                while unwanted & set(await admin.list_topics()):  # noqa: ASYNC110  # the broker tells nobody
                    await asyncio.sleep(_POLL_S)

        await clients.with_admin(self.address, use)

    async def fill(self, topic: str, records: Iterable[Record]) -> list[int]:
        """Write events keyed by patient; returns how many stand in each partition."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address, acks="all", max_batch_size=_BATCH_BYTES, max_request_size=4 * _BATCH_BYTES
        )
        await clients.start(producer, self.address)
        counts = [0] * PARTITIONS
        places: dict[bytes, int] = {}
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        sent: deque[asyncio.Future[Any]] = deque()

        async def send(number: int) -> None:
            sent.append(await producer.send_batch(batches[number], topic, partition=number))
            batches[number] = producer.create_batch()
            if len(sent) >= _IN_FLIGHT:
                await sent.popleft()

        try:
            for record in records:
                number = places.get(record.patient)
                if number is None:
                    number = places[record.patient] = partition_of(record.patient)
                if not append(batches[number], record):
                    await send(number)
                    append(batches[number], record)
                counts[number] += 1
            for number in range(PARTITIONS):
                if batches[number].record_count():
                    await send(number)
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
        return counts

    async def rewind(self, group: str, topic: str) -> None:
        """Have a group without members begin at the oldest record of a topic."""
        consumer = clients.new_consumer(self.address, client_id="bench", group=group)
        await clients.start(consumer, self.address)
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.commit(await consumer.beginning_offsets(partitions))
        finally:
            await consumer.stop()

    def read(self, topic: str) -> AsyncIterator[Any]:
        """Return the records of a topic up to its present end, each partition in order."""
        return topic_reader.records_to_end(self.address, topic, client_id="bench")
