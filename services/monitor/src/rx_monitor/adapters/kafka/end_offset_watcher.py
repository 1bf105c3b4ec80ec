"""Polls the end offsets of the topics from outside the consumer group: events that wait, and foreign writes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients

from rx_monitor.ports import EndOffsets
from rx_monitor.settings import EVENTS_TOPIC, FINDINGS_TOPIC, STATE_TOPIC

POLL_SECONDS = 5.0


class EndOffsetWatcher:
    """Reports the end offsets of the owned partitions every five seconds."""

    def __init__(
        self,
        installation: Installation,
        owned: Callable[[], Iterable[int]],
        on_end_offsets: Callable[[Mapping[int, EndOffsets]], Awaitable[None]],
    ) -> None:
        self._installation = installation
        self._owned = owned
        self._on_end_offsets = on_end_offsets

    async def run(self) -> None:
        """Poll for the life of the process. Skips a poll that the broker does not answer within five seconds."""
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-watch")
        await clients.start(consumer, self._installation.kafka)
        try:
            while True:
                await asyncio.sleep(POLL_SECONDS)
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        ends = await self._end_offsets(consumer)
                except (KafkaError, TimeoutError):
                    continue
                await self._on_end_offsets(ends)
        finally:
            await consumer.stop()

    async def _end_offsets(self, consumer: AIOKafkaConsumer) -> dict[int, EndOffsets]:
        topics = [self._installation.topic(name) for name in (EVENTS_TOPIC, FINDINGS_TOPIC, STATE_TOPIC)]
        numbers = sorted(self._owned())
        ends = await consumer.end_offsets([TopicPartition(topic, number) for topic in topics for number in numbers])
        return {number: EndOffsets(*(ends[TopicPartition(topic, number)] for topic in topics)) for number in numbers}
