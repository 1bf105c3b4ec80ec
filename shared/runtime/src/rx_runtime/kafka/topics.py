"""Topics on a broker: created from the registry, and checked against it before a service trusts them.

The topics keyed by patient share one partition count, N, for ever: findings and state are written to the partition
number of the event. A partition count is therefore never changed here, only refused.
"""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from rx_contracts.topics import Topic, topics

from rx_runtime.errors import DependencyUnavailable, RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka.clients import with_admin
from rx_runtime.kafka.topic_identity import identities

_REPLICAS = 3
_ALREADY_EXISTS = 36  # error code of the Kafka protocol
_VISIBLE_TIMEOUT_SECONDS = 10.0
_RECREATE_TIMEOUT_SECONDS = 60.0


async def apply(installation: Installation, n: int) -> list[str]:
    """Create the topics that are missing, with N = `n`; returns their names. Repeating it changes nothing.

    Raises RefusedToRun TOPIC_MISMATCH if a topic has other partitions or settings than the registry says, and
    DependencyUnavailable if the broker does not answer or refuses.
    """

    async def use(admin: AIOKafkaAdminClient) -> list[str]:
        wanted = {installation.topic(topic.name): topic for topic in topics()}
        found = await _partition_counts(admin, wanted)
        _refuse_if(_count_differences(wanted, found, n))
        missing = [name for name in wanted if name not in found]
        await _create(admin, {name: wanted[name] for name in missing}, n)
        _refuse_if(_count_differences(wanted, await _once_visible(admin, wanted), n))
        _refuse_if(await _setting_differences(admin, wanted))
        return missing

    return await with_admin(installation.kafka, use)


async def recreate(installation: Installation, name: str, n: int) -> None:
    """Make a topic of the registry anew, empty and with the registry's settings; one that is missing is made.

    Raises DependencyUnavailable TOPIC_NOT_CREATED if the broker keeps the old one, or does not make the new one.
    """
    [topic] = [one for one in topics() if one.name == name]
    full = installation.topic(name)

    async def use(admin: AIOKafkaAdminClient) -> None:
        if full in await _partition_counts(admin, {full: topic}):
            await admin.delete_topics([full])
        while not await _create_one(admin, full, topic, n):  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.05)

    before = await _identity(installation.kafka, full)
    try:
        async with asyncio.timeout(_RECREATE_TIMEOUT_SECONDS):
            await with_admin(installation.kafka, use)
            # A broker may show the old one for a moment.
            while await _identity(installation.kafka, full) in (None, before):  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise DependencyUnavailable("TOPIC_NOT_CREATED", f"the broker has not made {full} anew; try again") from None


async def _identity(bootstrap: str, name: str) -> str | None:
    try:
        return (await identities(bootstrap, [name]))[name].topic_id
    except RefusedToRun:
        return None


async def verify(installation: Installation) -> int:
    """N, once every topic of the registry exists with the partitions it must have.

    Raises RefusedToRun TOPIC_MISMATCH otherwise, and DependencyUnavailable if the broker does not answer.
    """

    async def use(admin: AIOKafkaAdminClient) -> int:
        wanted = {installation.topic(topic.name): topic for topic in topics()}
        found = await _partition_counts(admin, wanted)
        if missing := [name for name in wanted if name not in found]:
            _refuse_if([f"missing: {', '.join(missing)}"])
        n = min(found[name] for name, topic in wanted.items() if topic.partitions == "N")
        _refuse_if(_count_differences(wanted, found, n))
        return n

    return await with_admin(installation.kafka, use)


async def _partition_counts(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, int]:
    existing = await admin.describe_topics()  # all of them: naming one that is missing is an error to some brokers
    return {topic["topic"]: len(topic["partitions"]) for topic in existing if topic["topic"] in wanted}


async def _once_visible(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, int]:
    """Partition counts of all that are wanted: a broker lists a topic shortly after it has been created."""
    try:
        async with asyncio.timeout(_VISIBLE_TIMEOUT_SECONDS):
            while len(found := await _partition_counts(admin, wanted)) < len(wanted):  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(0.02)
            return found
    except TimeoutError:
        raise DependencyUnavailable(
            "TOPIC_NOT_CREATED", f"the broker lists {len(found)} of {len(wanted)} topics"
        ) from None


async def _create(admin: AIOKafkaAdminClient, missing: Mapping[str, Topic], n: int) -> None:
    """Create them with three copies where there are three brokers. One that somebody else created meanwhile is fine."""
    if not missing:
        return
    answer = await admin.create_topics(await _new_topics(admin, missing, n))
    for name, code, *message in answer.topic_errors:
        _refuse_to_go_on(name, code, *message)


async def _create_one(admin: AIOKafkaAdminClient, name: str, topic: Topic, n: int) -> bool:
    """True once the topic has been created; False while one of that name is there."""
    [(_, code, *message)] = (await admin.create_topics(await _new_topics(admin, {name: topic}, n))).topic_errors
    _refuse_to_go_on(name, code, *message)
    return bool(code != _ALREADY_EXISTS)


async def _new_topics(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], n: int) -> list[NewTopic]:
    copies = min(_REPLICAS, len((await admin.describe_cluster())["brokers"]))
    in_sync = {"min.insync.replicas": str(max(1, copies - 1))}
    return [
        NewTopic(name, topic.partition_count(n), copies, topic_configs=topic.kafka_settings() | in_sync)
        for name, topic in wanted.items()
    ]


def _refuse_to_go_on(name: str, code: int, *message: str | None) -> None:
    if code not in (0, _ALREADY_EXISTS):
        reason = message[0] if message and message[0] else for_code(code).__name__
        raise DependencyUnavailable("TOPIC_NOT_CREATED", f"the broker did not create {name}: {reason}")


def _count_differences(wanted: Mapping[str, Topic], found: Mapping[str, int], n: int) -> list[str]:
    return [
        f"{name} has {found[name]} partitions instead of {topic.partition_count(n)}"
        for name, topic in wanted.items()
        if name in found and found[name] != topic.partition_count(n)
    ]


async def _setting_differences(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> list[str]:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(topic.kafka_settings()))
        for name, topic in wanted.items()
    ]
    differences = []
    for response in await admin.describe_configs(resources):
        for code, message, _kind, name, entries in response.resources:
            if code:
                raise DependencyUnavailable("KAFKA_UNREACHABLE", f"the broker does not describe {name}: {message}")
            found = {entry[0]: entry[1] for entry in entries}
            for setting, value in wanted[name].kafka_settings().items():
                if found.get(setting) != value:
                    differences.append(f"{name} has {setting}={found.get(setting)} instead of {value}")
    return differences


def _refuse_if(differences: list[str]) -> None:
    if differences:
        raise RefusedToRun(
            "TOPIC_MISMATCH",
            f"{'; '.join(differences)}. `rxguard topics apply` creates what is missing; it changes no existing topic: "
            "correct that one with Kafka's own tools, or use another RXGUARD_NAMESPACE",
        )
