"""Create the topics of the registry on a broker, and check them before a service uses them.

The topics keyed by patient share one partition count, N, which never changes: findings and state are written to the
partition number of the event. This module therefore refuses a wrong partition count and never corrects it.
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
    """Create the missing topics with N = `n`; return their names. Idempotent.

    Raises RefusedToRun TOPIC_MISMATCH if the partitions or settings of a topic differ from the registry, and
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
    """Delete a topic of the registry and create it empty, with the registry's settings; create it if it is missing.

    Raises DependencyUnavailable TOPIC_NOT_CREATED if the new topic does not exist within 60 s.
    """
    [topic] = [topic for topic in topics() if topic.name == name]
    full = installation.topic(name)

    async def use(admin: AIOKafkaAdminClient) -> None:
        if full in await _partition_counts(admin, {full: topic}):
            await admin.delete_topics([full])
        while not await _create_one(admin, full, topic, n):  # noqa: ASYNC110  # the broker sends no event
            await asyncio.sleep(0.05)

    before = await _identity(installation.kafka, full)
    try:
        async with asyncio.timeout(_RECREATE_TIMEOUT_SECONDS):
            await with_admin(installation.kafka, use)
            # A broker can list the deleted topic for a moment.
            while await _identity(installation.kafka, full) in (None, before):  # noqa: ASYNC110  # the broker sends no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise DependencyUnavailable(
            "TOPIC_NOT_CREATED", f"topic {full} was not recreated within {_RECREATE_TIMEOUT_SECONDS:.0f} s; retry"
        ) from None


async def _identity(bootstrap: str, name: str) -> str | None:
    try:
        return (await identities(bootstrap, [name]))[name].topic_id
    except RefusedToRun:
        return None


async def verify(installation: Installation) -> int:
    """Return N after checking that every topic of the registry exists with its partition count.

    Raises RefusedToRun TOPIC_MISMATCH if one does not, and DependencyUnavailable if the broker does not answer.
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
    existing = await admin.describe_topics()  # all: some brokers fail if a named topic is missing
    return {topic["topic"]: len(topic["partitions"]) for topic in existing if topic["topic"] in wanted}


async def _once_visible(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, int]:
    """Return the partition counts of all wanted topics; wait, because a broker lists a new topic with a delay."""
    try:
        async with asyncio.timeout(_VISIBLE_TIMEOUT_SECONDS):
            while len(found := await _partition_counts(admin, wanted)) < len(wanted):  # noqa: ASYNC110  # the broker sends no event
                await asyncio.sleep(0.02)
            return found
    except TimeoutError:
        raise DependencyUnavailable(
            "TOPIC_NOT_CREATED", f"the broker lists {len(found)} of {len(wanted)} topics"
        ) from None


async def _create(admin: AIOKafkaAdminClient, missing: Mapping[str, Topic], n: int) -> None:
    """Create the topics with three replicas, or one per broker if there are fewer. One that exists by now is fine."""
    if not missing:
        return
    answer = await admin.create_topics(await _new_topics(admin, missing, n))
    for name, code, *message in answer.topic_errors:
        _raise_unless_created(name, code, *message)


async def _create_one(admin: AIOKafkaAdminClient, name: str, topic: Topic, n: int) -> bool:
    """Return True if the topic was created, False while one of that name still exists."""
    [(_, code, *message)] = (await admin.create_topics(await _new_topics(admin, {name: topic}, n))).topic_errors
    _raise_unless_created(name, code, *message)
    return bool(code != _ALREADY_EXISTS)


async def _new_topics(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], n: int) -> list[NewTopic]:
    replicas = min(_REPLICAS, len((await admin.describe_cluster())["brokers"]))
    in_sync = {"min.insync.replicas": str(max(1, replicas - 1))}
    return [
        NewTopic(name, topic.partition_count(n), replicas, topic_configs=topic.kafka_settings() | in_sync)
        for name, topic in wanted.items()
    ]


def _raise_unless_created(name: str, code: int, *message: str | None) -> None:
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
            f"{'; '.join(differences)}. `rxguard topics apply` creates missing topics and changes no existing one: "
            "correct it with Kafka's own tools, or use another RXGUARD_NAMESPACE",
        )
