"""Reassess patients whom another ruleset assessed, or none did because their partition was rebuilt.

Runs between batches, a bounded number of patients at a time. Idempotent: a patient is due as long as the stored state
says so, finding ids do not depend on the ruleset, and a set is published only if its content is new.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from rx_monitor.domain.decide import decide_reassessment
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.handlers.process_batch import load_patients
from rx_monitor.handlers.write_outputs import write_outputs
from rx_monitor.ports import Ports

PATIENTS_AT_A_TIME = 100
"""Few enough that a batch waits some tens of milliseconds at most."""


@dataclass(frozen=True, slots=True)
class ReassessmentSummary:
    """Counts of one step in one partition."""

    partition: int
    patients: int
    published: int
    """Finding sets."""
    remaining: int
    """Patients of the partition who are still due."""


async def reassess(
    generation: int, ports: Ports, state: PartitionState, stopped: Collection[int] = ()
) -> ReassessmentSummary | None:
    """Assess some patients who are due; None if none is, or only in partitions that are stopped or being replayed.

    Must not overlap with a batch. Raises NotOwnedError if a rebalance takes the partition away, RecordTooLargeError, or
    what a port raises.
    """
    for partition, offset in state.progress.positions().items():
        store = state.stores.of(generation, partition)
        is_replayed = offset >= state.rebuilds.replay_end_offset(partition)
        if partition in stopped or not is_replayed or not store.unassessed_count:
            continue
        due = store.unassessed(PATIENTS_AT_A_TIME)
        decision = await asyncio.to_thread(decide_reassessment, load_patients(due, store, ports.codec), ports.assess)
        await write_outputs(partition, decision, store, ports)
        state.stores.of(generation, partition)
        return ReassessmentSummary(partition, len(due), len(decision.findings), store.unassessed_count)
    return None
