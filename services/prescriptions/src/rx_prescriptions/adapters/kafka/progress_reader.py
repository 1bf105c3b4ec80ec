"""Reads how far the monitor has processed `rx.medication-events.v1`."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_ingest.model import Position

from rx_prescriptions.adapters.kafka.consumer import POLL_TIMEOUT_MS
from rx_prescriptions.adapters.kafka.errors import kafka_errors


class MonitorProgressReader:
    """Holds the newest progress of each partition. May lag behind the monitor, is never ahead of it.

    Ignores progress on a topic with another id than `topic_id`, that is, a deleted topic of the same name. Ignores
    progress of an earlier state epoch, from a monitor that was paused while the state was rebuilt.
    """

    def __init__(self, topic_id: str) -> None:
        self._topic_id = topic_id
        self._positions: dict[int, int] = {}
        self._state_epochs: dict[int, int] = {}

    def has_passed(self, position: Position) -> bool:
        """See ports.MonitorPositions."""
        return self._positions.get(position.partition, 0) > position.offset

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read the topic from its start. Never returns."""
        while True:
            with kafka_errors():
                fetched: dict[Any, Any] = await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)
            for records in fetched.values():
                for record in records:
                    self.note(record.value)

    def note(self, value: bytes | None) -> None:
        """Apply one record. The last one of a partition wins, even if it is lower: a rebuild starts over."""
        if value:
            progress = MonitorProgress.FromString(value)
            number = progress.partition
            if progress.topic_id == self._topic_id and progress.build >= self._state_epochs.get(number, 0):
                self._positions[number] = progress.position
                self._state_epochs[number] = progress.build
