"""Repair stale writes.

A monitor paused past its session timeout can append findings or state after losing its partitions: Kafka fences its
commits, not its produced records. Rewrite our newer record after each such write, so that compaction keeps ours.
Consumers compare versions and are not misled, but one that starts after compaction sees the last record only.
"""

from dataclasses import replace

from rx_contracts.ids import Pseudonym
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter

from rx_monitor.domain.store import ForeignWrites, PartitionStore
from rx_monitor.ports import Ports

log = get_logger()

OVERWRITTEN = b"overwritten"
"""Replaces the content hash of a patient whose last published set is foreign: the next assessment then publishes."""


async def repair_stale_writes(partition: int, foreign: ForeignWrites, store: PartitionStore, ports: Ports) -> None:
    """Rewrite our findings and states that foreign writes of a lower version follow. Returns when none is left.

    Repeats, because another foreign write may come before a rewritten record.
    """
    while foreign:
        findings, due = await _overwritten_findings(partition, foreign.findings, store, ports)
        states = await _overwritten_states(partition, foreign.states, store, ports) | due
        if findings or states:
            log.warning("foreign_records", partition=partition, findings=len(findings), states=len(states))
            counter("rx_monitor_repaired_records_total").inc(len(findings) + len(states))
        foreign = ForeignWrites(
            findings=store.findings_tail.advance(await ports.outbox.publish_findings(partition, findings.items())),
            states=store.states_tail.advance(await ports.outbox.write_states(partition, states.items())),
        )
        for name, encoded in due.items():
            store.put(name, encoded, is_assessed=False)


async def _overwritten_findings(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> tuple[dict[Pseudonym, bytes], dict[Pseudonym, bytes]]:
    """Return finding sets to publish again, and states of patients whose due reassessment will publish them.

    Content decides as well as the version: a set is not published again when a later event changed nothing.
    """
    ours: dict[Pseudonym, bytes] = {}
    due: dict[Pseudonym, bytes] = {}
    last = {published.patient: published for published in await ports.output_log.read_findings(partition, offsets)}
    for name, published in last.items():
        if (encoded := store.get(name)) is None:
            continue
        patient = ports.codec.decode_state(encoded)
        if not patient.findings_hash or published.content_hash == patient.findings_hash:
            continue
        if published.version >= ports.assess.finding_set_version(patient):
            continue  # this process will reach that position itself
        if patient.is_assessed:
            ours[name] = ports.assess(name, patient).value
        else:
            due[name] = ports.codec.encode_state(replace(patient, findings_hash=OVERWRITTEN))
    return ours, due


async def _overwritten_states(
    partition: int, offsets: list[range], store: PartitionStore, ports: Ports
) -> dict[Pseudonym, bytes]:
    """Return our states that a foreign state of a lower version follows."""
    ours = {}
    for name, version in await ports.output_log.read_states(partition, offsets):
        encoded = store.get(name)
        if encoded is not None and version < ports.codec.state_version(encoded):
            ours[name] = encoded
    return ours
