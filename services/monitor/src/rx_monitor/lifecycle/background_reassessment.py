"""When patients are assessed anew: in the background, between batches, told by metric and log."""

import asyncio
from collections.abc import Collection

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge

from rx_monitor.domain.progress import NotOwnedError
from rx_monitor.handlers.reassess import Reassessed, finish_rebuilds, reassess
from rx_monitor.ports import Ports, ProgressLog

_LOG_EVERY_PATIENTS = 10_000
log = get_logger()


class Reassessing:
    """Works off the patients who are due in the partitions of one generation."""

    def __init__(self, ports: Ports, progress_log: ProgressLog, turn: asyncio.Lock, stopped: Collection[int]) -> None:
        self._ports = ports
        self._progress_log = progress_log
        self._turn = turn
        self._stopped = stopped  # partitions that stand still
        self._generation: int | None = None
        self._looking = asyncio.Event()
        self._since_logged = 0

    def begin(self, generation: int) -> None:
        """These partitions are restored: see who is due."""
        self._generation = generation
        finish_rebuilds(self._ports)  # by another owner, before the partitions came here
        due = sum(self._ports.stores.unassessed_counts().values())
        gauge("rx_monitor_unassessed_patients").set(due)
        if due:
            log.info("reassessing", patients=due)
        self.look()

    def end(self) -> None:
        """Nothing is owned any more."""
        self._generation = None
        gauge("rx_monitor_unassessed_patients").set(0)

    def look(self) -> None:
        """Somebody may be due now."""
        self._looking.set()

    async def run(self) -> None:
        """Assess for the life of the process. Raises RecordTooLargeError, and goes on where it is called again."""
        while True:
            await self._looking.wait()
            self._looking.clear()
            while await self._some():
                pass  # a batch that waits takes the next turn

    async def _some(self) -> bool:
        async with self._turn:
            generation = self._generation
            if generation is None:
                return False
            try:
                done = await reassess(generation, self._ports, self._stopped)
                rebuilt = finish_rebuilds(self._ports)
            except NotOwnedError:
                return False  # the partitions have changed hands: their new owner finds the same patients due
        self._tell(done, rebuilt)
        return done is not None

    def _tell(self, done: Reassessed | None, rebuilt: list[int]) -> None:
        for partition in rebuilt:
            log.info("rebuilt", partition=partition)
        if done:
            counter("rx_monitor_findings_published_total").inc(done.published)
            counter("rx_monitor_reassessed_patients_total").inc(done.patients)
            gauge("rx_monitor_unassessed_patients").set(sum(self._ports.stores.unassessed_counts().values()))
            self._since_logged += done.patients
            if self._since_logged >= _LOG_EVERY_PATIENTS or not done.left:
                self._since_logged = 0
                log.info("reassessed", partition=done.partition, left=done.left)
        if done or rebuilt:
            self._progress_log.advanced()
