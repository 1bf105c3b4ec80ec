"""Findings in, announcements out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from rx_runtime.errors import DependencyUnavailable, RefusedToRun
from rx_runtime.kafka.headers import CONTENT_TYPE
from rx_runtime.telemetry.logs import get_logger

from rx_alerts.adapters.codec import finding_set_from_bytes
from rx_alerts.domain.model import FindingSet
from rx_alerts.ports import Announcement

BATCH_RECORDS = 500
"""Most records of one transaction: small enough that a repeat after a crash costs milliseconds."""

_POLL_MS = 500
_CONTENT_TYPE = [(CONTENT_TYPE, b"application/cloudevents+json; charset=UTF-8")]
log = get_logger()


class KafkaAnnouncer:
    """Announces on the alert topic, keyed by alert id."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Send in order, then wait for every acknowledgement."""
        try:
            sent = [
                await self._producer.send(
                    self._topic, key=str(one.alert_id).encode(), value=one.value, headers=_CONTENT_TYPE
                )
                for one in announcements
            ]
            for acknowledgement in sent:
                await acknowledgement
        except KafkaError as error:
            raise DependencyUnavailable(
                "KAFKA_UNAVAILABLE", f"cannot announce alerts: {type(error).__name__}"
            ) from error


async def consume(consumer: AIOKafkaConsumer, apply: Callable[[int, Sequence[FindingSet]], Awaitable[object]]) -> None:
    """Hand every batch of a partition to `apply`, then commit it; never returns.

    Raises RefusedToRun FINDINGS_UNREADABLE for a record that is no FindingSet: going on would lose findings.
    """
    while True:
        fetched: Mapping[Any, Any] = await consumer.getmany(timeout_ms=_POLL_MS, max_records=BATCH_RECORDS)
        for partition, records in fetched.items():
            await apply(partition.partition, [_decoded(record) for record in records])
            await _commit(consumer, partition, records[-1].offset + 1)


def _decoded(record: Any) -> FindingSet:  # noqa: ANN401  # aiokafka types none
    try:
        return finding_set_from_bytes(record.value or b"")
    except ValueError as error:
        raise RefusedToRun(
            "FINDINGS_UNREADABLE", f"{record.topic} {record.partition}@{record.offset} holds no FindingSet: {error}"
        ) from error


async def _commit(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    """A partition that moved to another process is committed there, after it has repeated the batch."""
    try:
        await consumer.commit({partition: offset})
    except (CommitFailedError, IllegalStateError):
        log.info("partition_moved", partition=partition.partition)
    except KafkaError as error:
        raise DependencyUnavailable("KAFKA_UNAVAILABLE", f"cannot commit: {type(error).__name__}") from error
