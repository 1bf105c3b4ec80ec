"""Patients whom another ruleset has assessed, or none while their partition was rebuilt, are assessed anew.

It goes on in the background, a bounded number at a time between two batches, and a crash repeats it: a patient is due
as long as the state says so. Ids of findings do not depend on the ruleset, and a set is published only where it says
something else than the one before.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from rx_monitor.domain.decide import assess_anew
from rx_monitor.handlers.process_batch import known_patients, write
from rx_monitor.ports import Ports

PATIENTS_AT_A_TIME = 100
"""So few that a batch waits some tens of milliseconds at most."""


@dataclass(frozen=True, slots=True)
class Reassessed:
    """What became of some patients of one partition."""

    partition: int
    patients: int
    published: int
    left: int  # patients of the partition who are still due


async def reassess(generation: int, ports: Ports, stopped: Collection[int] = ()) -> Reassessed | None:
    """Assess some patients who are due; None if none is, or all are of partitions that stand still or are read again.

    No batch may be processed meanwhile. Raises NotOwnedError if the partition changes hands, and RecordTooLargeError.
    """
    for partition, offset in ports.progress.positions().items():
        store = ports.stores.of(generation, partition)
        if partition in stopped or offset < ports.rebuilds.silent_below(partition) or not store.unassessed_count:
            continue
        due = store.unassessed(PATIENTS_AT_A_TIME)
        decision = await asyncio.to_thread(assess_anew, known_patients(due, store, ports.codec), ports.assess)
        await write(partition, decision, store, ports)
        ports.stores.of(generation, partition)
        return Reassessed(partition, len(due), len(decision.findings), store.unassessed_count)
    return None


def finish_rebuilds(ports: Ports) -> list[int]:
    """Note which partitions have been read again and assessed whole; returns those."""
    counts = ports.stores.unassessed_counts()
    done = [
        partition
        for partition, offset in ports.progress.positions().items()
        if (rebuilding := ports.rebuilds.of(partition)) and offset >= rebuilding.end and not counts[partition]
    ]
    for partition in done:
        ports.rebuilds.finished(partition)
    return done
