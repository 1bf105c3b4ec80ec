"""Records to the inbound topic, what became of them, and how far the monitor has come."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice

import grpc
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from pharmacy.events.v1 import monitor_pb2
from pharmacy.events.v1.event_pb2 import InboundPosition
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka.clients import new_consumer, new_producer, start
from rx_runtime.kafka.topic_identity import identities

from rxguard.client.connect import Connection, require_kafka, translated
from rxguard.client.records import Headers, Record

Position = tuple[int, int]
"""Partition and offset in the inbound topic."""

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how many are done, and of how many (None: not known yet)."""

STALL_SECONDS = 60.0
"""Longest wait without any progress: a service that was killed is back well before."""

_SEND_CHUNK = 5_000
_RECEIPT_CHUNK = 1_000  # of Bundles with many refusals each, still far below the largest message
_POLL_SECONDS = 0.05
_CLIENT_ID = "rxguard"


def silent(_doing: str, _done: int, _total: int | None) -> None:
    """Tells nobody."""


class Patience:
    """Gives up a wait that sees no progress for `seconds`."""

    def __init__(self, seconds: float, code: str, complaint: str) -> None:
        self._seconds = seconds
        self._error = DependencyUnavailable(code, complaint)
        self.progressed()

    def progressed(self) -> None:
        """Start the time anew."""
        self._since = time.monotonic()

    def check(self) -> None:
        """Raise DependencyUnavailable if the time is over."""
        if time.monotonic() - self._since > self._seconds:
            raise self._error


async def send(
    connection: Connection,
    records: Iterable[Record],
    headers: Callable[[Record], Headers],
    progress: Progress = silent,
) -> dict[Position, int]:
    """Write each record that has a value, without waiting one by one; the line number by the position written to.

    Raises DependencyUnavailable KAFKA_LOST if the broker stops acknowledging.
    """
    await require_kafka(connection)
    topic = connection.topic("rx.inbound.v1")
    lines: dict[Position, int] = {}
    async with _producer(connection) as producer:
        for chunk in _chunks(record for record in records if record.value is not None):
            try:
                sent = [await producer.send(topic, record.value, headers=headers(record)) for record in chunk]
                for record, written in zip(chunk, await asyncio.gather(*sent), strict=True):
                    lines[written.partition, written.offset] = record.line
            except KafkaError as error:
                raise DependencyUnavailable(
                    "KAFKA_LOST",
                    f"the broker at {connection.kafka} does not acknowledge ({type(error).__name__}) after "
                    f"{len(lines)} records; send the same file again when it does: nothing is stored twice",
                ) from error
            progress("sending", len(lines), None)
    return lines


@asynccontextmanager
async def _producer(connection: Connection) -> AsyncIterator[AIOKafkaProducer]:
    producer = new_producer(connection.kafka, client_id=_CLIENT_ID)
    await start(producer, connection.kafka)
    try:
        yield producer
    finally:
        await producer.stop()


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _SEND_CHUNK)):
        yield chunk


async def collect_receipts(
    connection: Connection,
    positions: Iterable[Position],
    take: Callable[[prescriptions_pb2.Receipt], None],
    *,
    progress: Progress = silent,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Give `take` the receipt of every position once; a prescriptions service that restarts meanwhile is waited for.

    Raises DependencyUnavailable RECEIPTS_STALLED if none comes for `stall_seconds`.
    """
    missing = dict.fromkeys(positions)
    total = len(missing)
    patience = Patience(
        stall_seconds,
        "RECEIPTS_STALLED",
        f"prescriptions has processed nothing for {stall_seconds:.0f} s. The records are kept and wait for it; "
        "`rxguard status` says how it is. Send the same file again later to see the result: nothing is stored twice",
    )
    async with connection.channel("prescriptions") as channel:
        while missing:
            progress("storing", total - len(missing), total)
            asked = list(islice(missing, _RECEIPT_CHUNK))
            found = await _receipts(connection, channel, asked)
            for position in asked:  # what is still missing is asked again after all others
                del missing[position]
                if position not in found:
                    missing[position] = None
            for receipt in found.values():
                take(receipt)
                patience.progressed()
            if not found:
                patience.check()
                await asyncio.sleep(_POLL_SECONDS)
    progress("storing", total, total)


async def _receipts(
    connection: Connection, channel: grpc.aio.Channel, positions: list[Position]
) -> dict[Position, prescriptions_pb2.Receipt]:
    """Receipts of those positions that have one; none while the service does not answer."""
    request = prescriptions_pb2.ListReceiptsRequest(
        positions=[InboundPosition(partition=partition, offset=offset) for partition, offset in positions]
    )
    try:
        with translated("prescriptions", connection.target("prescriptions")):
            answer = await prescriptions_pb2_grpc.PrescriptionServiceStub(channel).ListReceipts(request)
    except DependencyUnavailable:
        return {}
    return {(receipt.position.partition, receipt.position.offset): receipt for receipt in answer.receipts}


async def until_checked(
    connection: Connection,
    wanted: dict[int, int],
    *,
    progress: Progress = silent,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Wait until the monitor has passed an offset in each partition of the medication events.

    Raises DependencyUnavailable MONITOR_STALLED if it comes no further for `stall_seconds`.
    """
    patience = Patience(
        stall_seconds,
        "MONITOR_STALLED",
        f"the monitor has come no further for {stall_seconds:.0f} s. The events are stored and PENDING, not checked; "
        "`rxguard status` says how it is",
    )
    reached: dict[int, int] = {}
    topic_id = await events_topic_id(connection)
    async with progress_consumer(connection) as consumer:
        while behind := sum(reached.get(number, 0) <= offset for number, offset in wanted.items()):
            progress("checking", len(wanted) - behind, len(wanted))
            before = dict(reached)
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    passed = monitor_pb2.MonitorProgress.FromString(record.value)
                    if passed.topic_id == topic_id:
                        reached[passed.partition] = passed.position
            if reached != before:
                patience.progressed()
            patience.check()
    progress("checking", len(wanted), len(wanted))


async def events_topic_id(connection: Connection) -> str:
    """Return Kafka's id of the events topic: progress on a deleted topic of that name means nothing."""
    name = connection.topic("rx.medication-events.v1")
    return (await identities(connection.kafka, [name]))[name].topic_id


@asynccontextmanager
async def progress_consumer(connection: Connection) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer at the start of the monitor's progress, of which the broker keeps the newest a partition."""
    partition = TopicPartition(connection.topic("rx.monitor-progress.v1"), 0)
    consumer = new_consumer(connection.kafka, client_id=_CLIENT_ID)
    await start(consumer, connection.kafka)
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        yield consumer
    finally:
        await consumer.stop()
