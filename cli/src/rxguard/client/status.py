"""`rxguard status`: what runs, and how far each reader is behind what it reads."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_contracts.topics import topics
from rx_contracts.wire.times import instant, rfc3339
from rx_runtime.kafka.clients import new_consumer, start, with_admin
from rx_runtime.kafka.topic_reader import read_to_end

from rxguard.client.connect import SERVICES, Connection, require_kafka
from rxguard.client.delivery import events_topic_id
from rxguard.client.health import is_serving

EVENTS: Final = "rx.medication-events.v1"
PROGRESS: Final = "rx.monitor-progress.v1"
READERS: Final = (
    ("prescriptions", "rx.inbound.v1", "rx-prescriptions"),
    ("alerts", "rx.findings.v1", "rx-alerts"),
)
"""Service, topic and consumer group of those that commit; the monitor says itself how far it is."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The records that a partition holds: from `begin`, up to and without `end`."""

    begin: int
    end: int


Extents = dict[str, dict[int, Extent]]
"""By registry name of the topic and partition; topics that do not exist are absent."""


async def status(connection: Connection) -> dict[str, Any]:
    """Return the document of `rxguard status --json`. Raises DependencyUnavailable KAFKA_UNREACHABLE."""
    await require_kafka(connection)
    held, services = await asyncio.gather(extents(connection), service_states(connection))
    monitor = await monitor_progress(connection, held)
    lag = {service: await _committed_lag(connection, topic, group, held) for service, topic, group in READERS}
    lag["monitor"] = sum(partition["behind"] for partition in monitor)
    return {
        "format": 1,
        "home": connection.home,
        "kafka": connection.kafka,
        "namespace": connection.namespace,
        "services": services,
        "lag": lag,
        "pending": lag["monitor"],
        "monitor": monitor,
        "topics": [
            {
                "name": name,
                "partitions": len(found),
                "records": sum(extent.end - extent.begin for extent in found.values()),
            }
            for name, found in sorted(held.items())
        ],
    }


async def service_states(connection: Connection) -> list[dict[str, Any]]:
    """Name, readiness and addresses of each service whose address is known."""
    names = [name for name in SERVICES if name in connection.targets]
    ready = await asyncio.gather(*(is_serving(connection.targets[name]) for name in names))
    return [
        {
            "name": name,
            "ready": is_ready,
            "grpc": connection.targets[name],
            "metrics": connection.metrics.get(name),
        }
        for name, is_ready in zip(names, ready, strict=True)
    ]


async def extents(connection: Connection) -> Extents:
    """Return what each topic of the registry holds. Raises DependencyUnavailable KAFKA_UNREACHABLE."""
    names = {connection.topic(topic.name): topic.name for topic in topics()}

    async def describe(admin: AIOKafkaAdminClient) -> list[TopicPartition]:
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in await admin.describe_topics()
            if topic["topic"] in names
            for partition in topic["partitions"]
        ]

    partitions = await with_admin(connection.kafka, describe)
    consumer = new_consumer(connection.kafka, client_id="rxguard")
    await start(consumer, connection.kafka)
    try:
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    found: Extents = {}
    for partition in partitions:
        extent = Extent(begins[partition], ends[partition])
        found.setdefault(names[partition.topic], {})[partition.partition] = extent
    return found


async def monitor_progress(connection: Connection, held: Extents) -> list[dict[str, Any]]:
    """How far the monitor is in each partition of the medication events, and how many it has not checked."""
    passed: dict[int, MonitorProgress] = {}
    if PROGRESS in held and EVENTS in held:
        topic_id = await events_topic_id(connection)
        for record in await read_to_end(connection.kafka, connection.topic(PROGRESS), client_id="rxguard"):
            progress = MonitorProgress.FromString(record.value)
            if progress.topic_id == topic_id:
                passed[progress.partition] = progress
    return [_partition(number, extent, passed.get(number)) for number, extent in sorted(held.get(EVENTS, {}).items())]


def _partition(number: int, extent: Extent, passed: MonitorProgress | None) -> dict[str, Any]:
    position = passed.position if passed else extent.begin
    return {
        "partition": number,
        "position": position,
        "end": extent.end,
        "behind": max(0, extent.end - position),
        "ruleset_seq": passed.ruleset_seq if passed else None,
        "ruleset_version": passed.ruleset_version if passed else None,
        "written_time": rfc3339(instant(passed.written_time)) if passed else None,
    }


async def _committed_lag(connection: Connection, topic: str, group: str, held: Extents) -> int:
    """Return records that the group has not committed yet; all of them where the broker knows of no group yet."""

    async def ask(admin: AIOKafkaAdminClient) -> dict[TopicPartition, Any]:
        try:
            return dict(await admin.list_consumer_group_offsets(connection.group(group)))
        except GroupCoordinatorNotAvailableError:
            return {}

    committed = await with_admin(connection.kafka, ask)
    name = connection.topic(topic)
    behind = 0
    for number, extent in held.get(topic, {}).items():
        offset = committed.get(TopicPartition(name, number))
        behind += extent.end - (max(offset.offset, extent.begin) if offset else extent.begin)
    return behind
