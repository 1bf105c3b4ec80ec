"""What the monitor costs as its state grows: restore, memory, and an event, against patients and against facts."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from rx_clinical import load_catalogue
from rx_runtime.installation import Installation
from rx_runtime.kafka import topics

from bench.broker import PARTITIONS
from bench.monitors import Monitor, monitors, watch
from bench.runs import BenchDirectory, EngineFailedError
from bench.workload import Fills, Record, histories

FACTS = 2  # of every patient when patients are counted
_EVENTS = 20_000  # measured at each number of patients
_FACTS_IN_ALL, _FEWEST_PATIENTS = 2_000, 4  # at each number of facts
_BUILD_LIMIT_S = 420.0


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What one restore showed."""

    records: int
    seconds: float
    resident_bytes: int


class Growth:
    """An installation whose state grows."""

    def __init__(self, directory: BenchDirectory, namespace: str, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._installation = Installation(directory.broker.address, namespace)
        self._say = say
        self._fills = Fills(load_catalogue())

    async def by_patients(self, sizes: Sequence[int]) -> dict[str, dict[str, float]]:
        """Restore, memory and the cost of an event at each number of patients that is reached in time."""
        await topics.apply(self._installation, PARTITIONS)
        found: dict[str, dict[str, float]] = {}
        have, build_s = 0, 0.0  # patients; seconds for each of the last ones
        async with monitors(self._directory, self._installation, processes=1) as (empty,):
            empty_bytes = empty.resident_bytes
        for size in sizes:
            if (needed_s := build_s * (size - have)) > _BUILD_LIMIT_S:
                self._say(f"{size:,} patients are left out: to build their state would take {needed_s:.0f} s")
                break
            begun = time.monotonic()
            await self._build(histories(self._fills, "patients", range(have, size), range(FACTS)))
            build_s, have = (time.monotonic() - begun) / (size - have), size
            async with monitors(self._directory, self._installation, processes=1) as (monitor,):
                restored = _restored(monitor, await monitor.metrics_now())
                step = max(1, size // _EVENTS)
                event_us = await self._event_us(
                    monitor, histories(self._fills, "patients", range(0, size, step), range(FACTS, FACTS + 1))
                )
            found[str(size)] = {
                "event_us": round(event_us, 1),
                "restored_records": restored.records,
                "restore_records_per_s": round(restored.records / restored.seconds),
                "bytes_per_patient": round((restored.resident_bytes - empty_bytes) / size),
            }
            self._say(f"{size:,} patients: {found[str(size)]}")
        return found

    async def by_facts(self, counts: Sequence[int]) -> dict[str, float]:
        """Microseconds of the monitor for one more fact of a patient who has so many already."""
        await topics.apply(self._installation, PARTITIONS)
        patients = {count: range(max(_FEWEST_PATIENTS, _FACTS_IN_ALL // count)) for count in counts}
        await self._build(
            chain.from_iterable(
                histories(self._fills, f"facts-{count}", patients[count], range(count)) for count in counts
            )
        )
        found: dict[str, float] = {}
        async with monitors(self._directory, self._installation, processes=1) as (monitor,):
            for count in counts:
                more = histories(self._fills, f"facts-{count}", patients[count], range(count, count + 1))
                found[str(count)] = round(await self._event_us(monitor, more), 1)
        self._say(f"microseconds by facts: {found}")
        return found

    async def _build(self, records: Iterator[Record]) -> None:
        added = sum(await self._fill(records))
        async with monitors(self._directory, self._installation, processes=2) as running:
            await watch(self._directory, running, added)

    async def _event_us(self, monitor: Monitor, records: Iterable[Record]) -> float:
        before = await monitor.metrics_now()
        added = sum(await self._fill(records))
        await watch(self._directory, [monitor], int(before.get("rx_monitor_events_total", 0)) + added)
        after = await monitor.metrics_now()
        spent = after["rx_monitor_batch_seconds_sum"] - before.get("rx_monitor_batch_seconds_sum", 0)
        return spent * 1e6 / added

    async def _fill(self, records: Iterable[Record]) -> list[int]:
        return await self._directory.broker.fill(self._installation.topic("rx.medication-events.v1"), records)


def _restored(monitor: Monitor, metrics: dict[str, float]) -> Restored:
    """Told by its log when it began to restore and when it was ready."""
    times: dict[str, datetime] = {}
    for line in monitor.child.log.read_text().splitlines():
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            times.setdefault(said["event"], datetime.fromisoformat(said["timestamp"]))
    if not {"restoring", "ready"} <= times.keys():
        raise EngineFailedError(f"the monitor did not say that it restored: {monitor.child.last_words()}")
    return Restored(
        records=int(metrics["rx_monitor_restored_records_total"]),
        seconds=(times["ready"] - times["restoring"]).total_seconds(),
        resident_bytes=monitor.resident_bytes,
    )
