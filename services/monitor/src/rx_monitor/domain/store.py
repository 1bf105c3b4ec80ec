"""The state of the partitions this process owns, in memory. The changelog topic is its durable form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from rx_monitor.domain.patient import Pseudonym
from rx_monitor.domain.progress import NotOwnedError


class Tail:
    """The end of a partition that this process alone should write to."""

    def __init__(self, following: int = 0) -> None:
        self.following = following
        """Offset behind the last record that is known."""

    def passed(self, offsets: Iterable[int]) -> list[range]:
        """Go on behind our own records at these offsets; returns where records of somebody else stand before them."""
        foreign: list[range] = []
        for offset in sorted(offsets):
            if offset > self.following:
                foreign.append(range(self.following, offset))
            self.following = max(self.following, offset + 1)
        return foreign

    def reached(self, end: int) -> list[range]:
        """Go on to the end of the partition while nothing of ours is on its way; returns what stands before it."""
        foreign = [range(self.following, end)] if end > self.following else []
        self.following = max(self.following, end)
        return foreign


@dataclass(frozen=True, slots=True)
class Foreign:
    """Offsets of records that somebody else has written to the partitions of a store."""

    findings: list[range]
    states: list[range]

    def __bool__(self) -> bool:
        return bool(self.findings or self.states)


class PartitionStore:
    """Encoded state of each patient of one partition who has a relevant fact."""

    def __init__(
        self,
        patients: dict[Pseudonym, bytes],
        findings_tail: Tail | None = None,
        states_tail: Tail | None = None,
        unassessed: Iterable[Pseudonym] = (),
    ) -> None:
        self._patients = patients  # the caller's own: a copy would cost as much as it holds
        self.findings_tail = findings_tail or Tail()
        self.states_tail = states_tail or Tail()
        self._unassessed = dict.fromkeys(unassessed)  # in order, so that nobody waits for ever

    def __len__(self) -> int:
        return len(self._patients)

    def get(self, patient: Pseudonym) -> bytes | None:
        """Encoded state of a patient."""
        return self._patients.get(patient)

    def may_hold(self, patient: Pseudonym, key: bytes) -> bool:
        """False only if no revision of that event is held; a chance hit in the bytes costs a needless fold, no more."""
        encoded = self._patients.get(patient)
        return encoded is not None and key in encoded

    def put(self, patient: Pseudonym, encoded: bytes, *, is_assessed: bool = True) -> None:
        """Replace a patient's state: its record in the changelog is acknowledged."""
        self._patients[patient] = encoded
        if not is_assessed:
            self._unassessed[patient] = None
        elif self._unassessed:
            self._unassessed.pop(patient, None)

    @property
    def unassessed_count(self) -> int:
        """Patients whom our ruleset has not assessed yet."""
        return len(self._unassessed)

    def unassessed(self, limit: int) -> list[Pseudonym]:
        """At most `limit` of them."""
        return list(islice(self._unassessed, limit))


class Stores:
    """The stores that are ready, for one generation of the consumer group."""

    def __init__(self) -> None:
        self._generation = -1
        self._stores: dict[int, PartitionStore] = {}
        self._suspended: tuple[int, dict[int, PartitionStore]] = (-1, {})

    def ready(self, generation: int, stores: Mapping[int, PartitionStore]) -> None:
        """Serve these partitions from now on."""
        self._generation = generation
        self._stores = dict(stores)
        self._suspended = (-1, {})

    def suspend(self) -> None:
        """Serve nothing: another process may own the partitions now. What was held may still prove to be of use."""
        if self._stores:
            self._suspended = (self._generation, self._stores)
        self._generation = -1
        self._stores = {}

    def suspended(self, generation: int) -> Mapping[int, PartitionStore]:
        """What was held in the generation before this one; nobody else can have owned it in between."""
        held_in, stores = self._suspended
        return stores if held_in == generation - 1 else {}

    def owned(self) -> Mapping[int, PartitionStore]:
        """The stores that are served."""
        return self._stores

    def of(self, generation: int, partition: int) -> PartitionStore:
        """The store of a partition. Raises NotOwnedError unless it was restored in this very generation."""
        if generation != self._generation or partition not in self._stores:
            raise NotOwnedError(f"no restored state for partition {partition} in generation {generation}")
        return self._stores[partition]

    def unassessed_counts(self) -> dict[int, int]:
        """Patients whom our ruleset has not assessed yet, by partition."""
        return {number: store.unassessed_count for number, store in self._stores.items()}

    def patient_count(self) -> int:
        """Patients held over all partitions."""
        return sum(len(store) for store in self._stores.values())
