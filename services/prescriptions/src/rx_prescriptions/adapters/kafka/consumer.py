"""Consumes `rx.inbound.v1` in batches and commits consumer offsets only after a batch is processed (at least once)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from rx_ingest.model import InboundRecord, Position
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.telemetry.logs import get_logger

from rx_prescriptions.adapters.kafka.errors import kafka_errors

BATCH_RECORDS = 1_000
BATCH_BYTES = 1024 * 1024
"""A batch ends with the record that reaches either limit. Small batches keep a retry cheap."""

POLL_TIMEOUT_MS = 500
_BATCHES_IN_FLIGHT = 2
_COMMIT_TIMEOUT_SECONDS = 30.0
_LAST_COMMIT_TIMEOUT_SECONDS = 1.0
_RETRY_DELAYS_SECONDS = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)

log = get_logger()
ProcessBatch = Callable[[Sequence[InboundRecord]], Awaitable[object]]


async def consume(consumer: AIOKafkaConsumer, process: ProcessBatch) -> None:
    """Pass records to `process` in batches and commit the offsets of processed batches in order. Never returns.

    Fetches the next batch while the previous one waits for its servers. Retries a batch that raises
    DependencyUnavailable, then raises it; any other exception ends the consumer at once, with the offset not committed.
    """
    in_flight: deque[asyncio.Task[None]] = deque()
    offsets = _OffsetCommitter(consumer)
    try:
        while True:
            offsets.check()
            with kafka_errors():
                fetched = await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS, max_records=BATCH_RECORDS)
            for batch in _batches([record for records in fetched.values() for record in records]):
                while len(in_flight) >= _BATCHES_IN_FLIGHT:
                    await in_flight.popleft()
                previous = in_flight[-1] if in_flight else None
                in_flight.append(asyncio.create_task(_process(offsets, process, batch, previous)))
            while in_flight and in_flight[0].done():
                await in_flight.popleft()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, offsets.stop(), return_exceptions=True)


async def _process(
    offsets: "_OffsetCommitter",
    process: ProcessBatch,
    batch: Sequence[ConsumerRecord],
    previous: asyncio.Task[None] | None,
) -> None:
    await _with_retry(process, [_inbound_record(record) for record in batch])
    if previous:
        await previous
    offsets.add(batch)


class _OffsetCommitter:
    """Commits consumer offsets in the background, one request at a time; offsets added meanwhile go with the next one.

    No batch waits for a commit, because a new event would wait with it. After a crash, batches whose commit was pending
    are processed again.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._pending: dict[TopicPartition, int] = {}
        self._commit: asyncio.Task[None] | None = None

    def add(self, batch: Sequence[ConsumerRecord]) -> None:
        """Commit the end of a processed batch. Raises the error of the last commit."""
        self.check()
        self._pending |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch}
        if self._commit is None or self._commit.done():
            self._commit = asyncio.create_task(self._commit_pending())

    def check(self) -> None:
        """Raise the error of the last commit, if it failed."""
        if self._commit and self._commit.done():
            self._commit.result()

    async def stop(self) -> None:
        """Wait for the commit in progress. Raises its error, or TimeoutError if the broker does not answer."""
        if self._commit:
            await asyncio.wait_for(self._commit, _LAST_COMMIT_TIMEOUT_SECONDS)

    async def _commit_pending(self) -> None:
        while self._pending:
            pending, self._pending = self._pending, {}
            await _commit_offsets(self._consumer, pending)


def _batches(records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
    """Yield the records in order, in batches that end once they exceed BATCH_BYTES."""
    batch: list[ConsumerRecord] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _with_retry(process: ProcessBatch, records: Sequence[InboundRecord]) -> None:
    """Process a batch; retry while a server restarts. The last attempt raises, which ends the process."""
    for delay_seconds in _RETRY_DELAYS_SECONDS:
        try:
            await process(records)
        except DependencyUnavailable as error:
            log.warning("batch_repeated", code=error.code, after_seconds=delay_seconds)
            await asyncio.sleep(delay_seconds)
        else:
            return
    await process(records)


def _inbound_record(record: ConsumerRecord) -> InboundRecord:
    return InboundRecord(
        position=Position(record.partition, record.offset),
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp_ms=record.timestamp,
    )


async def _commit_offsets(consumer: AIOKafkaConsumer, next_offsets: Mapping[TopicPartition, int]) -> None:
    """Commit the offsets of partitions that are still assigned. The new owner of another one repeats its batch."""
    owned = {tp: offset for tp, offset in next_offsets.items() if tp in consumer.assignment()}
    if not owned:
        return
    with kafka_errors():
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):  # the client itself has no limit
                await consumer.commit(owned)
        except (CommitFailedError, IllegalStateError):  # a rebalance took the partition
            log.info("partition_moved")
        except TimeoutError as error:
            raise DependencyUnavailable(
                "KAFKA_UNAVAILABLE", f"the broker took no offset for {_COMMIT_TIMEOUT_SECONDS:.0f} s"
            ) from error
