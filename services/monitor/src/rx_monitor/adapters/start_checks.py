"""What must fit before a single event is read; anything else would lose or invent findings silently."""

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_clinical import Catalogue
from rx_runtime import kafka
from rx_runtime.errors import DependencyUnavailable, RefusedToRun
from rx_runtime.topic_identity import TopicIdentity, identities

from rx_monitor.settings import MonitorSettings

_REBUILD = (
    "start anew and send the events again: on the embedded servers `rxguard up --fresh`, on your own another "
    "RXGUARD_NAMESPACE and `rxguard topics apply`"
)


async def check_start(settings: MonitorSettings, catalogue: Catalogue) -> MonitorProgress:
    """Who this monitor is: ruleset and topic, as every progress report names them.

    Raises RefusedToRun TOPIC_MISSING, PARTITIONS_DIFFER, TOPIC_RECREATED or RULESET_CHANGED.
    """
    keyed = (settings.events_topic, settings.findings_topic, settings.state_topic)
    topics = await identities(settings.kafka, (*keyed, settings.progress_topic))
    _check_partitions({name: topics[name] for name in keyed})
    identity = MonitorProgress(
        ruleset_seq=catalogue.ruleset_seq,
        ruleset_version=catalogue.ruleset_version,
        topic_id=topics[settings.events_topic].topic_id,
    )
    for record in await kafka.read_to_end(settings.kafka, settings.progress_topic, client_id="rx-monitor-start"):
        check_continues(MonitorProgress.FromString(record.value), identity)
    await _write_first_offsets(settings, topics[settings.events_topic].partitions)
    return identity


def check_continues(report: MonitorProgress, identity: MonitorProgress) -> None:
    """Check that the state written with `report` can be continued. Raises TOPIC_RECREATED or RULESET_CHANGED."""
    if report.topic_id != identity.topic_id:
        raise RefusedToRun(
            "TOPIC_RECREATED",
            "the topic rx.medication-events.v1 is not the one that the monitor's state was built from (its Kafka id "
            f"has changed), so positions mean nothing; {_REBUILD}",
        )
    if report.ruleset_version != identity.ruleset_version:
        raise RefusedToRun(
            "RULESET_CHANGED",
            f"the state was built with ruleset {report.ruleset_version}, this monitor has {identity.ruleset_version} "
            f"and may read events that the other left out; {_REBUILD}",
        )


def _check_partitions(topics: dict[str, TopicIdentity]) -> None:
    if len({topic.partitions for topic in topics.values()}) > 1:
        counts = ", ".join(f"{name}: {topic.partitions}" for name, topic in topics.items())
        raise RefusedToRun(
            "PARTITIONS_DIFFER",
            f"a patient's events, state and findings must stand in equal partition numbers, but there are {counts}; "
            "create the topics anew with `rxguard topics apply`",
        )


async def _write_first_offsets(settings: MonitorSettings, count: int) -> None:
    """Commit the oldest offset of each partition that the group has no offset for.

    Nothing is left to an automatic reset: a lost offset must never turn into skipped or endlessly repeated events.
    """
    partitions = [TopicPartition(settings.events_topic, number) for number in range(count)]
    consumer = kafka.new_consumer(settings.kafka, client_id="rx-monitor-start", group=settings.consumer_group)
    await kafka.start(consumer, settings.kafka)
    try:
        consumer.assign(partitions)
        if missing := [tp for tp in partitions if await consumer.committed(tp) is None]:
            try:
                await consumer.commit(await consumer.beginning_offsets(missing))
            except (CommitFailedError, KafkaError):
                # A monitor that started at the same time has joined the group, and wrote them before it did.
                if any([await consumer.committed(tp) is None for tp in missing]):
                    raise
    except KafkaError as error:
        raise DependencyUnavailable(
            "FIRST_OFFSETS_NOT_WRITTEN", f"cannot write the first offsets of the group {settings.consumer_group}"
        ) from error
    finally:
        await consumer.stop()
