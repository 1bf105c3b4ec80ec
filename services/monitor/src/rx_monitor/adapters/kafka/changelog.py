"""State comes back: the changelog of the partitions that this process now owns, read to its end."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge

from rx_monitor.adapters.kafka.outbox import send_all
from rx_monitor.adapters.kafka.record_copies import without_copies
from rx_monitor.adapters.protobuf.codec import stamp_of
from rx_monitor.domain.patient import Pseudonym, Stamp
from rx_monitor.domain.store import PartitionStore, Tail
from rx_monitor.settings import FINDINGS_TOPIC, STATE_TOPIC

_FETCH_TIMEOUT_MS = 500
_OLD_PACKING = b"\x0a"  # tag of field 1 of `PatientState`, where an earlier release kept the events
_TELL_SECONDS = 2.0
_FINDINGS_LOOKED_AT = 2_000
"""Newest finding sets of a partition that a new owner looks through, a few megabytes: what a paused process wrote
longer ago was found by the owner before, who looked every five seconds."""
log = get_logger()


class ChangelogBrokenError(Exception):
    """A record of the changelog is not one that this version writes: reading on would forget facts."""


@dataclass(slots=True)
class _Restored:
    """Of each patient the highest state of our build."""

    build: int
    ruleset_seq: int
    best: dict[Pseudonym, bytes] = field(default_factory=dict)
    overtaken: set[Pseudonym] = field(default_factory=set)  # behind whose best a lower record stands
    unassessed: dict[Pseudonym, None] = field(default_factory=dict)  # in the order in which they were met
    records: int = 0

    def add(self, name: Pseudonym, encoded: bytes | None) -> None:
        if encoded is None:
            raise ChangelogBrokenError("the changelog holds a tombstone")
        self.records += 1
        stamp = stamp_of(encoded)
        self._check(stamp, encoded)
        best = self.best.get(name)
        if best is not None and stamp < stamp_of(best):
            self.overtaken.add(name)
            return
        self.overtaken.discard(name)
        if stamp.build == self.build:
            self.best[name] = encoded
            if stamp.ruleset_seq != self.ruleset_seq:
                self.unassessed[name] = None
            else:
                self.unassessed.pop(name, None)

    def _check(self, stamp: Stamp, encoded: bytes) -> None:
        """Raise RefusedToRun where somebody newer than this process has written, or somebody who packed otherwise."""
        if stamp.ruleset_seq > self.ruleset_seq:
            raise older_ruleset(ours=self.ruleset_seq, theirs=stamp.ruleset_seq)
        if stamp.build == self.build and encoded.startswith(_OLD_PACKING):
            raise RefusedToRun(
                "STATE_OLD",
                "an earlier release wrote the state and packed its events in another way: stop all monitors and run "
                "`rxguard monitor rebuild`",
            )

    def overwritten(self) -> list[tuple[Pseudonym, bytes]]:
        """Patients whose last record is a lower one: a former owner, paused and back, appended it.

        Compaction would keep that one, so the best is due to be written again.
        """
        return [(name, self.best[name]) for name in sorted(self.overtaken)]

    def store(self, findings_tail: Tail, states_tail: Tail) -> PartitionStore:
        return PartitionStore(self.best, findings_tail, states_tail, self.unassessed)


def older_ruleset(*, ours: int, theirs: int) -> RefusedToRun:
    """What a monitor refuses with where a newer ruleset has already decided."""
    return RefusedToRun(
        "RULESET_OLDER",
        f"this monitor has ruleset {ours}, the state was written with ruleset {theirs}: start the newer release; to go "
        "back to this one, stop all monitors and run `rxguard monitor rebuild`",
    )


class StateChangelog:
    """Reads `rx.monitor-state.v1`, and repairs it where the last record of a patient is not the highest."""

    def __init__(
        self, installation: Installation, producer: AIOKafkaProducer, *, topic_id: str, build: int, ruleset_seq: int
    ) -> None:
        self._installation = installation
        self._producer = producer
        self._topic_id = topic_id
        self._build = build
        self._ruleset_seq = ruleset_seq

    async def restore(
        self, partitions: Iterable[int], held: Mapping[int, PartitionStore]
    ) -> Mapping[int, PartitionStore]:
        """The stores of these partitions up to the end offsets at the time of the call.

        A store in `held` is kept if its changelog ends where it ended for it: nobody has written since. Records of an
        earlier build are passed over. Raises RefusedToRun STATE_REBUILT or RULESET_OLDER.
        """
        if not (numbers := list(partitions)):
            return {}
        await self._check_topic()
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-restore")
        await clients.start(consumer, self._installation.kafka)
        try:
            states = await self._ends(consumer, self._installation.topic(STATE_TOPIC), numbers)
            findings = await self._ends(consumer, self._installation.topic(FINDINGS_TOPIC), numbers)
            kept = {n: store for n, store in held.items() if n in numbers and store.states_tail.following == states[n]}
            restored = {number: _Restored(self._build, self._ruleset_seq) for number in numbers if number not in kept}
            without_copies(consumer)
            await self._read(consumer, restored, states)
        finally:
            await consumer.stop()
        stores = dict(kept)
        for number, found in restored.items():
            await self._repair(number, found)
            # What was just written again stands behind this end: it will be looked at, and found to be as it should.
            # So will the newest findings: a former owner may have written there before this one restored.
            looked_at = max(0, findings[number] - _FINDINGS_LOOKED_AT)
            stores[number] = found.store(Tail(looked_at), Tail(states[number]))
            counter("rx_monitor_restored_records_total").inc(found.records)
            log.info("restored", partition=number, records=found.records, patients=len(found.best))
        if kept:
            log.info("kept", partitions=sorted(kept))
        return stores

    async def _check_topic(self) -> None:
        """A rebuild makes the topic anew, and may have begun after this process looked at it for the first time."""
        topic = self._installation.topic(STATE_TOPIC)
        if (await identities(self._installation.kafka, [topic]))[topic].topic_id != self._topic_id:
            raise RefusedToRun(
                "STATE_REBUILT", "the state has been cleared since this monitor started; start the monitor again"
            )

    async def _ends(self, consumer: AIOKafkaConsumer, topic: str, numbers: list[int]) -> dict[int, int]:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        return {tp.partition: end for tp, end in found.items()}

    async def _read(
        self, consumer: AIOKafkaConsumer, restored: Mapping[int, _Restored], ends: Mapping[int, int]
    ) -> None:
        pending = {TopicPartition(self._installation.topic(STATE_TOPIC), number) for number in restored}
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
                    restored[tp.partition].add(record.key, record.value)
        gauge("rx_monitor_restore_remaining_records").set(0)

    async def _repair(self, number: int, restored: _Restored) -> None:
        if overwritten := restored.overwritten():
            log.warning("changelog_repaired", partition=number, patients=len(overwritten))
            await send_all(self._producer, self._installation.topic(STATE_TOPIC), number, overwritten)
