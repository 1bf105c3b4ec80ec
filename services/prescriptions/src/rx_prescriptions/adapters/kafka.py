"""Records in, events and dead letters out, and how far the monitor has come."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, MessageSizeTooLargeError
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_ingest.model import InboundRecord, Position
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka import headers
from rx_runtime.telemetry.logs import get_logger

from rx_prescriptions.adapters.dead_letters import Message, dead_letter, is_large
from rx_prescriptions.ports import DeadLetter, Publication

BATCH_RECORDS = 1_000
BATCH_BYTES = 1024 * 1024
"""A transaction ends with the record that passes either: small enough that a repeat costs little."""

_BATCHES_IN_FLIGHT = 2
_POLL_MS = 500
_COMMIT_TIMEOUT_SECONDS = 30.0
_LAST_COMMIT_SECONDS = 1.0
_RETRY_AFTER_SECONDS = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)

log = get_logger()
Take = Callable[[Sequence[InboundRecord]], Awaitable[object]]


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except MessageSizeTooLargeError:  # waiting makes no record smaller: a defect, not a broker that is away
        raise
    except KafkaError as error:
        raise DependencyUnavailable("KAFKA_UNAVAILABLE", f"the broker refused: {type(error).__name__}") from error


async def consume(consumer: AIOKafkaConsumer, take: Take) -> None:
    """Hand records to `take` in batches and commit what it has returned from; never returns.

    One batch is read while the one before waits for its servers; offsets move in order all the same. What `take` raises
    stops the consumer with the offset unmoved; DependencyUnavailable only after several attempts.
    """
    in_flight: deque[asyncio.Task[None]] = deque()
    commits = _Commits(consumer)
    try:
        while True:
            commits.check()
            with _reachable():
                fetched: Mapping[Any, Any] = await consumer.getmany(timeout_ms=_POLL_MS, max_records=BATCH_RECORDS)
            for batch in _batches([record for records in fetched.values() for record in records]):
                while len(in_flight) >= _BATCHES_IN_FLIGHT:
                    await in_flight.popleft()
                before = in_flight[-1] if in_flight else None
                in_flight.append(asyncio.create_task(_work(commits, take, batch, before)))
            while in_flight and in_flight[0].done():
                await in_flight.popleft()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, commits.stop(), return_exceptions=True)


async def _work(commits: "_Commits", take: Take, batch: Sequence[Any], before: asyncio.Task[None] | None) -> None:
    await _patiently(take, [_inbound(record) for record in batch])
    if before:
        await before
    commits.add(batch)


class _Commits:
    """Offsets on their way to the broker, one request at a time: what is taken meanwhile goes with the next.

    No batch waits for it: an event that comes would wait too, and what a crash leaves uncommitted is taken again.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._due: dict[TopicPartition, int] = {}
        self._sending: asyncio.Task[None] | None = None

    def add(self, batch: Sequence[Any]) -> None:
        """Everything up to the end of this batch is taken. Raises what the last request raised."""
        self.check()
        self._due |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch}
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    def check(self) -> None:
        """Raise what the last request raised."""
        if self._sending and self._sending.done():
            self._sending.result()

    async def stop(self) -> None:
        """Wait for the request under way. Raises what it raised, or TimeoutError: a broker may be away."""
        if self._sending:
            await asyncio.wait_for(self._sending, _LAST_COMMIT_SECONDS)

    async def _send(self) -> None:
        while self._due:
            due, self._due = self._due, {}
            await _commit(self._consumer, due)


def _batches(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The records in order, cut where a batch has passed BATCH_BYTES."""
    batch: list[Any] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _patiently(take: Take, records: Sequence[InboundRecord]) -> None:
    """A server that restarts is waited for; one that stays away ends the process."""
    for seconds in _RETRY_AFTER_SECONDS:
        try:
            await take(records)
        except DependencyUnavailable as error:
            log.warning("batch_repeated", code=error.code, after_seconds=seconds)
            await asyncio.sleep(seconds)
        else:
            return
    await take(records)


def _inbound(record: Any) -> InboundRecord:  # noqa: ANN401  # aiokafka types none
    return InboundRecord(
        position=Position(record.partition, record.offset),
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp_ms=record.timestamp,
    )


async def _commit(consumer: AIOKafkaConsumer, next_offsets: Mapping[TopicPartition, int]) -> None:
    """A partition that moved to another process is committed there, after it has repeated the batch."""
    owned = {tp: offset for tp, offset in next_offsets.items() if tp in consumer.assignment()}
    if not owned:
        return
    with _reachable():
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):  # the client alone would try for ever
                await consumer.commit(owned)
        except (CommitFailedError, IllegalStateError):
            log.info("partition_moved")
        except TimeoutError as error:
            raise DependencyUnavailable(
                "KAFKA_UNAVAILABLE", f"the broker took no offset for {_COMMIT_TIMEOUT_SECONDS:.0f} s"
            ) from error


class KafkaOutbound:
    """Events by patient, dead letters as they came. `ruleset_seq`: of the tables that events are classified by."""

    def __init__(
        self, producer: AIOKafkaProducer, *, events_topic: str, dead_letter_topic: str, ruleset_seq: int
    ) -> None:
        self._producer = producer
        self._ruleset = str(ruleset_seq).encode()
        self._events_topic = events_topic
        self._dead_letter_topic = dead_letter_topic

    async def send(self, events: Sequence[Publication], dead_letters: Sequence[DeadLetter]) -> Sequence[Position]:
        """See ports.Outbound."""
        with _reachable():
            sent = [
                await self._producer.send(
                    self._events_topic, event.payload, key=event.patient, headers=_event_headers(event, self._ruleset)
                )
                for event in events
            ]
            refused = [
                await self._producer.send(self._dead_letter_topic, one.value, key=one.key, headers=one.headers)
                for one in [await _message(letter) for letter in dead_letters]
            ]
            for acknowledgement in refused:
                await acknowledgement
            written = [await acknowledgement for acknowledgement in sent]
        return [Position(one.partition, one.offset) for one in written]


async def _message(letter: DeadLetter) -> Message:
    return await asyncio.to_thread(dead_letter, letter) if is_large(letter) else dead_letter(letter)


def _event_headers(event: Publication, ruleset: bytes) -> list[tuple[str, bytes]]:
    """`rx-ruleset` is left out where it is not known: readers then judge by the codes of the event itself."""
    classified = [(headers.RULESET, ruleset)] if event.classified_now else []
    return [
        (headers.EVENT_CLASS, event.event_class.value.encode()),
        (headers.EVENT_KEY, event.version.key),
        *classified,
    ]


class KafkaInbound:
    """Writes to the topic that everything comes in by."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Position:
        """See ports.Inbound."""
        with _reachable():
            written = await self._producer.send_and_wait(self._topic, value, key=key, headers=list(headers))
        return Position(written.partition, written.offset)


class MonitorProgressTopic:
    """How far the monitor has come, as it last said; behind until the topic has been read, never ahead.

    Progress on another topic than the one with `topic_id`, a deleted one of the same name, says nothing; nor does that
    of an earlier build of the state, from a monitor that was paused while the state was rebuilt.
    """

    def __init__(self, topic_id: str) -> None:
        self._topic_id = topic_id
        self._positions: dict[int, int] = {}
        self._builds: dict[int, int] = {}

    def passed(self, position: Position) -> bool:
        """See ports.MonitorPositions."""
        return self._positions.get(position.partition, 0) > position.offset

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read the topic from its start for the life of the process."""
        while True:
            with _reachable():
                fetched: Mapping[Any, Any] = await consumer.getmany(timeout_ms=_POLL_MS)
            for records in fetched.values():
                for record in records:
                    self.note(record.value)

    def note(self, value: bytes | None) -> None:
        """Take one record; the last one of a partition counts, also where it is lower: a rebuild starts over."""
        if value:
            progress = MonitorProgress.FromString(value)
            number = progress.partition
            if progress.topic_id == self._topic_id and progress.build >= self._builds.get(number, 0):
                self._positions[number] = progress.position
                self._builds[number] = progress.build
