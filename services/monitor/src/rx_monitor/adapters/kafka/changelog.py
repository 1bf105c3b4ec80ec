"""Restores the state of assigned partitions from the changelog topic `rx.monitor-state.v1`."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import StateVersion
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge

from rx_monitor.adapters.kafka.outbox import append_all
from rx_monitor.adapters.kafka.record_copies import skip_record_copies
from rx_monitor.adapters.protobuf.codec import state_version
from rx_monitor.domain.store import OutputTail, PartitionStore
from rx_monitor.settings import FINDINGS_TOPIC, STATE_TOPIC

_FETCH_TIMEOUT_MS = 500
_OLD_PACKING = b"\x0a"  # tag of field 1 of `PatientState`, where an earlier release stored the events
_LOG_INTERVAL_SECONDS = 2.0
_FINDINGS_TO_CHECK = 2_000
"""Newest finding sets of a partition that a new owner checks for stale writes, a few megabytes. Older ones were checked
by the owner before, which polled the end offsets every five seconds."""
log = get_logger()


class ChangelogBrokenError(Exception):
    """A changelog record is not one that this version writes: reading on would lose facts."""


@dataclass(slots=True)
class _RestoredStates:
    """The state of the highest version of each patient, within one state epoch."""

    state_epoch: int
    ruleset_seq: int
    best: dict[Pseudonym, bytes] = field(default_factory=dict)
    overtaken: set[Pseudonym] = field(default_factory=set)  # patients whose last record is a lower version
    unassessed: dict[Pseudonym, None] = field(default_factory=dict)  # ordered
    records: int = 0

    def add(self, name: Pseudonym, encoded: bytes | None) -> None:
        """Add the next record of the changelog. Raises ChangelogBrokenError or RefusedToRun."""
        if encoded is None:
            raise ChangelogBrokenError("the changelog holds a tombstone")
        self.records += 1
        version = state_version(encoded)
        self._check(version, encoded)
        best = self.best.get(name)
        if best is not None and version < state_version(best):
            self.overtaken.add(name)
            return
        self.overtaken.discard(name)
        if version.state_epoch == self.state_epoch:
            self.best[name] = encoded
            if version.ruleset_seq != self.ruleset_seq:
                self.unassessed[name] = None
            else:
                self.unassessed.pop(name, None)

    def _check(self, version: StateVersion, encoded: bytes) -> None:
        """Raise RefusedToRun if a newer release wrote the record, or one with another packing in our epoch."""
        if version.ruleset_seq > self.ruleset_seq:
            raise older_ruleset(ours=self.ruleset_seq, theirs=version.ruleset_seq)
        if version.state_epoch == self.state_epoch and encoded.startswith(_OLD_PACKING):
            raise RefusedToRun(
                "STATE_OLD",
                "an earlier release wrote the state and packed its events in another way: stop all monitors and run "
                "`rxguard monitor rebuild`",
            )

    def overwritten(self) -> list[tuple[Pseudonym, bytes]]:
        """Return the best states that a stale write follows: compaction would keep the stale one."""
        return [(name, self.best[name]) for name in sorted(self.overtaken)]

    def store(self, findings_tail: OutputTail, states_tail: OutputTail) -> PartitionStore:
        """Return the store of the partition; it takes over the dictionaries."""
        return PartitionStore(self.best, findings_tail, states_tail, self.unassessed)


def older_ruleset(*, ours: int, theirs: int) -> RefusedToRun:
    """Return the refusal of a monitor whose ruleset is older than that of the state."""
    return RefusedToRun(
        "RULESET_OLDER",
        f"this monitor has ruleset {ours}, the state was written with ruleset {theirs}: start the newer release; to go "
        "back to this one, stop all monitors and run `rxguard monitor rebuild`",
    )


class StateChangelog:
    """Restores stores, and repairs stale writes that hide a patient's highest version from compaction."""

    def __init__(
        self,
        installation: Installation,
        producer: AIOKafkaProducer,
        *,
        topic_id: str,
        state_epoch: int,
        ruleset_seq: int,
    ) -> None:
        self._installation = installation
        self._state_topic = installation.topic(STATE_TOPIC)
        self._findings_topic = installation.topic(FINDINGS_TOPIC)
        self._producer = producer
        self._topic_id = topic_id
        self._state_epoch = state_epoch
        self._ruleset_seq = ruleset_seq

    async def restore(
        self, partitions: Iterable[int], suspended: Mapping[int, PartitionStore]
    ) -> Mapping[int, PartitionStore]:
        """See Changelog. Ignores records of an earlier epoch.

        Raises RefusedToRun STATE_REBUILT, RULESET_OLDER or STATE_OLD, and ChangelogBrokenError.
        """
        if not (numbers := list(partitions)):
            return {}
        await self._check_topic()
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-restore")
        await clients.start(consumer, self._installation.kafka)
        try:
            states = await self._end_offsets(consumer, self._state_topic, numbers)
            findings = await self._end_offsets(consumer, self._findings_topic, numbers)
            kept = {
                number: store
                for number, store in suspended.items()
                if number in numbers and store.states_tail.next_offset == states[number]
            }
            restored = {
                number: _RestoredStates(self._state_epoch, self._ruleset_seq)
                for number in numbers
                if number not in kept
            }
            skip_record_copies(consumer)
            await self._read(consumer, restored, states)
        finally:
            await consumer.stop()
        stores = dict(kept)
        for number, found in restored.items():
            await self._rewrite_overwritten(number, found)
            # States rewritten just now lie behind this end, and so may findings of the former owner: the first poll of
            # the end offsets checks them all.
            checked_to = max(0, findings[number] - _FINDINGS_TO_CHECK)
            stores[number] = found.store(OutputTail(checked_to), OutputTail(states[number]))
            counter("rx_monitor_restored_records_total").inc(found.records)
            log.info("restored", partition=number, records=found.records, patients=len(found.best))
        if kept:
            log.info("kept", partitions=sorted(kept))
        return stores

    async def _check_topic(self) -> None:
        """Raise RefusedToRun STATE_REBUILT if a rebuild has recreated the topic since this process started."""
        found = await identities(self._installation.kafka, [self._state_topic])
        if found[self._state_topic].topic_id != self._topic_id:
            raise RefusedToRun(
                "STATE_REBUILT", "the state has been cleared since this monitor started; start the monitor again"
            )

    async def _end_offsets(self, consumer: AIOKafkaConsumer, topic: str, numbers: list[int]) -> dict[int, int]:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        return {tp.partition: end for tp, end in ends.items()}

    async def _read(
        self, consumer: AIOKafkaConsumer, restored: Mapping[int, _RestoredStates], ends: Mapping[int, int]
    ) -> None:
        """Read each partition of the changelog up to its end offset."""
        pending = {TopicPartition(self._state_topic, number) for number in restored}
        if not pending:
            return
        consumer.assign(pending)
        await consumer.seek_to_beginning(*pending)
        logged = time.monotonic()
        # By position, not by the last record: compaction leaves offsets without a record.
        while left := {tp: n for tp in pending if (n := ends[tp.partition] - await consumer.position(tp)) > 0}:
            gauge("rx_monitor_restore_remaining_records").set(sum(left.values()))
            if time.monotonic() - logged > _LOG_INTERVAL_SECONDS:
                logged = time.monotonic()
                log.info("restoring_on", remaining=sum(left.values()), of=sum(ends.values()))
            for tp, records in (await consumer.getmany(*left, timeout_ms=_FETCH_TIMEOUT_MS)).items():
                for record in records:
                    restored[tp.partition].add(record.key, record.value)
        gauge("rx_monitor_restore_remaining_records").set(0)

    async def _rewrite_overwritten(self, number: int, restored: _RestoredStates) -> None:
        if overwritten := restored.overwritten():
            log.warning("changelog_repaired", partition=number, patients=len(overwritten))
            await append_all(self._producer, self._state_topic, number, overwritten)
