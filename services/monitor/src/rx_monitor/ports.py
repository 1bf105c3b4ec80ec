"""What the handlers and the lifecycle need from the outside world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion, StateVersion

from rx_monitor.domain.decide import Assessor
from rx_monitor.domain.patient import EventRevision, Patient
from rx_monitor.domain.store import PartitionStore


class EventRecord(Protocol):
    """A record of the event log."""

    @property
    def offset(self) -> int:
        """Offset in the partition, from 0."""

    @property
    def key(self) -> Pseudonym:
        """Patient of the event."""

    @property
    def value(self) -> bytes:
        """Encoded event."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Kafka headers: `rx-class`, `rx-event-key` and `rx-ruleset`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition in log order, at least one."""

    generation: int
    """Consumer generation in which the records were fetched."""
    partition: int
    records: Sequence[EventRecord]
    end_offset: int
    """Offset after the newest record of the partition, as last reported by the broker."""

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def next_offset(self) -> int:
        """Offset after the last record."""
        return self.records[-1].offset + 1


class Codec(Protocol):
    """Encodes and decodes events and states. Pure; never blocks."""

    def decode_event(self, record: EventRecord) -> EventRevision:
        """Decode the event of a record. Raises ValueError if the record breaks the contract of the topic."""

    def decode_state(self, encoded: bytes) -> Patient:
        """Decode the state of a patient."""

    def encode_state(self, patient: Patient) -> bytes:
        """Encode the state of a patient; equal patients give equal bytes."""

    def state_version(self, encoded: bytes) -> StateVersion:
        """Return the version of an encoded state."""

    def may_hold(self, encoded: bytes, key: bytes) -> bool:
        """Return False only if the encoded state holds no revision of the event `key`. Decodes nothing.

        May return True needlessly: that costs one fold.
        """


class Relevance(Protocol):
    """Decides whether an event that its headers call irrelevant is irrelevant by our tables too."""

    @property
    def trusted_rulesets(self) -> frozenset[bytes]:
        """Values of the header `rx-ruleset` whose classification holds for our tables."""

    def concerns_rules(self, value: bytes) -> bool:
        """Return False only if the codes of an encoded event concern no rule."""


OutputRecords = Iterable[tuple[Pseudonym, bytes]]


class Outbox(Protocol):
    """Appends outputs to the partition number of their input. Acknowledged means replicated as the topic demands."""

    @property
    def max_record_bytes(self) -> int:
        """Largest value of a record that may be appended."""

    async def publish_findings(self, partition: int, records: OutputRecords) -> Sequence[int]:
        """Append finding sets in this order; return their offsets when the broker has acknowledged all of them.

        Raises if one is not acknowledged; others may then be in the log. Cancelled, the same holds.
        """

    async def write_states(self, partition: int, records: OutputRecords) -> Sequence[int]:
        """Append states to the changelog, otherwise like `publish_findings`."""


class PublishedSet(NamedTuple):
    """A finding set, as read from its topic."""

    patient: Pseudonym
    version: FindingSetVersion
    content_hash: bytes  # as in EncodedFindings


class OutputLog(Protocol):
    """Reads the output topics, whoever wrote the records. Blocks until the broker has delivered the ranges."""

    async def read_findings(self, partition: int, offsets: Iterable[range]) -> list[PublishedSet]:
        """Return the finding sets at these offsets, in log order; compacted offsets are absent."""

    async def read_states(self, partition: int, offsets: Iterable[range]) -> list[tuple[Pseudonym, StateVersion]]:
        """Return patient and version of the states at these offsets, in log order; compacted offsets are absent."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that handlers use."""

    codec: Codec
    relevance: Relevance
    assess: Assessor
    outbox: Outbox
    output_log: OutputLog


class Changelog(Protocol):
    """The durable form of the state."""

    async def restore(
        self, partitions: Iterable[int], suspended: Mapping[int, PartitionStore]
    ) -> Mapping[int, PartitionStore]:
        """Return the stores of these partitions, read up to the end offsets at the time of the call.

        Keeps a store in `suspended` if nobody has appended to its changelog since. Takes seconds to minutes; may be
        cancelled. Raises if a changelog cannot be read to its end.
        """


class ProgressLog(Protocol):
    """Reports the progress of partitions to other services."""

    def mark_dirty(self) -> None:
        """Request a report soon. Never blocks."""

    async def report(self) -> None:
        """Write a report; return when the broker has acknowledged it."""


class Health(Protocol):
    """Answers to health probes."""

    async def set_ready(self, ready: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Set whether every owned partition is being assessed."""

    async def set_live(self, live: bool) -> None:  # noqa: FBT001  # as above
        """Set whether the process makes progress; if not, a restart is due."""


@dataclass(frozen=True, slots=True)
class EndOffsets:
    """Offsets after the newest record of one partition number in each topic."""

    events: int
    findings: int
    states: int


class SourceListener(Protocol):
    """Receives batches from a source, in this order: on_assigned, on_batch (one at a time), on_revoked, and again.

    Only `on_revoked` may overlap with another call, with an `on_assigned` that restores. An exception from any call
    must end the process, as must a cancelled `on_batch`: otherwise the source would commit past the batch.
    `on_assigned` may be cancelled; nothing is owned then.
    """

    async def on_assigned(self, generation: int, committed: Mapping[int, int | None]) -> None:
        """Own these partitions in `generation`, restore their state; batches follow from the committed offsets."""

    async def on_batch(self, batch: Batch) -> None:
        """Process one batch to its end; the next comes after this call returns."""

    async def on_revoked(self) -> None:
        """Own nothing: another process may write to the partitions from now on."""
