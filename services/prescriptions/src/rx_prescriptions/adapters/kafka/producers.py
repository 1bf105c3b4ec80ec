"""Writes events, dead letters and inbound records. Every write waits for the acknowledgement of all replicas."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from rx_ingest.model import Position
from rx_runtime.kafka import headers

from rx_prescriptions.adapters.dead_letters import Message, dead_letter, is_large
from rx_prescriptions.adapters.kafka.errors import kafka_errors
from rx_prescriptions.ports import DeadLetter, Publication


class KafkaOutboundTopics:
    """Writes events keyed by patient, and dead letters under the key of their record."""

    def __init__(
        self, producer: AIOKafkaProducer, *, events_topic: str, dead_letter_topic: str, ruleset_seq: int
    ) -> None:
        """Take `ruleset_seq` of the tables that events are classified with."""
        self._producer = producer
        self._ruleset = str(ruleset_seq).encode()
        self._events_topic = events_topic
        self._dead_letter_topic = dead_letter_topic

    async def send(self, events: Sequence[Publication], dead_letters: Sequence[DeadLetter]) -> Sequence[Position]:
        """See ports.OutboundTopics."""
        with kafka_errors():
            sent_events = [
                await self._producer.send(
                    self._events_topic, event.payload, key=event.patient, headers=_event_headers(event, self._ruleset)
                )
                for event in events
            ]
            sent_letters = [
                await self._producer.send(
                    self._dead_letter_topic, message.value, key=message.key, headers=message.headers
                )
                for message in [await _message(letter) for letter in dead_letters]
            ]
            for acknowledgement in sent_letters:
                await acknowledgement
            written = [await acknowledgement for acknowledgement in sent_events]
        return [Position(metadata.partition, metadata.offset) for metadata in written]


async def _message(letter: DeadLetter) -> Message:
    return await asyncio.to_thread(dead_letter, letter) if is_large(letter) else dead_letter(letter)


def _event_headers(event: Publication, ruleset: bytes) -> list[tuple[str, bytes]]:
    """Return the headers of an event. Without `rx-ruleset`, consumers check the event's drug codes themselves."""
    classified = [(headers.RULESET, ruleset)] if event.classified_now else []
    return [
        (headers.EVENT_CLASS, event.event_class.value.encode()),
        (headers.EVENT_KEY, event.version.key),
        *classified,
    ]


class KafkaInboundTopic:
    """Writes to `rx.inbound.v1`."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Position:
        """See ports.InboundTopic."""
        with kafka_errors():
            written = await self._producer.send_and_wait(self._topic, value, key=key, headers=list(headers))
        return Position(written.partition, written.offset)
