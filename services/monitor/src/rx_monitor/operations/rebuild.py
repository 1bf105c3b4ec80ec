"""Clears the monitor's state, so that monitors started afterwards rebuild it from the event log.

No monitor may own partitions meanwhile. Idempotent: the order of the steps makes it safe to kill it anywhere and to run
it again.

 1. progress reports `clearing`: no monitor starts from now on
 2. the state topic is recreated, empty
 3. each patient with published findings gets a state with their content hash: reassessment publishes only changes, and
    withdraws what no event supports any more
 4. the group's offsets are reset to the oldest event of each partition, explicitly
 5. progress reports the end offset of the silent replay

Each run raises the state epoch, so that consumers ignore what a monitor paused through all of it writes later.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState, Rebuild
from rx_contracts.versions import FindingSetVersion
from rx_contracts.wire.finding_messages import finding_set_hash, finding_set_version
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients, topic_reader, topics
from rx_runtime.kafka.topic_identity import identities

from rx_monitor.adapters.kafka.group_offsets import event_offsets, reset_offsets
from rx_monitor.adapters.kafka.membership import group_members
from rx_monitor.adapters.kafka.outbox import append_all
from rx_monitor.operations.start_checks import check_partitions, newest_reports
from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC, FINDINGS_TOPIC, PROGRESS_TOPIC, STATE_TOPIC

_CLIENT = "rx-monitor-rebuild"
_STATES_AT_A_TIME = 1_000
_POLL_SECONDS = 0.1

ProgressCallback = Callable[[str, int, int | None], None]
"""Called with the step, how much of it is done, and how much there is (None if unknown)."""


@dataclass(frozen=True, slots=True)
class ClearedState:
    """What a rebuild starts from."""

    state_epoch: int
    topic_id: str
    """Kafka id of the event log."""
    events: Mapping[int, range]
    """Offsets to replay, by partition."""
    patients_with_findings: int


async def clear_state(installation: Installation, on_progress: ProgressCallback) -> ClearedState:
    """Clear the state, so that monitors started from now on rebuild it.

    Raises RefusedToRun MONITORS_ALIVE, TOPIC_MISSING or PARTITIONS_DIFFER, and DependencyUnavailable.
    """
    events_topic, findings_topic, progress_topic = (
        installation.topic(name) for name in (EVENTS_TOPIC, FINDINGS_TOPIC, PROGRESS_TOPIC)
    )
    known = await identities(installation.kafka, (events_topic, findings_topic, progress_topic))
    count = known[events_topic].partitions
    check_partitions(installation, {name: known[name] for name in (events_topic, findings_topic)})
    await check_no_members(installation)
    current = await _current_findings(installation, count, on_progress)
    reported_epochs = [report.build for report in (await newest_reports(installation)).values()]
    state_epoch = 1 + max([current.state_epoch, *reported_epochs])
    events = await event_offsets(installation, count)
    identity = MonitorProgress(
        topic_id=known[events_topic].topic_id,
        findings_topic_id=known[findings_topic].topic_id,
        build=state_epoch,
    )
    producer = clients.new_producer(installation.kafka, client_id=_CLIENT)
    await clients.start(producer, installation.kafka)
    try:
        await _report(producer, installation, events, identity, Rebuild(clearing=True))
        await topics.recreate(installation, STATE_TOPIC, count)
        await _write_hashes(producer, installation, current, state_epoch)
        await reset_offsets(installation, {number: offsets.start for number, offsets in events.items()})
        state_topic = installation.topic(STATE_TOPIC)
        identity.state_topic_id = (await identities(installation.kafka, [state_topic]))[state_topic].topic_id
        await _report(producer, installation, events, identity, Rebuild())
    finally:
        await producer.stop()
    return ClearedState(
        state_epoch=state_epoch,
        topic_id=identity.topic_id,
        events=events,
        patients_with_findings=sum(map(len, current.hashes.values())),
    )


async def wait_until_no_members(installation: Installation, timeout_seconds: float) -> None:
    """Wait until no monitor is a member of the group; return after `timeout_seconds` at the latest.

    The broker keeps a killed member until its session timeout of 10 s. Raises DependencyUnavailable GROUP_NOT_KNOWN.
    """
    deadline = time.monotonic() + timeout_seconds
    while await group_members(installation) and time.monotonic() < deadline:  # noqa: ASYNC110  # the broker has no event for it
        await asyncio.sleep(_POLL_SECONDS)


async def check_no_members(installation: Installation) -> None:
    """Raise RefusedToRun MONITORS_ALIVE, naming them, while the group has members."""
    if alive := await group_members(installation):
        named = ", ".join(f"{member.id} on {member.host}" for member in alive)
        raise RefusedToRun(
            "MONITORS_ALIVE",
            f"monitors of the group {installation.group(CONSUMER_GROUP)} are alive: {named}. Stop them and run this "
            "again; the broker keeps a killed one for another 10 s",
        )


@dataclass(frozen=True, slots=True)
class _CurrentFindings:
    """The current finding sets in their topic."""

    state_epoch: int
    """Highest epoch of any set."""
    hashes: Mapping[int, Mapping[bytes, bytes]]
    """By partition: the content hash of each patient with findings."""


async def _current_findings(installation: Installation, count: int, on_progress: ProgressCallback) -> _CurrentFindings:
    topic = installation.topic(FINDINGS_TOPIC)
    state_epoch = 0
    hashes: dict[int, dict[bytes, bytes]] = {}
    for number in range(count):
        on_progress("published", number, count)
        newest = dict[bytes, FindingSetVersion]()
        current = hashes[number] = {}
        records = topic_reader.records_to_end(installation.kafka, topic, client_id=_CLIENT, partition=number)
        async for record in records:
            found = FindingSet.FromString(record.value)
            state_epoch = max(state_epoch, found.build)
            version = finding_set_version(found)
            if version >= newest.get(found.patient, version):
                newest[found.patient] = version
                current.pop(found.patient, None)
                if found.findings:
                    current[found.patient] = finding_set_hash(found)
    on_progress("published", count, count)
    return _CurrentFindings(state_epoch, hashes)


async def _write_hashes(
    producer: AIOKafkaProducer, installation: Installation, current: _CurrentFindings, state_epoch: int
) -> None:
    """Write a state without facts for each patient with findings."""
    topic = installation.topic(STATE_TOPIC)
    for number, hashes in current.hashes.items():
        states = [
            (
                patient,
                PatientState(position=-1, findings_hash=content_hash, build=state_epoch).SerializeToString(),
            )
            for patient, content_hash in hashes.items()
        ]
        for begin in range(0, len(states), _STATES_AT_A_TIME):
            await append_all(producer, topic, number, states[begin : begin + _STATES_AT_A_TIME])


async def _report(
    producer: AIOKafkaProducer,
    installation: Installation,
    events: Mapping[int, range],
    identity: MonitorProgress,
    stage: Rebuild,
) -> None:
    """Report for every partition that it is being rebuilt, from its first event on."""
    records = []
    for number, offsets in events.items():
        report = MonitorProgress(partition=number, position=offsets.start, rebuild=stage)
        report.rebuild.end_position, report.rebuild.position = offsets.stop, offsets.start
        report.MergeFrom(identity)
        report.written_time.GetCurrentTime()
        records.append((str(number).encode(), report.SerializeToString()))
    await append_all(producer, installation.topic(PROGRESS_TOPIC), 0, records)
