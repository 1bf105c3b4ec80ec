"""Consume finding sets and publish events of alerts."""

from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from rx_runtime.errors import DependencyUnavailable, RefusedToRun
from rx_runtime.kafka.headers import CONTENT_TYPE
from rx_runtime.telemetry.logs import get_logger

from rx_alerts.adapters.finding_decoder import finding_set_from_bytes
from rx_alerts.domain.model import ReceivedFindings
from rx_alerts.ports import OutboxMessage

BATCH_RECORDS = 500
"""Most records of one transaction: small enough that repeating it after a crash costs milliseconds."""

_POLL_MS = 500
_CONTENT_TYPE = [(CONTENT_TYPE, b"application/cloudevents+json; charset=UTF-8")]
log = get_logger()


class KafkaAlertPublisher:
    """Publishes on the alert topic, keyed by alert id, so that events of one alert keep their order."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Send in order, then wait for every acknowledgement."""
        try:
            sent = [
                await self._producer.send(
                    self._topic, key=str(message.alert_id).encode(), value=message.value, headers=_CONTENT_TYPE
                )
                for message in messages
            ]
            for acknowledgement in sent:
                await acknowledgement
        except KafkaError as error:
            raise DependencyUnavailable(
                "KAFKA_UNAVAILABLE", f"cannot publish alerts: {type(error).__name__}"
            ) from error


async def consume(
    consumer: AIOKafkaConsumer, apply: Callable[[int, Sequence[ReceivedFindings]], Awaitable[object]]
) -> None:
    """Apply every batch of a partition, then commit its offset; never returns.

    Raises RefusedToRun FINDINGS_UNREADABLE for a record that is no FindingSet: to skip it would lose findings.
    Raises DependencyUnavailable KAFKA_UNAVAILABLE if the offset cannot be committed.
    """
    while True:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=BATCH_RECORDS)
        for partition, records in fetched.items():
            await apply(partition.partition, [_decode(record) for record in records])
            await _commit(consumer, partition, records[-1].offset + 1)


def _decode(record: ConsumerRecord) -> ReceivedFindings:
    try:
        return finding_set_from_bytes(record.value or b"")
    except ValueError as error:
        raise RefusedToRun(
            "FINDINGS_UNREADABLE", f"{record.topic} {record.partition}@{record.offset} holds no FindingSet: {error}"
        ) from error


async def _commit(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    """Commit an offset. After a rebalance the new owner of the partition repeats the batch and commits it."""
    try:
        await consumer.commit({partition: offset})
    except (CommitFailedError, IllegalStateError):
        log.info("partition_moved", partition=partition.partition)
    except KafkaError as error:
        raise DependencyUnavailable("KAFKA_UNAVAILABLE", f"cannot commit: {type(error).__name__}") from error
