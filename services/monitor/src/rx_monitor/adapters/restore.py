"""State comes back: the changelog of the partitions that this process now owns, read to its end."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rx_runtime import kafka
from rx_runtime.logs import get_logger
from rx_runtime.metrics import counter, gauge

from rx_monitor.adapters.codec import position_of
from rx_monitor.adapters.outbox import send_all
from rx_monitor.domain.patient import Pseudonym
from rx_monitor.domain.store import PartitionStore, Tail
from rx_monitor.settings import MonitorSettings

_FETCH_TIMEOUT_MS = 500
_TELL_SECONDS = 2.0
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

    def __init__(self, settings: MonitorSettings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def restore(
        self, partitions: Iterable[int], held: Mapping[int, PartitionStore]
    ) -> Mapping[int, PartitionStore]:
        """The stores of these partitions up to the end offsets at the time of the call.

        A store in `held` is kept if its changelog ends where it ended for it: nobody has written since.
        """
        if not (numbers := list(partitions)):
            return {}
        consumer = kafka.new_consumer(self._settings.kafka, client_id="rx-monitor-restore")
        await kafka.start(consumer, self._settings.kafka)
        try:
            states = await self._ends(consumer, self._settings.state_topic, numbers)
            findings = await self._ends(consumer, self._settings.findings_topic, numbers)
            kept = {n: store for n, store in held.items() if n in numbers and store.states_tail.following == states[n]}
            restored = {number: _Restored() for number in numbers if number not in kept}
            await self._read(consumer, restored, states)
        finally:
            await consumer.stop()
        stores = dict(kept)
        for number, found in restored.items():
            await self._repair(number, found)
            # What was just written again stands behind this end: it will be looked at, and found to be as it should.
            stores[number] = PartitionStore(found.best, Tail(findings[number]), Tail(states[number]))
            counter("rx_monitor_restored_records_total").inc(found.records)
            log.info("restored", partition=number, records=found.records, patients=len(found.best))
        if kept:
            log.info("kept", partitions=sorted(kept))
        return stores

    async def _ends(self, consumer: AIOKafkaConsumer, topic: str, numbers: list[int]) -> dict[int, int]:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        return {tp.partition: end for tp, end in found.items()}

    async def _read(
        self, consumer: AIOKafkaConsumer, restored: Mapping[int, _Restored], ends: Mapping[int, int]
    ) -> None:
        pending = {TopicPartition(self._settings.state_topic, number) for number in restored}
        if not pending:
            return
        consumer.assign(pending)
        await consumer.seek_to_beginning(*pending)
        told = time.monotonic()
        # By position, not by the last record seen: compaction leaves offsets without a record.
        while left := {tp: n for tp in pending if (n := ends[tp.partition] - await consumer.position(tp)) > 0}:
            gauge("rx_monitor_restore_remaining_records").set(sum(left.values()))
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                log.info("restoring_on", remaining=sum(left.values()), of=sum(ends.values()))
            for tp, records in (await consumer.getmany(*left, timeout_ms=_FETCH_TIMEOUT_MS)).items():
                for record in records:
                    restored[tp.partition].add(Pseudonym(record.key), record.value)
        gauge("rx_monitor_restore_remaining_records").set(0)

    async def _repair(self, number: int, restored: _Restored) -> None:
        if overwritten := restored.overwritten():
            log.warning("changelog_repaired", partition=number, patients=len(overwritten))
            await send_all(self._producer, self._settings.state_topic, number, overwritten)
