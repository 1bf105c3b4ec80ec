"""What a former owner, paused and back, has written into our partitions is written over again where it is older.

Readers keep the highest place, so nobody is misled at once; but compaction keeps the last record, and a reader who
comes later would see nothing else.
"""

from dataclasses import replace

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter

from rx_monitor.domain.patient import Pseudonym
from rx_monitor.domain.store import Foreign, PartitionStore
from rx_monitor.ports import Ports

log = get_logger()


OVERWRITTEN = b"overwritten"
"""Stands for the hash of what is published where somebody else's set stands last: any set says something new."""


async def mend(partition: int, foreign: Foreign, store: PartitionStore, ports: Ports) -> None:
    """Write the findings and states of ours again that stand before older ones of somebody else."""
    while foreign:
        findings, unsaid = await _older_findings(partition, foreign.findings, store, ports)
        states = await _older_states(partition, foreign.states, store, ports) | unsaid
        if findings or states:
            log.warning("foreign_records", partition=partition, findings=len(findings), states=len(states))
            counter("rx_monitor_repaired_records_total").inc(len(findings) + len(states))
        foreign = Foreign(
            findings=store.findings_tail.passed(await ports.outbox.findings(partition, findings.items())),
            states=store.states_tail.passed(await ports.outbox.states(partition, states.items())),
        )
        for name, encoded in unsaid.items():
            store.put(name, encoded, is_assessed=False)


async def _older_findings(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> tuple[dict[Pseudonym, bytes], dict[Pseudonym, bytes]]:
    """Sets to publish again, and states of patients who are due to be assessed: that will publish them again.

    What a set says decides, not its position alone: a set is not published again when a later event changes nothing.
    """
    ours, unsaid = {}, {}
    last = {said.patient: said for said in await ports.written.findings(partition, offsets)}
    for name, said in last.items():
        if (encoded := store.get(name)) is None:
            continue
        patient = ports.codec.patient(encoded)
        if not patient.findings_hash or said.content_hash == patient.findings_hash:
            continue
        if said.place >= (ports.build, ports.ruleset_seq, patient.position):
            continue  # we shall come to that position ourselves
        if patient.is_assessed:
            ours[name] = ports.assess(name, patient).value
        else:
            unsaid[name] = ports.codec.encode(replace(patient, findings_hash=OVERWRITTEN))
    return ours, unsaid


async def _older_states(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> dict[Pseudonym, bytes]:
    ours = {}
    for name, stamp in await ports.written.states(partition, offsets):
        encoded = store.get(name)
        if encoded is not None and stamp < ports.codec.stamp(encoded):
            ours[name] = encoded
    return ours
