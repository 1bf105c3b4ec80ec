"""The state of the owned partitions, in memory. The changelog topic is its durable form."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from rx_contracts.ids import Pseudonym

from rx_monitor.domain.progress import NotOwnedError


class OutputTail:
    """The end of an output partition, as far as this process has followed it.

    Only the owner of a partition appends to it. A gap between acknowledged offsets thus holds records of another
    producer: a former owner that was paused and has not noticed the rebalance.
    """

    def __init__(self, next_offset: int = 0) -> None:
        self.next_offset = next_offset
        """Offset after the last record that is accounted for."""

    def advance(self, offsets: Iterable[int]) -> list[range]:
        """Move past our acknowledged offsets. Returns the gaps, that is, offset ranges written by another producer."""
        gaps: list[range] = []
        for offset in sorted(offsets):
            if offset > self.next_offset:
                gaps.append(range(self.next_offset, offset))
            self.next_offset = max(self.next_offset, offset + 1)
        return gaps

    def advance_to_end(self, end_offset: int) -> list[range]:
        """Move to the end of the partition while none of our records is in flight. Returns the gap, if any."""
        gaps = [range(self.next_offset, end_offset)] if end_offset > self.next_offset else []
        self.next_offset = max(self.next_offset, end_offset)
        return gaps


@dataclass(frozen=True, slots=True)
class ForeignWrites:
    """Offsets at which another producer has written to the output partitions of a store."""

    findings: list[range]
    states: list[range]

    def __bool__(self) -> bool:
        return bool(self.findings or self.states)


class PartitionStore:
    """Encoded state of each patient of one partition who has a relevant fact, and the ends of its output partitions."""

    def __init__(
        self,
        patients: dict[Pseudonym, bytes],
        findings_tail: OutputTail | None = None,
        states_tail: OutputTail | None = None,
        unassessed: Iterable[Pseudonym] = (),
    ) -> None:
        self._patients = patients  # not copied: a copy would double the memory of a restore
        self.get: Callable[[Pseudonym], bytes | None] = patients.get
        """Return the encoded state of a patient; None if no fact is stored. A bound method: every record asks."""
        self.findings_tail = findings_tail or OutputTail()
        self.states_tail = states_tail or OutputTail()
        self._unassessed = dict.fromkeys(unassessed)  # ordered, so that nobody starves

    def __len__(self) -> int:
        return len(self._patients)

    def put(self, patient: Pseudonym, encoded: bytes, *, is_assessed: bool = True) -> None:
        """Replace a patient's state. Call only after the changelog has acknowledged its record."""
        self._patients[patient] = encoded
        if not is_assessed:
            self._unassessed[patient] = None
        elif self._unassessed:
            self._unassessed.pop(patient, None)

    @property
    def unassessed_count(self) -> int:
        """Patients whom the ruleset in use has not assessed yet."""
        return len(self._unassessed)

    def unassessed(self, limit: int) -> list[Pseudonym]:
        """Return at most `limit` patients whom the ruleset in use has not assessed yet, longest waiting first."""
        return list(islice(self._unassessed, limit))


class Stores:
    """The restored stores of one consumer generation."""

    def __init__(self) -> None:
        self._generation = -1
        self._stores: dict[int, PartitionStore] = {}
        self._suspended: tuple[int, dict[int, PartitionStore]] = (-1, {})

    def activate(self, generation: int, stores: Mapping[int, PartitionStore]) -> None:
        """Serve these partitions in `generation`."""
        self._generation = generation
        self._stores = dict(stores)
        self._suspended = (-1, {})

    def suspend(self) -> None:
        """Serve nothing (partitions are revoked). Keep the stores for reuse in the next generation."""
        if self._stores:
            self._suspended = (self._generation, self._stores)
        self._generation = -1
        self._stores = {}

    def suspended(self, generation: int) -> Mapping[int, PartitionStore]:
        """Return the stores of the generation directly before; nobody else can have owned their partitions between."""
        suspended_in, stores = self._suspended
        return stores if suspended_in == generation - 1 else {}

    def owned(self) -> Mapping[int, PartitionStore]:
        """Return the stores that are served, by partition."""
        return self._stores

    def of(self, generation: int, partition: int) -> PartitionStore:
        """Return the store of a partition. Raises NotOwnedError unless it was restored in this generation."""
        if generation != self._generation or partition not in self._stores:
            raise NotOwnedError(f"no restored state for partition {partition} in generation {generation}")
        return self._stores[partition]

    def unassessed_counts(self) -> dict[int, int]:
        """Return the number of patients whom the ruleset in use has not assessed yet, by partition."""
        return {number: store.unassessed_count for number, store in self._stores.items()}

    def patient_count(self) -> int:
        """Return the number of stored patients over all partitions."""
        return sum(len(store) for store in self._stores.values())
