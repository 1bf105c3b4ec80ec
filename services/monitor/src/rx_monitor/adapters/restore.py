"""State comes back: the changelog of the partitions that this process now owns, read to its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer, TopicPartition
from rx_runtime import kafka
from rx_runtime.logs import get_logger
from rx_runtime.metrics import counter

from rx_monitor.adapters.codec import position_of
from rx_monitor.adapters.outbox import send_all
from rx_monitor.domain.patient import Pseudonym
from rx_monitor.domain.store import PartitionStore

_FETCH_TIMEOUT_MS = 500
log = get_logger()


class ChangelogBrokenError(Exception):
    """A record of the changelog is not one that this version writes: reading on would forget facts."""


@dataclass(slots=True)
class _Restored:
    """Of each patient the state with the highest position, and the position of the record that stands last."""

    best: dict[Pseudonym, bytes] = field(default_factory=dict)
    best_position: dict[Pseudonym, int] = field(default_factory=dict)
    last_position: dict[Pseudonym, int] = field(default_factory=dict)
    records: int = 0

    def add(self, name: Pseudonym, encoded: bytes | None) -> None:
        if encoded is None:
            raise ChangelogBrokenError("the changelog holds a tombstone")
        self.records += 1
        position = position_of(encoded)
        self.last_position[name] = position
        if position >= self.best_position.get(name, -1):
            self.best[name] = encoded
            self.best_position[name] = position

    def overwritten(self) -> list[tuple[Pseudonym, bytes]]:
        """Patients whose last record is an older one: a former owner, paused and back, appended it.

        Compaction would keep that one, so the best is due to be written again.
        """
        return [(name, self.best[name]) for name, last in self.last_position.items() if last < self.best_position[name]]


class StateChangelog:
    """Reads `rx.monitor-state.v1`, and repairs it where the last record of a patient is not the highest."""

    def __init__(self, bootstrap: str, topic: str, producer: AIOKafkaProducer) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._producer = producer

    async def restore(self, partitions: Iterable[int]) -> Mapping[int, PartitionStore]:
        """The stores of these partitions up to the end offsets at the time of the call."""
        restored = {number: _Restored() for number in partitions}
        if restored:
            await self._read(restored)
        for number, found in restored.items():
            await self._repair(number, found)
            counter("rx_monitor_restored_records_total").inc(found.records)
            log.info("restored", partition=number, records=found.records, patients=len(found.best))
        return {number: PartitionStore(found.best) for number, found in restored.items()}

    async def _read(self, restored: Mapping[int, _Restored]) -> None:
        consumer = kafka.new_consumer(self._bootstrap, client_id="rx-monitor-restore")
        await kafka.start(consumer, self._bootstrap)
        try:
            pending = {TopicPartition(self._topic, number) for number in restored}
            consumer.assign(pending)
            ends = await consumer.end_offsets(pending)
            await consumer.seek_to_beginning(*pending)
            # By position, not by the last record seen: compaction leaves offsets without a record.
            while pending := {tp for tp in pending if await consumer.position(tp) < ends[tp]}:
                for tp, records in (await consumer.getmany(*pending, timeout_ms=_FETCH_TIMEOUT_MS)).items():
                    for record in records:
                        restored[tp.partition].add(Pseudonym(record.key), record.value)
        finally:
            await consumer.stop()

    async def _repair(self, number: int, restored: _Restored) -> None:
        if overwritten := restored.overwritten():
            log.warning("changelog_repaired", partition=number, patients=len(overwritten))
            await send_all(self._producer, self._topic, number, overwritten)
