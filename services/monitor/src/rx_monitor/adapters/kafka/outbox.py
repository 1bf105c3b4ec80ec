"""Appends outputs to Kafka; each call returns when the broker has acknowledged every record."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from rx_monitor.ports import OutputRecords


class KafkaOutbox:
    """Appends the outputs of a partition to the same partition number of the output topics."""

    def __init__(
        self, producer: AIOKafkaProducer, *, findings_topic: str, state_topic: str, max_record_bytes: int
    ) -> None:
        self._producer = producer
        self._findings_topic = findings_topic
        self._state_topic = state_topic
        self.max_record_bytes = max_record_bytes

    async def publish_findings(self, partition: int, records: OutputRecords) -> Sequence[int]:
        """See Outbox."""
        return await append_all(self._producer, self._findings_topic, partition, records)

    async def write_states(self, partition: int, records: OutputRecords) -> Sequence[int]:
        """See Outbox."""
        return await append_all(self._producer, self._state_topic, partition, records)


async def append_all(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[tuple[bytes, bytes]]
) -> list[int]:
    """Append keyed records in this order; return their offsets when all are acknowledged, raise if one is not.

    Builds record batches itself: the client's own `send` costs a task switch and a future for each record.
    """
    counts = []
    acknowledgements = []
    for batch in _batches(producer, records):
        counts.append(batch.record_count())
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    written = await asyncio.gather(*acknowledgements)
    first_offsets = [metadata.offset for metadata in written]
    return [first + number for first, count in zip(first_offsets, counts, strict=True) for number in range(count)]


def _batches(producer: AIOKafkaProducer, records: Iterable[tuple[bytes, bytes]]) -> Iterator[BatchBuilder]:
    """Yield the records in closed batches of the producer's size; a larger record gets a batch of its own."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(timestamp=None, key=key, value=value) is None:  # full, which closes it
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    if batch.record_count():
        batch.close()  # the client must not add records to it
        yield batch
