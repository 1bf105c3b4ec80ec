"""Starts the monitor's state over: what the build before has left is cleared away, and the event log is read again.

Nobody may own partitions meanwhile. The work itself is done by the monitors that start afterwards. The order makes it
safe to be killed anywhere and to be run again:

 1. progress says `clearing`: no monitor starts from now on
 2. the state topic is made anew, empty
 3. the state of each patient with published findings begins with their hash: only what changes is published, and what
    no event supports any more is withdrawn
 4. the group goes back to the oldest event of each partition, explicitly
 5. progress says up to which offset the log is read silently

Each run has a higher build number, so that a monitor that was paused through all of it writes what nobody reads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState, Rebuild
from rx_contracts.wire.finding_messages import finding_set_hash, finding_set_version
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients, topic_reader, topics
from rx_runtime.kafka.topic_identity import identities

from rx_monitor.adapters.kafka.group_offsets import extents, go_back
from rx_monitor.adapters.kafka.membership import members
from rx_monitor.adapters.kafka.outbox import send_all
from rx_monitor.operations.start_checks import check_partitions, newest_reports
from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC, FINDINGS_TOPIC, PROGRESS_TOPIC, STATE_TOPIC

_CLIENT = "rx-monitor-rebuild"
_SENT_AT_ONCE = 1_000

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a rebuild begins with."""

    build: int
    topic_id: str
    events: Mapping[int, range]  # offsets to be read again, by partition
    patients_with_findings: int


async def clear(installation: Installation, progress: Progress) -> Cleared:
    """Clear the state, so that monitors that start now rebuild it.

    Raises RefusedToRun MONITORS_ALIVE, TOPIC_MISSING or PARTITIONS_DIFFER, and DependencyUnavailable.
    """
    events_topic, findings_topic, progress_topic = (
        installation.topic(name) for name in (EVENTS_TOPIC, FINDINGS_TOPIC, PROGRESS_TOPIC)
    )
    known = await identities(installation.kafka, (events_topic, findings_topic, progress_topic))
    count = known[events_topic].partitions
    check_partitions(installation, {name: known[name] for name in (events_topic, findings_topic)})
    await check_nobody_owns(installation)
    standing = await _standing(installation, count, progress)
    builds = [report.build for report in (await newest_reports(installation)).values()]
    build = 1 + max([standing.build, *builds])
    events = await extents(installation, count)
    identity = MonitorProgress(
        topic_id=known[events_topic].topic_id,
        findings_topic_id=known[findings_topic].topic_id,
        build=build,
    )
    producer = clients.new_producer(installation.kafka, client_id=_CLIENT)
    await clients.start(producer, installation.kafka)
    try:
        await _tell(producer, installation, events, identity, Rebuild(clearing=True))
        await topics.recreate(installation, STATE_TOPIC, count)
        await _seed(producer, installation, standing, build)
        await go_back(installation, {number: held.start for number, held in events.items()})
        state_topic = installation.topic(STATE_TOPIC)
        identity.state_topic_id = (await identities(installation.kafka, [state_topic]))[state_topic].topic_id
        await _tell(producer, installation, events, identity, Rebuild())
    finally:
        await producer.stop()
    return Cleared(
        build=build,
        topic_id=identity.topic_id,
        events=events,
        patients_with_findings=sum(map(len, standing.hashes.values())),
    )


async def check_nobody_owns(installation: Installation) -> None:
    """Raise RefusedToRun MONITORS_ALIVE, naming them, while the group has members."""
    if alive := await members(installation):
        named = ", ".join(f"{one.id} on {one.host}" for one in alive)
        raise RefusedToRun(
            "MONITORS_ALIVE",
            f"monitors of the group {installation.group(CONSUMER_GROUP)} are alive: {named}. Stop them and run this "
            "again; the broker counts one that was killed for another 10 s",
        )


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is published now."""

    build: int  # the highest of any set
    hashes: Mapping[int, Mapping[bytes, bytes]]  # by partition: of each patient with findings, what the set says


async def _standing(installation: Installation, count: int, progress: Progress) -> _Standing:
    topic = installation.topic(FINDINGS_TOPIC)
    build = 0
    hashes: dict[int, dict[bytes, bytes]] = {}
    for number in range(count):
        progress("published", number, count)
        order: dict[bytes, tuple[int, int, int]] = {}
        said = hashes[number] = {}
        records = topic_reader.records_to_end(installation.kafka, topic, client_id=_CLIENT, partition=number)
        async for record in records:
            found = FindingSet.FromString(record.value)
            build = max(build, found.build)
            place = finding_set_version(found)
            if place >= order.get(found.patient, place):
                order[found.patient] = place
                said.pop(found.patient, None)
                if found.findings:
                    said[found.patient] = finding_set_hash(found)
    progress("published", count, count)
    return _Standing(build, hashes)


async def _seed(producer: AIOKafkaProducer, installation: Installation, standing: _Standing, build: int) -> None:
    for number, hashes in standing.hashes.items():
        states = [
            (patient, PatientState(position=-1, findings_hash=said, build=build).SerializeToString())
            for patient, said in hashes.items()
        ]
        for begin in range(0, len(states), _SENT_AT_ONCE):
            await send_all(producer, installation.topic(STATE_TOPIC), number, states[begin : begin + _SENT_AT_ONCE])


async def _tell(
    producer: AIOKafkaProducer,
    installation: Installation,
    events: Mapping[int, range],
    identity: MonitorProgress,
    stage: Rebuild,
) -> None:
    """Report for every partition that it is being rebuilt, from its first event on."""
    records = []
    for number, held in events.items():
        report = MonitorProgress(partition=number, position=held.start, rebuild=stage)
        report.rebuild.end_position, report.rebuild.position = held.stop, held.start
        report.MergeFrom(identity)
        report.written_time.GetCurrentTime()
        records.append((str(number).encode(), report.SerializeToString()))
    await send_all(producer, installation.topic(PROGRESS_TOPIC), 0, records)
