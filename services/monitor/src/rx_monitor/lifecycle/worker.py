"""The life of a monitor between its source and its state: partitions come, deliver, and go."""

import asyncio
from collections.abc import Mapping

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge, histogram

from rx_monitor.domain.progress import EventsMissingError
from rx_monitor.domain.stall_detector import Pulse
from rx_monitor.domain.store import Foreign
from rx_monitor.handlers.process_batch import RecordTooLargeError, Summary, process_batch
from rx_monitor.handlers.repair import mend
from rx_monitor.lifecycle.background_reassessment import Reassessing
from rx_monitor.ports import Batch, Changelog, Ends, Health, Ports, ProgressLog

STALLED_AFTER_LOOKS = 12  # a minute of `LOOK_SECONDS`: as long as the group lets a member go without a sign
ENDED_AFTER_LOOKS = 24
log = get_logger()


class StalledError(Exception):
    """Events wait and nothing has advanced for too long: a new process may fare better."""


class Monitor:
    """Listens to a source of batches. Any exception that leaves it must end the process."""

    def __init__(self, ports: Ports, changelog: Changelog, progress_log: ProgressLog, health: Health) -> None:
        self._ports = ports
        self._changelog = changelog
        self._progress_log = progress_log
        self._health = health
        self._ownership = 0  # counts changes of hands, so that a restore knows when it has been overtaken
        self._stopped: set[int] = set()  # partitions that stand still
        self._pulse = Pulse()
        self._writing = asyncio.Lock()  # one at a time: what else stands in our output partitions is not ours
        self._reassessing = Reassessing(ports, progress_log, self._writing, self._stopped)

    async def assigned(self, generation: int, committed: Mapping[int, int | None]) -> None:
        """Restore the state of these partitions; batches may come then. Raises EventsMissingError without offset."""
        self._ownership += 1
        ownership = self._ownership
        starts = {partition: _known(partition, offset) for partition, offset in committed.items()}
        log.info("restoring", generation=generation, partitions=sorted(starts))
        stores = await self._changelog.restore(starts, self._ports.stores.suspended(generation))
        if ownership != self._ownership:
            return
        self._ports.stores.ready(generation, stores)
        self._ports.progress.begin(generation, starts)
        self._reassessing.begin(generation)
        self._count_patients()
        await self._progress_log.report()
        if ownership == self._ownership:
            await self._health.set_ready(True)

    async def revoked(self) -> None:
        """Serve nothing: somebody else may write from now on."""
        self._ownership += 1
        self._ports.stores.suspend()
        self._ports.progress.end()
        self._stopped.clear()
        self._reassessing.end()
        gauge("rx_monitor_lag_events").clear()
        gauge("rx_monitor_stopped_partitions").set(0)
        self._count_patients()
        await self._health.set_ready(False)

    async def batch(self, batch: Batch) -> None:
        """Process a batch and count it."""
        if batch.partition in self._stopped:
            return
        try:
            with histogram("rx_monitor_batch_seconds").time():
                async with self._writing:
                    summary = await process_batch(batch, self._ports)
        except RecordTooLargeError as error:
            await self._stop(batch.partition, error)
        else:
            self._progress_log.advanced()
            self._reassessing.look()
            self._count(batch, summary)

    async def looked(self, ends: Mapping[int, Ends]) -> None:
        """Compare what is owned with the ends of its partitions. Raises StalledError if a restart is due."""
        async with self._writing:
            for partition, store in self._ports.stores.owned().items():
                if end := ends.get(partition):
                    foreign = Foreign(store.findings_tail.reached(end.findings), store.states_tail.reached(end.states))
                    await mend(partition, foreign, store, self._ports)
        waiting = self._waiting(ends)
        for partition, events in waiting.items():
            gauge("rx_monitor_lag_events").labels(partition=partition).set(events)
        moving = sum(events for partition, events in waiting.items() if partition not in self._stopped)
        await self._judge(self._pulse.look(self._ports.progress.positions(), moving))

    async def _judge(self, still_looks: int) -> None:
        stalled = still_looks >= STALLED_AFTER_LOOKS
        if stalled:
            log.error("stalled", looks=still_looks)
        await self._health.set_live(not stalled)
        if still_looks >= ENDED_AFTER_LOOKS:
            raise StalledError

    def _waiting(self, ends: Mapping[int, Ends]) -> dict[int, int]:
        """Events of each owned partition that are not done."""
        positions = self._ports.progress.positions()
        return {number: max(0, ends[number].events - next_) for number, next_ in positions.items() if number in ends}

    async def _stop(self, partition: int, error: RecordTooLargeError) -> None:
        """Let one partition stand still; the others go on. It is tried again whenever the partition changes hands."""
        self._stopped.add(partition)
        gauge("rx_monitor_stopped_partitions").set(len(self._stopped))
        log.error(
            "partition_stopped",
            code="RECORD_TOO_LARGE",
            partition=partition,
            offset=self._ports.progress.positions().get(partition),
            patient=error.patient.hex(),
            size=error.size,
            reason=f"{error}; no later event of this partition is checked until RXGUARD_MAX_RECORD_BYTES is raised "
            "(the topics take 8 MiB) and the monitor started again",
        )
        await self._health.set_ready(False)

    async def reassess(self) -> None:
        """Assess anew whom our ruleset has not assessed, for the life of the process."""
        while True:
            try:
                await self._reassessing.run()
            except RecordTooLargeError as error:
                await self._stop(error.partition, error)
                self._reassessing.look()  # at the other partitions

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
