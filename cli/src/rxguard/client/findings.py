"""Read the current findings from their topic."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pharmacy.events.v1.finding_pb2 import FindingSet
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.finding_messages import finding_set_version
from rx_runtime.kafka.topic_reader import read_to_end

from rxguard.client.connect import Connection, require_kafka

Sets = Mapping[bytes, FindingSet]
"""The newest finding set of each patient, by pseudonym."""


async def current_sets(connection: Connection) -> Sets:
    """Return the newest set of every patient. Raises DependencyUnavailable KAFKA_UNREACHABLE."""
    await require_kafka(connection)
    topic = connection.topic("rx.findings.v1")
    records = await read_to_end(connection.kafka, topic, client_id="rxguard")
    return newest(FindingSet.FromString(record.value) for record in records if record.value)


def newest(sets: Iterable[FindingSet]) -> Sets:
    """Return the set of highest version of each patient; of equal versions the later one."""
    current: dict[bytes, FindingSet] = {}
    for found in sets:
        before = current.get(found.patient)
        if before is None or finding_set_version(found) >= finding_set_version(before):
            current[found.patient] = found
    return current


def counted(sets: Sets, patients: Collection[bytes]) -> dict[str, Any]:
    """Count the active findings of these patients, in all and by rule."""
    by_rule: dict[str, int] = {}
    for patient in patients:
        for finding in sets[patient].findings if patient in sets else ():
            by_rule[finding.rule] = by_rule.get(finding.rule, 0) + 1
    return {"active": sum(by_rule.values()), "by_rule": dict(sorted(by_rule.items()))}


def documents(sets: Sets) -> list[dict[str, Any]]:
    """Return every finding as a document with the pseudonym in hex, by patient and finding id."""
    return [
        {**finding_json(finding), "patient": patient.hex()}
        for patient, found in sorted(sets.items())
        for finding in found.findings
    ]
