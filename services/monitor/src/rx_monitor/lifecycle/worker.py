"""The monitor between its source and its state: takes partitions over in a rebalance, processes batches, stops."""

import asyncio
from collections.abc import Mapping

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge, histogram

from rx_monitor.domain.decide import BatchDecision
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.progress import EventsMissingError
from rx_monitor.domain.stall_detector import StallDetector
from rx_monitor.handlers.process_batch import BatchSummary, process_batch
from rx_monitor.handlers.write_outputs import RecordTooLargeError, write_outputs
from rx_monitor.lifecycle.background_reassessment import BackgroundReassessment
from rx_monitor.ports import Batch, Changelog, EndOffsets, Health, Ports, ProgressLog

STALLED_AFTER_POLLS = 12
"""Polls of end offsets, one in five seconds: a minute, the longest poll interval that the group allows a member."""
RESTART_AFTER_POLLS = 24
log = get_logger()


class StalledError(Exception):
    """Events wait and nothing has advanced for two minutes: end the process, so that its supervisor restarts it."""


class MonitorWorker:
    """Listener of a batch source. Any exception that leaves it must end the process."""

    def __init__(
        self, ports: Ports, state: PartitionState, changelog: Changelog, progress_log: ProgressLog, health: Health
    ) -> None:
        self._ports = ports
        self._state = state
        self._changelog = changelog
        self._progress_log = progress_log
        self._health = health
        self._rebalances = 0  # assignments and revocations, so that a restore can see that it was overtaken
        self._stopped: set[int] = set()  # partitions stopped by a record that is too large
        self._stall_detector = StallDetector()
        self._turn = asyncio.Lock()  # one writer at a time, so that a gap between its offsets is a foreign write
        self._reassessment = BackgroundReassessment(ports, state, progress_log, self._turn, self._stopped)

    async def on_assigned(self, generation: int, committed: Mapping[int, int | None]) -> None:
        """Restore the state of these partitions; batches may come then. Raises EventsMissingError without an offset."""
        self._rebalances += 1
        rebalance = self._rebalances
        starts = {partition: _required_offset(partition, offset) for partition, offset in committed.items()}
        log.info("restoring", generation=generation, partitions=sorted(starts))
        stores = await self._changelog.restore(starts, self._state.stores.suspended(generation))
        if rebalance != self._rebalances:
            return
        self._state.stores.activate(generation, stores)
        self._state.progress.on_assigned(generation, starts)
        self._reassessment.on_assigned(generation)
        self._count_patients()
        await self._progress_log.report()
        if rebalance == self._rebalances:
            await self._health.set_ready(True)

    async def on_revoked(self) -> None:
        """Own nothing: another process may write to the partitions from now on."""
        self._rebalances += 1
        self._state.stores.suspend()
        self._state.progress.on_revoked()
        self._stopped.clear()
        self._reassessment.on_revoked()
        gauge("rx_monitor_lag_events").clear()
        gauge("rx_monitor_stopped_partitions").set(0)
        self._count_patients()
        await self._health.set_ready(False)

    async def on_batch(self, batch: Batch) -> None:
        """Process a batch and count it; ignore it if its partition is stopped."""
        if batch.partition in self._stopped:
            return
        try:
            with histogram("rx_monitor_batch_seconds").time():
                async with self._turn:
                    summary = await process_batch(batch, self._ports, self._state)
        except RecordTooLargeError as error:
            await self._stop_partition(batch.partition, error)
        else:
            self._progress_log.mark_dirty()
            self._reassessment.wake()
            self._count(batch, summary)

    async def on_end_offsets(self, ends: Mapping[int, EndOffsets]) -> None:
        """Repair stale writes at the ends of owned partitions, then check progress. Raises StalledError."""
        async with self._turn:
            for partition, store in self._state.stores.owned().items():
                if end := ends.get(partition):
                    await write_outputs(partition, BatchDecision(), store, self._ports, end)
        waiting = self._waiting_events(ends)
        for partition, events in waiting.items():
            gauge("rx_monitor_lag_events").labels(partition=partition).set(events)
        processable = sum(events for partition, events in waiting.items() if partition not in self._stopped)
        await self._report_stall(self._stall_detector.observe(self._state.progress.positions(), processable))

    async def _report_stall(self, polls_without_progress: int) -> None:
        is_stalled = polls_without_progress >= STALLED_AFTER_POLLS
        if is_stalled:
            log.error("stalled", looks=polls_without_progress)
        await self._health.set_live(not is_stalled)
        if polls_without_progress >= RESTART_AFTER_POLLS:
            raise StalledError

    def _waiting_events(self, ends: Mapping[int, EndOffsets]) -> dict[int, int]:
        """Return the number of unprocessed events of each owned partition."""
        positions = self._state.progress.positions()
        return {number: max(0, ends[number].events - next_) for number, next_ in positions.items() if number in ends}

    async def _stop_partition(self, partition: int, error: RecordTooLargeError) -> None:
        """Stop one partition; the others continue. It is tried again after each rebalance."""
        self._stopped.add(partition)
        gauge("rx_monitor_stopped_partitions").set(len(self._stopped))
        log.error(
            "partition_stopped",
            code="RECORD_TOO_LARGE",
            partition=partition,
            offset=self._state.progress.positions().get(partition),
            patient=error.patient.hex(),
            size=error.size,
            reason=f"{error}; no later event of this partition is assessed until you raise RXGUARD_MAX_RECORD_BYTES "
            "(the topics take 8 MiB) and restart the monitor",
        )
        await self._health.set_ready(False)

    async def run_reassessment(self) -> None:
        """Reassess patients whom the ruleset in use has not assessed, for the life of the process."""
        while True:
            try:
                await self._reassessment.run()
            except RecordTooLargeError as error:
                await self._stop_partition(error.partition, error)
                self._reassessment.wake()  # other partitions may have due patients

    def _count(self, batch: Batch, summary: BatchSummary) -> None:
        counter("rx_monitor_events_total").labels(path="skipped").inc(summary.skipped)
        counter("rx_monitor_events_total").labels(path="folded").inc(summary.folded)
        counter("rx_monitor_findings_published_total").inc(summary.published)
        gauge("rx_monitor_lag_events").labels(partition=batch.partition).set(
            max(0, batch.end_offset - batch.next_offset)
        )
        self._count_patients()

    def _count_patients(self) -> None:
        gauge("rx_monitor_patients").set(self._state.stores.patient_count())


def _required_offset(partition: int, offset: int | None) -> int:
    if offset is None:
        raise EventsMissingError(f"partition {partition} has no committed offset; one is written at start")
    return offset
