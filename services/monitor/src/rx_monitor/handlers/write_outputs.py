"""Write what was decided to the output topics, and repair stale writes that the acknowledged offsets reveal."""

from rx_contracts.ids import Pseudonym

from rx_monitor.domain.decide import BatchDecision
from rx_monitor.domain.store import ForeignWrites, PartitionStore
from rx_monitor.handlers.repair import repair_stale_writes
from rx_monitor.ports import EndOffsets, Ports


class RecordTooLargeError(Exception):
    """A patient's facts or findings exceed one record. No fact can be left out, so the partition must stop."""

    def __init__(self, partition: int, patient: Pseudonym, size: int, limit: int) -> None:
        super().__init__(f"partition {partition}: a record of {size} bytes exceeds the limit of {limit}")
        self.partition = partition
        self.patient = patient
        self.size = size


async def write_outputs(
    partition: int, decision: BatchDecision, store: PartitionStore, ports: Ports, end: EndOffsets | None = None
) -> None:
    """Append findings, then states, each acknowledged; update the store; then repair stale writes.

    `end`: end offsets of the output partitions, polled from outside; with an empty decision this call only repairs.
    Must not overlap with another write to the partition. Raises RecordTooLargeError before anything is written.
    """
    foreign = ForeignWrites([], [])
    if decision.patients:
        foreign = await _append(partition, decision, store, ports)
    if end is not None:
        foreign.findings.extend(store.findings_tail.advance_to_end(end.findings))
        foreign.states.extend(store.states_tail.advance_to_end(end.states))
    await repair_stale_writes(partition, foreign, store, ports)


async def _append(partition: int, decision: BatchDecision, store: PartitionStore, ports: Ports) -> ForeignWrites:
    """Append findings before states, so that a state never names a publication that did not happen."""
    states = {name: ports.codec.encode_state(patient) for name, patient in decision.patients.items()}
    _check_sizes(partition, [*decision.findings, *states.items()], ports.outbox.max_record_bytes)
    published = await ports.outbox.publish_findings(partition, decision.findings)
    stored = await ports.outbox.write_states(partition, states.items())
    for name, encoded in states.items():
        store.put(name, encoded, is_assessed=decision.patients[name].is_assessed)
    return ForeignWrites(store.findings_tail.advance(published), store.states_tail.advance(stored))


def _check_sizes(partition: int, records: list[tuple[Pseudonym, bytes]], limit: int) -> None:
    for name, value in records:
        if len(value) > limit:
            raise RecordTooLargeError(partition, name, len(value), limit)
