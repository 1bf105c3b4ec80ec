"""Faust as the source of batches: group membership, rebalances, flow control and shutdown.

Calls the listener in the order of SourceListener: `on_assigned` before the first batch of a generation, `on_batch` one
at a time, `on_revoked` when a rebalance may give the partitions to another process.
"""

import asyncio
from typing import Any, cast

from rx_monitor.adapters.faust.batch_transport import BatchApp, BatchConsumer, BatchSchema
from rx_monitor.adapters.faust.process_exit import exit_on
from rx_monitor.adapters.faust.setting_checks import check_assignor, check_settings
from rx_monitor.adapters.kafka.membership import check_not_fenced
from rx_monitor.domain.progress import Progress
from rx_monitor.ports import SourceListener
from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC, MonitorSettings

_STOP_TIMEOUT_SECONDS = 20.0

FAUST_SETTINGS: dict[str, Any] = {
    "processing_guarantee": "at_least_once",
    "stream_wait_empty": True,  # finish the current batch before a rebalance or a stop continues
    "stream_buffer_maxsize": 8,  # batches
    "stream_recovery_delay": 0.0,
    "broker_max_poll_records": 2000,
    "broker_max_poll_interval": 60.0,
    "broker_session_timeout": 10.0,
    "broker_heartbeat_interval": 3.0,
    "broker_commit_interval": 0.5,
    "consumer_auto_offset_reset": "none",  # first offsets are committed explicitly
    "table_standby_replicas": 1,  # with 0, Faust silently uses a round-robin assignor
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "reply_create_topic": False,
    "web_enabled": False,
}
"""Settings that the monitor's guarantees require. Faust also reads its environment, so they are checked at start."""


class FaustCrashedError(Exception):
    """A service inside Faust ended by itself; the log line before this one says why."""


class FaustSource:
    """Delivers the event log of the partitions that this process owns."""

    def __init__(self, settings: MonitorSettings, progress: Progress, listener: SourceListener) -> None:
        brokers = ";".join(f"kafka://{address}" for address in settings.kafka.split(","))
        self._settings = settings
        self._listener = listener
        self._app = BatchApp(
            settings.installation.group(CONSUMER_GROUP),
            broker=brokers,
            progress=progress,
            autodiscover=False,
            # Static member: a restart within the session timeout gets its partitions back without a rebalance.
            **({"consumer_group_instance_id": settings.member} if settings.member else {}),
            **FAUST_SETTINGS,
        )
        check_settings(self._app, FAUST_SETTINGS)
        self._app.on_partitions_revoked.connect(self._revoked)
        # Faust awaits this signal before the flow resumes. on_partitions_assigned comes too early to know the committed
        # offsets and too late to hold back batches.
        self._app.on_rebalance_complete.connect(self._assigned)
        events = self._app.topic(settings.installation.topic(EVENTS_TOPIC), schema=BatchSchema())
        self._app.agent(events, name="monitor", concurrency=1)(self._deliver)

    @property
    def _consumer(self) -> BatchConsumer:
        return cast("BatchConsumer", self._app.consumer)

    async def run(self) -> None:
        """Deliver until stopped. Raises FaustCrashedError if Faust gives up."""
        await self._app.start()
        await self._app.wait_until_stopped()
        if self._app.crashed:
            raise FaustCrashedError from self._app.crash_reason

    async def stop(self) -> None:
        """Finish the current batch, commit, leave the group. Raises TimeoutError after 20 s."""
        async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
            await self._app.stop()

    async def _deliver(self, stream: Any) -> None:  # noqa: ANN401  # a Faust stream of Batch
        async for batch in stream:
            # On any exception, cancellation included: while unwinding, Faust would acknowledge the batch and continue.
            with exit_on(BaseException):
                await self._listener.on_batch(batch)

    async def _assigned(self, *_: object, **__: object) -> None:
        generation = self._app.consumer_generation_id
        with exit_on(Exception):
            check_assignor(self._app, self._consumer.assignor())
        committed = await self._consumer.seek_to_committed() if self._consumer.assignment() else {}
        # Cancellation passes: nothing is owned yet if the monitor is stopped while it restores.
        with exit_on(Exception):
            await self._listener.on_assigned(generation, {tp.partition: offset for tp, offset in committed.items()})

    async def _revoked(self, *signalled: Any, **_: object) -> None:  # noqa: ANN401  # the app and a set of partitions
        with exit_on(Exception):
            await self._listener.on_revoked()
            # The set is empty before the first join, when the broker may still know the name of a process that died.
            if signalled[1]:
                settings = self._settings
                await check_not_fenced(settings.installation, settings.member, self._consumer.member_id())
