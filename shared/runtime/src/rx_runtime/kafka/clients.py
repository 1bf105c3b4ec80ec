"""Create Kafka clients with the settings that every service relies on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka import aiokafka_patches

MAX_RECORD_BYTES = 9 * 1024 * 1024
"""Largest record of any topic: the dead-letter topic holds an inbound record of the maximum size plus headers."""

_BATCH_BYTES = 256 * 1024
"""Size of a produce request; the client's default of 16 KiB would split a batch into dozens of round trips."""

_START_TIMEOUT_SECONDS = 30.0
T = TypeVar("T")


def new_producer(bootstrap: str, *, client_id: str) -> AIOKafkaProducer:
    """Return a producer, not started: idempotent, acks from all in-sync replicas, ordered."""
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
    """Return a consumer, not started, without auto-commit; a group without an offset starts at the oldest record.

    `member` makes it a static member (group.instance.id): after a kill, the restarted process gets its partitions back
    at once. Without it, the group waits until the session of the killed process times out (10 s).
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


async def start(client: Any, bootstrap: str) -> None:  # noqa: ANN401  # producer, consumer or admin client: untyped
    """Start a client. Raises DependencyUnavailable KAFKA_UNREACHABLE if the broker does not answer within 30 s."""
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
    """Return the result of `use` with a started admin client; close the client afterwards."""
    aiokafka_patches.apply()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await start(admin, bootstrap)
    try:
        return await use(admin)
    finally:
        await admin.close()
