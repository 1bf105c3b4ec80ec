"""What a former owner, paused and back, has written into our partitions is written over again where it is older.

Readers keep the highest position, so nobody is misled at once; but compaction keeps the last record, and a reader who
comes later would see nothing else.
"""

from rx_runtime.logs import get_logger
from rx_runtime.metrics import counter

from rx_monitor.domain.patient import Pseudonym
from rx_monitor.domain.store import Foreign, PartitionStore
from rx_monitor.ports import Ports

log = get_logger()


async def mend(partition: int, foreign: Foreign, store: PartitionStore, ports: Ports) -> None:
    """Write the findings and states of ours again that stand before older ones of somebody else."""
    while foreign:
        findings = await _older_findings(partition, foreign.findings, store, ports)
        states = await _older_states(partition, foreign.states, store, ports)
        log.warning("foreign_records", partition=partition, findings=len(findings), states=len(states))
        counter("rx_monitor_repaired_records_total").inc(len(findings) + len(states))
        foreign = Foreign(
            findings=store.findings_tail.passed(await ports.outbox.findings(partition, findings.items())),
            states=store.states_tail.passed(await ports.outbox.states(partition, states.items())),
        )


async def _older_findings(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> dict[Pseudonym, bytes]:
    ours = {}
    for name, place in await ports.written.findings(partition, offsets):
        if (encoded := store.get(name)) is None:
            continue
        patient = ports.codec.patient(encoded)
        if patient.findings_hash and place < (ports.ruleset_seq, patient.position):
            ours[name] = ports.assess(name, patient).value
    return ours


async def _older_states(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> dict[Pseudonym, bytes]:
    ours = {}
    for name, position in await ports.written.states(partition, offsets):
        encoded = store.get(name)
        if encoded is not None and position < ports.codec.patient(encoded).position:
            ours[name] = encoded
    return ours
