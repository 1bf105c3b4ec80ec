"""Faust's consumer, changed to deliver one message for each fetched partition and to commit our progress alone.

Faust acknowledges a message when the stream moves on, even after an exception, and derives the committed offsets from
that. Here acknowledgements only tell Faust when a stream is idle; offsets come from `Progress`, on every commit path.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from rx_monitor.adapters.kafka.record_copies import skip_record_copies
from rx_monitor.domain.progress import Progress
from rx_monitor.ports import Batch, EventRecord

_FETCH_MAX_WAIT_MS = 50
"""How long the broker holds a fetch that finds nothing. Faust's 1.5 s would be lost each time that

- a start or a rebalance makes Faust seek to the committed offsets, which drops the prefetched records: waiting events
  arrive only after the current fetch has ended,
- a partition runs dry while others, which have events here, are left out of the fetch.
"""

_WAIT_BESIDE_FULL_SECONDS = 0.02
"""How long to wait for partitions with room while another one is full. Nothing interrupts that wait when the full one
gets room again: with Faust's whole second, the monitor would idle for most of it."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's fetching thread."""

    async def on_start(self) -> None:
        """Start to fetch."""
        await super().on_start()
        consumer = self._ensure_consumer()
        skip_record_copies(consumer)
        consumer._fetcher._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001  # Faust has no setting for it


class BatchConsumer(driver.Consumer):
    """Yields whole batches: a message's offset is that of the last record, its value a `Batch`."""

    app: "BatchApp"

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  # Faust's own options
        super().__init__(*args, **options)
        self._room = asyncio.Event()

    def on_buffer_drop(self, tp: TP) -> None:
        """Wake `getmany`: the buffer of a partition takes batches again."""
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from these partitions again."""
        super().resume_partitions(tps)
        self._room.set()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's signature
        """Fetch once. Keeps Faust's checks of generation, flow and active partitions."""
        if self.flow_active and not self._get_active_partitions():
            # Faust would sleep for a second, in which the buffers run empty: half of the time of a busy monitor.
            self._room.clear()
            await self.wait_first(self._room.wait(), timeout=timeout)
            return
        fetched, active = await self._wait_next_records(
            min(timeout, _WAIT_BESIDE_FULL_SECONDS) if self._buffered_partitions else timeout
        )
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:
            # The fetched records are not delivered: read them again when the flow resumes.
            await self.perform_seek()
            return
        for tp, records in fetched.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                yield tp, self._message_of(tp, records, generation)

    def _message_of(self, tp: TP, records: Sequence[EventRecord], generation: int) -> ConsumerMessage:
        last = records[-1].offset
        batch = Batch(
            generation=generation, partition=tp.partition, records=records, end_offset=self.highwater(tp) or last + 1
        )
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=last,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=cast("Any", batch),  # BatchSchema passes it through
            checksum=None,
            tp=tp,
            generation_id=generation,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore the gap: one message stands for many offsets, so Faust sees one before every batch."""

    async def force_commit(self, topics: object = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  # Faust's signature
        """Commit our progress in the current generation and assignment; True if anything was committed."""
        self._acked.clear()
        self._acked_index.clear()
        generation = self.app.consumer_generation_id
        offsets = self.app.progress.uncommitted(generation)
        assigned = {tp: offsets[tp.partition] for tp in self.assignment() if tp.partition in offsets}
        if not assigned or not await self._commit(assigned):
            return False
        self.app.progress.mark_committed(generation, {tp.partition: offset for tp, offset in assigned.items()})
        return True

    def member_id(self) -> str:
        """Return the member id that the broker gave this process; empty while it is no member of the group."""
        return str(self._thread._ensure_consumer()._coordinator.member_id)  # noqa: SLF001  # not public in aiokafka

    def assignor(self) -> object:
        """Return the partition assignor that Faust gave to the client."""
        return self._thread._assignor  # noqa: SLF001  # not public in Faust


class BatchTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = BatchConsumer


class BatchSchema(faust.Schema[None, Batch]):
    """Passes a batch through: the handlers decode records."""

    def loads_key(self, *_: object, **__: object) -> None:
        """Return None: a batch has no key."""

    def loads_value(self, app: object, message: Any, **_: object) -> Batch:  # noqa: ANN401, ARG002  # Faust's signature
        """Return the batch itself."""
        return cast("Batch", message.value)


class NoTables(TableManager):
    """Faust's table manager for an app without tables."""

    async def on_start(self) -> None:
        """Let the consumer subscribe. Faust would first wait a second for tables to be added."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class BatchBoot(BootStrategy):
    """Starts neither Faust's producer, whose acknowledgements nobody can await, nor its web server."""

    enable_kafka_producer = False
    enable_web = False


class BatchApp(faust.App):
    """A Faust app on `BatchTransport`, with the progress that its consumer commits."""

    BootStrategy = BatchBoot

    def __init__(self, *args: Any, progress: Progress, **options: Any) -> None:  # noqa: ANN401  # Faust's own options
        self.progress = progress
        super().__init__(*args, TableManager=NoTables, **options)
        self.transport = BatchTransport(self.conf.broker_consumer, self)

    async def on_first_start(self) -> None:
        """Create no data directory: there are no tables."""
