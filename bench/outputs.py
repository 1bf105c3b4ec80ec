"""What stands in the output topics at the end, reduced to what can be compared with the reference."""

from pharmacy.events.v1.finding_pb2 import FindingSet
from rx_contracts.wire.finding_messages import finding_set_version

from bench.broker import Broker
from bench.reference import Tally, tally

_PAIR_BYTES = 32


async def findings(broker: Broker, topic: str) -> Tally:
    """Of each patient the finding set with the highest position."""
    current: dict[bytes, FindingSet] = {}
    async for record in broker.read(topic):
        found = FindingSet.FromString(record.value)
        held = current.get(record.key)
        if held is None or finding_set_version(found) >= finding_set_version(held):
            current[record.key] = found
    sets = ((patient, [finding.finding_id for finding in found.findings]) for patient, found in current.items())
    return tally(sets, None)


async def pairs(broker: Broker, topic: str) -> Tally:
    """Of each patient the pairs of the last record, and how many records there are."""
    last: dict[bytes, bytes] = {}
    records = 0
    async for record in broker.read(topic):
        last[record.key] = record.value[1:]
        records += 1
    return tally(((patient, _cut(value)) for patient, value in last.items()), records)


def _cut(value: bytes) -> list[bytes]:
    return [value[at : at + _PAIR_BYTES] for at in range(0, len(value), _PAIR_BYTES)]
