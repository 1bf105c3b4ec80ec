"""What the handlers need from the outside world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rx_monitor.domain.decide import Assessor
from rx_monitor.domain.patient import HeldEvent, Patient, Pseudonym, Stamp
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import Rebuilds
from rx_monitor.domain.store import PartitionStore, Stores


class EventRecord(Protocol):
    """A record of the event log."""

    @property
    def offset(self) -> int:
        """Place in the partition, 0 or more."""

    @property
    def key(self) -> Pseudonym:
        """Whose event it is."""

    @property
    def value(self) -> bytes:
        """The encoded event."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """`rx-class`, `rx-event-key` and `rx-ruleset`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in the order of the log, at least one, none left out."""

    generation: int
    partition: int
    records: Sequence[EventRecord]
    log_end: int  # offset behind the newest record of the partition, as last heard from the broker

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def following(self) -> int:
        """Offset behind the last record."""
        return self.records[-1].offset + 1


class Codec(Protocol):
    """Encoded bytes to what the domain works with, and back."""

    def event(self, record: EventRecord) -> HeldEvent:
        """The event of a record. Raises ValueError if the contract of the topic is broken."""

    def patient(self, encoded: bytes) -> Patient:
        """The patient of an encoded state."""

    def encode(self, patient: Patient) -> bytes:
        """The encoded state of a patient."""

    def stamp(self, encoded: bytes) -> Stamp:
        """What orders an encoded state among those of its patient."""


class Relevance(Protocol):
    """Whether an event that its headers call irrelevant is so by our tables too."""

    @property
    def trusted(self) -> frozenset[bytes]:
        """Values of the header `rx-ruleset` whose word holds for our tables."""

    def concerns(self, value: bytes) -> bool:
        """True if an encoded event must be read, told from its codes."""


Output = Iterable[tuple[Pseudonym, bytes]]


class Outbox(Protocol):
    """Where results go, to the same partition number as their input."""

    async def findings(self, partition: int, records: Output) -> Sequence[int]:
        """Their offsets, once every record is acknowledged; raises if one is not."""

    async def states(self, partition: int, records: Output) -> Sequence[int]:
        """Their offsets, once every record is acknowledged; raises if one is not."""


Place = tuple[int, int, int]
"""What orders the finding sets of a patient: build, ruleset_seq, position."""


class WrittenSet(NamedTuple):
    """A finding set in its topic."""

    patient: Pseudonym
    place: Place
    content_hash: bytes  # as in FindingSet


class Written(Protocol):
    """What stands in the output topics, whoever wrote it."""

    async def findings(self, partition: int, offsets: Iterable[range]) -> list[WrittenSet]:
        """The finding sets at these offsets, in the order of the log."""

    async def states(self, partition: int, offsets: Iterable[range]) -> list[tuple[Pseudonym, Stamp]]:
        """Patient and stamp of the states at these offsets."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the handlers work with."""

    codec: Codec
    relevance: Relevance
    assess: Assessor
    ruleset_seq: int  # of the catalogue that `assess` uses
    build: int  # of the state that is gone on with
    outbox: Outbox
    written: Written
    stores: Stores
    progress: Progress
    rebuilds: Rebuilds
    max_record_bytes: int


class Changelog(Protocol):
    """The durable form of the state."""

    async def restore(
        self, partitions: Iterable[int], held: Mapping[int, PartitionStore]
    ) -> Mapping[int, PartitionStore]:
        """The stores of these partitions; those in `held` to which nobody has added since are kept as they are.

        Raises if one cannot be read to its end.
        """


class ProgressLog(Protocol):
    """Where the monitor tells the others how far it has come."""

    def advanced(self) -> None:
        """Have a report written soon."""

    async def report(self) -> None:
        """Write a report now; returns when it is acknowledged."""


class Health(Protocol):
    """What probes are answered with."""

    async def set_ready(self, ready: bool) -> None:  # noqa: FBT001  # a state, not an option
        """Whether everything owned is being assessed."""

    async def set_live(self, live: bool) -> None:  # noqa: FBT001  # as above
        """Whether it gets on; if not, a restart is due."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Offsets behind the newest record of one partition number in each topic."""

    events: int
    findings: int
    states: int


class SourceListener(Protocol):
    """What a source of batches tells, and in which order: assigned, batches, revoked, assigned, ..."""

    async def assigned(self, generation: int, committed: Mapping[int, int | None]) -> None:
        """These partitions are owned in `generation`; batches follow from the committed offsets on."""

    async def batch(self, batch: Batch) -> None:
        """Take one batch; the next comes when this one is done."""

    async def revoked(self) -> None:
        """Nothing is owned any more."""
