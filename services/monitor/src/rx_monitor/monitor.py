"""The life of a monitor between its source and its state: partitions come, deliver, and go."""

from collections.abc import Awaitable, Callable, Mapping

from rx_runtime.logs import get_logger
from rx_runtime.metrics import counter, gauge, histogram

from rx_monitor.domain.progress import EventsMissingError
from rx_monitor.handlers import Ports, Summary, process_batch
from rx_monitor.ports import Batch, Changelog, ProgressLog

log = get_logger()


class Monitor:
    """Listens to a source of batches. Any exception that leaves it must end the process."""

    def __init__(
        self,
        ports: Ports,
        changelog: Changelog,
        progress_log: ProgressLog,
        set_ready: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._ports = ports
        self._changelog = changelog
        self._progress_log = progress_log
        self._set_ready = set_ready
        self._ownership = 0  # counts changes of hands, so that a restore knows when it has been overtaken

    async def assigned(self, generation: int, committed: Mapping[int, int | None]) -> None:
        """Restore the state of these partitions, then take their batches. Raises EventsMissingError without offset."""
        self._ownership += 1
        ownership = self._ownership
        starts = {partition: _known(partition, offset) for partition, offset in committed.items()}
        log.info("restoring", generation=generation, partitions=sorted(starts))
        stores = await self._changelog.restore(starts)
        if ownership != self._ownership:
            return
        self._ports.stores.ready(generation, stores)
        self._ports.progress.begin(generation, starts)
        self._count_patients()
        await self._progress_log.report()
        if ownership == self._ownership:
            await self._set_ready(True)

    async def revoked(self) -> None:
        """Forget state and progress: somebody else may write from now on."""
        self._ownership += 1
        self._ports.stores.drop()
        self._ports.progress.end()
        gauge("rx_monitor_lag_events").clear()
        self._count_patients()
        await self._set_ready(False)

    async def batch(self, batch: Batch) -> None:
        """Process a batch and count it."""
        with histogram("rx_monitor_batch_seconds").time():
            summary = await process_batch(batch, self._ports)
        self._progress_log.advanced()
        self._count(batch, summary)

    def _count(self, batch: Batch, summary: Summary) -> None:
        counter("rx_monitor_events_total").labels(path="skipped").inc(summary.skipped)
        counter("rx_monitor_events_total").labels(path="folded").inc(summary.folded)
        counter("rx_monitor_findings_published_total").inc(summary.published)
        gauge("rx_monitor_lag_events").labels(partition=batch.partition).set(max(0, batch.log_end - batch.following))
        self._count_patients()

    def _count_patients(self) -> None:
        gauge("rx_monitor_patients").set(self._ports.stores.patient_count())


def _known(partition: int, offset: int | None) -> int:
    if offset is None:
        raise EventsMissingError(f"partition {partition} has no committed offset, though one is written at start")
    return offset
