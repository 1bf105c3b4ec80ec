"""Reports the progress of owned partitions to other services, in `rx.monitor-progress.v1`."""

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaProducer
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, Rebuild

from rx_monitor.adapters.kafka.outbox import append_all
from rx_monitor.domain.partition_state import PartitionProgress

PROGRESS_INTERVAL_SECONDS = 1.0


class ProgressReports:
    """Writes a report at most once a second, and always after the last advance."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        *,
        partition_progress: Callable[[], Mapping[int, PartitionProgress]],
        template: MonitorProgress,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition_progress = partition_progress
        self._template = template
        self._reported: dict[int, PartitionProgress] = {}
        self._dirty = asyncio.Event()

    def mark_dirty(self) -> None:
        """See ProgressLog."""
        self._dirty.set()

    async def run(self) -> None:
        """Report for the life of the process. Raises if a report is not acknowledged."""
        while True:
            await self._dirty.wait()
            await self.report()
            await asyncio.sleep(PROGRESS_INTERVAL_SECONDS)

    async def report(self) -> None:
        """Write the progress of each owned partition whose progress differs from its last report."""
        self._dirty.clear()
        current = self._partition_progress()
        due = {number: progress for number, progress in current.items() if self._reported.get(number) != progress}
        await append_all(
            self._producer,
            self._topic,
            0,
            [(str(number).encode(), self._encode(number, progress)) for number, progress in due.items()],
        )
        self._reported.update(due)

    def _encode(self, partition: int, progress: PartitionProgress) -> bytes:
        report = MonitorProgress(
            partition=partition, position=progress.position, unassessed_patients=progress.unassessed
        )
        if progress.rebuild:
            replay_end = progress.rebuild.replay_end_offset
            report.rebuild.CopyFrom(Rebuild(end_position=replay_end, position=progress.replayed))
        report.MergeFrom(self._template)
        report.written_time.GetCurrentTime()
        return report.SerializeToString()
