"""Checks before the first event is read. A mismatch would lose or invent findings silently.

Each refusal names the command that repairs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_clinical import Catalogue
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import topic_reader
from rx_runtime.kafka.topic_identity import TopicIdentity, identities

from rx_monitor.adapters.kafka.changelog import older_ruleset
from rx_monitor.adapters.kafka.group_offsets import ensure_committed
from rx_monitor.domain.rebuilds import PartitionRebuild
from rx_monitor.settings import EVENTS_TOPIC, FINDINGS_TOPIC, PROGRESS_TOPIC, STATE_TOPIC

REBUILD = "stop all monitors and run `rxguard monitor rebuild`"


@dataclass(frozen=True, slots=True)
class StartPoint:
    """What a monitor continues from."""

    identity: MonitorProgress
    """Topic ids, ruleset and state epoch, as every progress report names them."""
    rebuilds: Mapping[int, PartitionRebuild]

    @property
    def state_epoch(self) -> int:
        """Epoch of the state that this monitor continues."""
        return self.identity.build


async def check_start(installation: Installation, catalogue: Catalogue, relevant_since: int) -> StartPoint:
    """Check that this monitor can continue from the state and the findings in the topics; commit missing offsets.

    Raises RefusedToRun TOPIC_MISSING, PARTITIONS_DIFFER, PROGRESS_LOST, or what `check_continues` raises, and
    DependencyUnavailable.
    """
    topics = await keyed_topics(installation)
    check_partitions(installation, topics)
    reports = await newest_reports(installation)
    events_topic = installation.topic(EVENTS_TOPIC)
    identity = MonitorProgress(
        ruleset_seq=catalogue.ruleset_seq,
        ruleset_version=catalogue.ruleset_version,
        topic_id=topics[events_topic].topic_id,
        state_topic_id=topics[installation.topic(STATE_TOPIC)].topic_id,
        findings_topic_id=topics[installation.topic(FINDINGS_TOPIC)].topic_id,
        build=max((report.build for report in reports.values()), default=0),
    )
    for report in reports.values():
        check_continues(report, identity, relevant_since)
    oldest, committed = await ensure_committed(installation, topics[events_topic].partitions)
    check_progress(reports, oldest, committed)
    rebuilds = {
        number: PartitionRebuild(report.position, report.rebuild.end_position)
        for number, report in reports.items()
        if report.HasField("rebuild")
    }
    return StartPoint(identity, rebuilds)


async def keyed_topics(installation: Installation) -> dict[str, TopicIdentity]:
    """Return the topics in which a patient has one partition number. Raises RefusedToRun TOPIC_MISSING."""
    keyed = [installation.topic(name) for name in (EVENTS_TOPIC, FINDINGS_TOPIC, STATE_TOPIC)]
    found = await identities(installation.kafka, (*keyed, installation.topic(PROGRESS_TOPIC)))
    return {name: found[name] for name in keyed}


async def newest_reports(installation: Installation) -> dict[int, MonitorProgress]:
    """Return the last report of each partition. Ignores a later report of an earlier epoch, from a paused monitor."""
    newest: dict[int, MonitorProgress] = {}
    topic = installation.topic(PROGRESS_TOPIC)
    for record in await topic_reader.read_to_end(installation.kafka, topic, client_id="rx-monitor-start"):
        report = MonitorProgress.FromString(record.value)
        if report.partition not in newest or report.build >= newest[report.partition].build:
            newest[report.partition] = report
    return newest


def check_continues(report: MonitorProgress, identity: MonitorProgress, relevant_since: int) -> None:
    """Check that a monitor with `identity` can continue the state that `report` describes.

    Raises RefusedToRun REBUILD_UNFINISHED, TOPIC_RECREATED, STATE_LOST, FINDINGS_LOST, RULESET_OLDER, RULESET_CHANGED
    or RULESET_READS_MORE.
    """
    if report.rebuild.clearing:
        raise RefusedToRun("REBUILD_UNFINISHED", f"a rebuild of the state was interrupted; {REBUILD} again")
    if report.topic_id != identity.topic_id:
        raise RefusedToRun(
            "TOPIC_RECREATED",
            "the topic rx.medication-events.v1 is not the one that the monitor's state was built from (its Kafka id "
            f"has changed), so positions mean nothing; {REBUILD}",
        )
    if report.state_topic_id not in ("", identity.state_topic_id):
        raise RefusedToRun(
            "STATE_LOST", f"the topic rx.monitor-state.v1 was recreated and its records are gone; {REBUILD}"
        )
    if report.findings_topic_id not in ("", identity.findings_topic_id):
        raise RefusedToRun(
            "FINDINGS_LOST", f"the topic rx.findings.v1 was recreated and its records are gone; {REBUILD}"
        )
    _check_ruleset(report, identity, relevant_since)


def _check_ruleset(report: MonitorProgress, identity: MonitorProgress, relevant_since: int) -> None:
    ours, theirs = identity.ruleset_seq, report.ruleset_seq
    if not theirs:
        return  # the state has just been cleared: no ruleset wrote it
    if theirs > ours:
        raise older_ruleset(ours=ours, theirs=theirs)
    if theirs == ours and report.ruleset_version != identity.ruleset_version:
        raise RefusedToRun(
            "RULESET_CHANGED",
            f"the state was written with ruleset {theirs} ({report.ruleset_version}), this monitor has another ruleset "
            f"of that number ({identity.ruleset_version}); raise ruleset_seq.txt of the newer one, or {REBUILD}",
        )
    if theirs < relevant_since:
        raise RefusedToRun(
            "RULESET_READS_MORE",
            f"ruleset {ours} reads events that ruleset {theirs}, which wrote the state, skipped; {REBUILD}",
        )


def check_partitions(installation: Installation, topics: Mapping[str, TopicIdentity]) -> None:
    """Raise RefusedToRun PARTITIONS_DIFFER unless the topics keyed by patient have as many as the event log."""
    events_topic, findings_topic = installation.topic(EVENTS_TOPIC), installation.topic(FINDINGS_TOPIC)
    wanted = topics[events_topic].partitions
    differing = {name: topic.partitions for name, topic in topics.items() if topic.partitions != wanted}
    if not differing:
        return
    counts = ", ".join(f"{name} has {count}" for name, count in differing.items())
    repairs = []
    if findings_topic in differing:
        recreate = f"`rxguard topics apply --partitions {wanted}`"
        repairs.append(f"delete {findings_topic} with Kafka's own tools and run {recreate}")
    repairs.append(f"{REBUILD}, which recreates {installation.topic(STATE_TOPIC)}")
    raise RefusedToRun(
        "PARTITIONS_DIFFER",
        "a patient's events, state and findings must have equal partition numbers, but "
        f"{events_topic} has {wanted} and {counts}; {', then '.join(repairs)}",
    )


def check_progress(
    reports: Mapping[int, MonitorProgress], oldest: Mapping[int, int], committed: Mapping[int, int]
) -> None:
    """Raise RefusedToRun PROGRESS_LOST if a partition has a committed offset beyond its oldest but no report."""
    if lost := [number for number, offset in committed.items() if number not in reports and offset > oldest[number]]:
        raise RefusedToRun(
            "PROGRESS_LOST",
            f"events of partitions {lost} have been processed, but rx.monitor-progress.v1 does not say with which "
            f"ruleset and from which topic; {REBUILD}",
        )
