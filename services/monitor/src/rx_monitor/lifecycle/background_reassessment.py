"""Runs reassessment in the background, between batches, and reports it by metric and log."""

import asyncio
from collections.abc import Collection

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge

from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.progress import NotOwnedError
from rx_monitor.handlers.reassess import ReassessmentSummary, reassess
from rx_monitor.ports import Ports, ProgressLog

_LOG_EVERY_PATIENTS = 10_000
log = get_logger()


class BackgroundReassessment:
    """Reassesses the patients who are due in the partitions of one consumer generation."""

    def __init__(
        self,
        ports: Ports,
        state: PartitionState,
        progress_log: ProgressLog,
        turn: asyncio.Lock,
        stopped: Collection[int],
    ) -> None:
        self._ports = ports
        self._state = state
        self._progress_log = progress_log
        self._turn = turn  # shared with batches: one writer at a time
        self._stopped = stopped  # stopped partitions, kept up to date by the worker
        self._generation: int | None = None
        self._wanted = asyncio.Event()
        self._patients_since_log = 0

    def on_assigned(self, generation: int) -> None:
        """Start on the restored partitions of `generation`."""
        self._generation = generation
        self._state.finish_rebuilds()  # those that another owner completed before the rebalance
        due = sum(self._state.stores.unassessed_counts().values())
        gauge("rx_monitor_unassessed_patients").set(due)
        if due:
            log.info("reassessing", patients=due)
        self.wake()

    def on_revoked(self) -> None:
        """Stop: nothing is owned."""
        self._generation = None
        gauge("rx_monitor_unassessed_patients").set(0)

    def wake(self) -> None:
        """Look for due patients soon. Never blocks."""
        self._wanted.set()

    async def run(self) -> None:
        """Reassess for the life of the process. Raises RecordTooLargeError; may then be called again."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while await self._step():
                pass  # a waiting batch takes the next turn of the lock

    async def _step(self) -> bool:
        """Reassess some patients; False if none is due."""
        async with self._turn:
            generation = self._generation
            if generation is None:
                return False
            try:
                summary = await reassess(generation, self._ports, self._state, self._stopped)
                rebuilt = self._state.finish_rebuilds()
            except NotOwnedError:
                return False  # a rebalance took the partitions: their new owner finds the same patients due
        self._report(summary, rebuilt)
        return summary is not None

    def _report(self, summary: ReassessmentSummary | None, rebuilt: list[int]) -> None:
        for partition in rebuilt:
            log.info("rebuilt", partition=partition)
        if summary:
            counter("rx_monitor_findings_published_total").inc(summary.published)
            counter("rx_monitor_reassessed_patients_total").inc(summary.patients)
            gauge("rx_monitor_unassessed_patients").set(sum(self._state.stores.unassessed_counts().values()))
            self._patients_since_log += summary.patients
            if self._patients_since_log >= _LOG_EVERY_PATIENTS or not summary.remaining:
                self._patients_since_log = 0
                log.info("reassessed", partition=summary.partition, left=summary.remaining)
        if summary or rebuilt:
            self._progress_log.mark_dirty()
