"""A second source of batches, on plain aiokafka: the control of the fault tests, never a product.

What fails on Faust's source and on this one alike is no defect of Faust. It speaks to the same listener in the same
order as `rx_monitor.adapters.faust.source`, and commits from the same `Progress`.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from rx_monitor.adapters.faust.process_exit import exit_on
from rx_monitor.adapters.faust.source import FAUST_SETTINGS
from rx_monitor.domain.progress import Progress
from rx_monitor.ports import Batch, SourceListener
from rx_monitor.settings import CONSUMER_GROUP, EVENTS_TOPIC, MonitorSettings
from rx_runtime.kafka import clients

FETCH_MS = 200


class ControlSource(ConsumerRebalanceListener):
    """Delivers the event log of the partitions that this process owns."""

    def __init__(self, settings: MonitorSettings, progress: Progress, listener: SourceListener) -> None:
        self._settings = settings
        self._progress = progress
        self._listener = listener
        self._consumer = clients.new_consumer(
            settings.kafka,
            client_id="rx-monitor",
            group=settings.installation.group(CONSUMER_GROUP),
            member=settings.member,
        )
        self._consumer._session_timeout_ms = int(FAUST_SETTINGS["broker_session_timeout"] * 1000)
        self._consumer._heartbeat_interval_ms = int(FAUST_SETTINGS["broker_heartbeat_interval"] * 1000)
        self._owned = asyncio.Lock()  # held while a batch is in work: partitions change hands only between batches
        self._generation = -1
        self._stopping = asyncio.Event()
        self._work: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Deliver until stopped."""
        await clients.start(self._consumer, self._settings.kafka)
        self._consumer.subscribe([self._settings.installation.topic(EVENTS_TOPIC)], listener=self)
        self._work = asyncio.gather(self._fetch_and_deliver(), self._commit_regularly())
        await asyncio.shield(self._work)  # the service cancels this before it calls `stop`: a batch is never cut short

    async def stop(self) -> None:
        """Finish the batch in work, commit, leave the group."""
        self._stopping.set()
        if self._work:
            await self._work
        await self._commit()
        await self._consumer.stop()

    async def _fetch_and_deliver(self) -> None:
        while not self._stopping.is_set():
            most = FAUST_SETTINGS["broker_max_poll_records"]
            await self._deliver(await self._consumer.getmany(timeout_ms=FETCH_MS, max_records=most))

    async def _deliver(self, fetched: dict[TopicPartition, list[Any]]) -> None:
        for tp, records in fetched.items():
            async with self._owned:
                wanted = self._progress.positions().get(tp.partition)
                if wanted is None:  # fetched for another owner: after the next change of hands they come again
                    continue
                if records[0].offset != wanted:  # fetched before this assignment, or while it was under way
                    self._consumer.seek(tp, wanted)
                    continue
                end_offset = self._consumer.highwater(tp) or records[-1].offset + 1
                with exit_on(BaseException):
                    await self._listener.on_batch(Batch(self._generation, tp.partition, records, end_offset))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Own them from their committed offsets on."""
        async with self._owned:
            with exit_on(Exception):
                self._generation = self._consumer._coordinator.generation
                committed = {tp.partition: await self._consumer.committed(tp) for tp in assigned}
                await self._listener.on_assigned(self._generation, committed)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # all of them, always
        """Finish the batch in work, commit what is done, own nothing."""
        async with self._owned:
            with exit_on(Exception):
                await self._commit()
                self._generation = -1
                await self._listener.on_revoked()

    async def _commit_regularly(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(FAUST_SETTINGS["broker_commit_interval"])
            with exit_on(Exception):
                await self._commit()

    async def _commit(self) -> None:
        generation = self._generation
        if offsets := self._progress.uncommitted(generation):
            topic = self._settings.installation.topic(EVENTS_TOPIC)
            with suppress(CommitFailedError, IllegalStateError):  # the partitions have changed hands: nothing is lost
                await self._consumer.commit({TopicPartition(topic, n): offset for n, offset in offsets.items()})
                self._progress.mark_committed(generation, offsets)
