"""Findings, states and progress on their way to Kafka, each awaited until the broker has acknowledged it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, Rebuild

from rx_monitor.domain.rebuilds import Reached
from rx_monitor.ports import Output

PROGRESS_INTERVAL_SECONDS = 1.0


class KafkaOutbox:
    """Writes a partition's results to the same partition number of the output topics."""

    def __init__(self, producer: AIOKafkaProducer, *, findings_topic: str, state_topic: str) -> None:
        self._producer = producer
        self._findings_topic = findings_topic
        self._state_topic = state_topic

    async def findings(self, partition: int, records: Output) -> Sequence[int]:
        """Send finding sets in this order; their offsets when all are acknowledged, raises if one is not."""
        return await send_all(self._producer, self._findings_topic, partition, records)

    async def states(self, partition: int, records: Output) -> Sequence[int]:
        """Send encoded states; their offsets when all are acknowledged, raises if one is not."""
        return await send_all(self._producer, self._state_topic, partition, records)


async def send_all(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[tuple[bytes, bytes]]
) -> list[int]:
    """Send keyed records in this order; their offsets when all are acknowledged, raises if one is not.

    In batches that are put together here: the client's own way costs a task switch and a future a record.
    """
    counts = []
    acknowledgements = []
    for batch in _batches(producer, records):
        counts.append(batch.record_count())
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    written = await asyncio.gather(*acknowledgements)
    firsts = [first.offset for first in written]
    return [first + number for first, count in zip(firsts, counts, strict=True) for number in range(count)]


def _batches(producer: AIOKafkaProducer, records: Iterable[tuple[bytes, bytes]]) -> Iterator[BatchBuilder]:
    """The records in closed batches of the producer's size; a larger record is a batch of its own."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(timestamp=None, key=key, value=value) is None:  # full, and closed by that
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    if batch.record_count():
        batch.close()  # nothing else may be added to it on its way
        yield batch


class ProgressReports:
    """Tells the others how far each partition has come: at most once a second, and always after the last advance."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        *,
        reached: Callable[[], Mapping[int, Reached]],
        template: MonitorProgress,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._reached = reached
        self._template = template
        self._reported: dict[int, Reached] = {}
        self._advanced = asyncio.Event()

    def advanced(self) -> None:
        """A partition has come further: a report is due."""
        self._advanced.set()

    async def run(self) -> None:
        """Report for the life of the process; raises if a report is not acknowledged."""
        while True:
            await self._advanced.wait()
            await self.report()
            await asyncio.sleep(PROGRESS_INTERVAL_SECONDS)

    async def report(self) -> None:
        """Write how far each owned partition has come that has come further since its last report."""
        self._advanced.clear()
        due = {number: found for number, found in self._reached().items() if self._reported.get(number) != found}
        await send_all(
            self._producer,
            self._topic,
            0,
            [(str(number).encode(), self._record(number, found)) for number, found in due.items()],
        )
        self._reported.update(due)

    def _record(self, partition: int, found: Reached) -> bytes:
        record = MonitorProgress(partition=partition, position=found.position, unassessed_patients=found.unassessed)
        if found.rebuilding:
            record.rebuild.CopyFrom(Rebuild(end_position=found.rebuilding.end, position=found.read))
        record.MergeFrom(self._template)
        record.written_time.GetCurrentTime()
        return record.SerializeToString()
