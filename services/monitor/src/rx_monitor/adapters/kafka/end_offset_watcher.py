"""Looks at the topics from outside of the group: what waits, and what somebody else has written where we write."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pharmacy.events.v1.finding_pb2 import FindingSet
from rx_contracts.wire import finding_messages
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients
from rx_runtime.telemetry.logs import get_logger

from rx_monitor.adapters.protobuf.codec import stamp_of
from rx_monitor.domain.patient import Pseudonym, Stamp
from rx_monitor.ports import Ends, WrittenSet
from rx_monitor.settings import EVENTS_TOPIC, FINDINGS_TOPIC, STATE_TOPIC

LOOK_SECONDS = 5.0
_FETCH_TIMEOUT_MS = 500
log = get_logger()


class LogWatch:
    """The ends of the partitions that this process owns, told every five seconds."""

    def __init__(
        self,
        installation: Installation,
        owned: Callable[[], Iterable[int]],
        tell: Callable[[Mapping[int, Ends]], Awaitable[None]],
    ) -> None:
        self._installation = installation
        self._owned = owned
        self._tell = tell

    async def run(self) -> None:
        """Look for the life of the process; a look that the broker does not answer is left out."""
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-watch")
        await clients.start(consumer, self._installation.kafka)
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        ends = await self._ends(consumer)
                except (KafkaError, TimeoutError):
                    continue
                await self._tell(ends)
        finally:
            await consumer.stop()

    async def _ends(self, consumer: AIOKafkaConsumer) -> dict[int, Ends]:
        topics = [self._installation.topic(name) for name in (EVENTS_TOPIC, FINDINGS_TOPIC, STATE_TOPIC)]
        numbers = sorted(self._owned())
        found = await consumer.end_offsets([TopicPartition(topic, number) for topic in topics for number in numbers])
        return {number: Ends(*(found[TopicPartition(topic, number)] for topic in topics)) for number in numbers}


class WrittenRecords:
    """Reads single stretches of the output topics."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def findings(self, partition: int, offsets: Iterable[range]) -> list[WrittenSet]:
        """The finding sets at these offsets, in the order of the log."""
        values = await self._read(TopicPartition(self._installation.topic(FINDINGS_TOPIC), partition), offsets)
        return [_written(FindingSet.FromString(value)) for _, value in values]

    async def states(self, partition: int, offsets: Iterable[range]) -> list[tuple[Pseudonym, Stamp]]:
        """Patient and stamp of the states at these offsets."""
        values = await self._read(TopicPartition(self._installation.topic(STATE_TOPIC), partition), offsets)
        return [(Pseudonym(key), stamp_of(value)) for key, value in values]

    async def _read(self, tp: TopicPartition, offsets: Iterable[range]) -> list[tuple[bytes, bytes]]:
        if not (stretches := list(offsets)):
            return []
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-mend")
        await clients.start(consumer, self._installation.kafka)
        found: list[tuple[bytes, bytes]] = []
        try:
            consumer.assign([tp])
            for stretch in stretches:
                consumer.seek(tp, stretch.start)
                # By position: compaction leaves offsets without a record.
                while await consumer.position(tp) < stretch.stop:
                    records = (await consumer.getmany(tp, timeout_ms=_FETCH_TIMEOUT_MS)).get(tp, [])
                    found += [(one.key, one.value) for one in records if one.offset in stretch and one.value]
        finally:
            await consumer.stop()
        return found


def _written(one: FindingSet) -> WrittenSet:
    return WrittenSet(
        Pseudonym(one.patient), finding_messages.finding_set_version(one), finding_messages.finding_set_hash(one)
    )
