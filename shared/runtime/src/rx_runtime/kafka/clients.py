"""Kafka clients with the settings that every service relies on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka import aiokafka_patches

MAX_RECORD_BYTES = 9 * 1024 * 1024
"""Largest record any topic takes: the dead-letter topic keeps what the inbound topic took, and its headers."""

_BATCH_BYTES = 256 * 1024
"""Records that wait for one broker round trip together; the client's own 16 KiB would cut a batch into dozens."""

_START_TIMEOUT_SECONDS = 30.0
T = TypeVar("T")


def new_producer(bootstrap: str, *, client_id: str) -> AIOKafkaProducer:
    """A producer, not started: idempotent, acknowledged by all replicas, ordered."""
    aiokafka_patches.apply()
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
    )


def new_consumer(
    bootstrap: str, *topics: str, client_id: str, group: str | None = None, member: str = ""
) -> AIOKafkaConsumer:
    """A consumer, not started: never commits by itself; a group without an offset starts at the oldest record.

    `member` is a static identity within the group: a process that comes back with it takes its partitions up at once,
    without it the group waits until the session of the process that was killed has run out.
    """
    aiokafka_patches.apply()
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=group,
        group_instance_id=member or None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=3_000,
        max_poll_interval_ms=60_000,
        max_partition_fetch_bytes=MAX_RECORD_BYTES,
        isolation_level="read_committed",
    )


async def start(client: Any, bootstrap: str) -> None:  # noqa: ANN401  # producer, consumer or admin: the library types none
    """Start a client; raises DependencyUnavailable KAFKA_UNREACHABLE if the broker does not answer in 30 s."""
    try:
        async with asyncio.timeout(_START_TIMEOUT_SECONDS):
            while True:
                try:
                    await client.start()
                except KafkaConnectionError:
                    await asyncio.sleep(0.2)
                else:
                    return
    except (TimeoutError, KafkaError) as error:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
        raise DependencyUnavailable(
            "KAFKA_UNREACHABLE", f"no Kafka broker answers at {bootstrap}; start it, or set RXGUARD_KAFKA"
        ) from error


async def with_admin(bootstrap: str, use: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
    """What `use` returns of a started admin client, which is closed afterwards."""
    aiokafka_patches.apply()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await start(admin, bootstrap)
    try:
        return await use(admin)
    finally:
        await admin.close()
