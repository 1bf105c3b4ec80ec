"""The state of the partitions this process owns, in memory. The changelog topic is its durable form."""

from collections.abc import Mapping

from rx_monitor.domain.patient import EventKey, Pseudonym
from rx_monitor.domain.progress import NotOwnedError


class PartitionStore:
    """Encoded state of each patient of one partition who has a relevant fact."""

    def __init__(self, patients: Mapping[Pseudonym, bytes]) -> None:
        self._patients = dict(patients)

    def __len__(self) -> int:
        return len(self._patients)

    def get(self, patient: Pseudonym) -> bytes | None:
        """Encoded state of a patient."""
        return self._patients.get(patient)

    def may_hold(self, patient: Pseudonym, key: EventKey) -> bool:
        """False only if no revision of that event is held; a chance hit in the bytes costs a needless fold, no more."""
        encoded = self._patients.get(patient)
        return encoded is not None and bytes(key) in encoded

    def put(self, patient: Pseudonym, encoded: bytes) -> None:
        """Replace a patient's state: its record in the changelog is acknowledged."""
        self._patients[patient] = encoded


class Stores:
    """The stores that are ready, for one generation of the consumer group."""

    def __init__(self) -> None:
        self._generation = -1
        self._stores: dict[int, PartitionStore] = {}

    def ready(self, generation: int, stores: Mapping[int, PartitionStore]) -> None:
        """Serve these partitions from now on."""
        self._generation = generation
        self._stores = dict(stores)

    def drop(self) -> None:
        """Forget everything: another process may own the partitions now."""
        self._generation = -1
        self._stores.clear()

    def of(self, generation: int, partition: int) -> PartitionStore:
        """The store of a partition. Raises NotOwnedError unless it was restored in this very generation."""
        if generation != self._generation or partition not in self._stores:
            raise NotOwnedError(f"no restored state for partition {partition} in generation {generation}")
        return self._stores[partition]

    def patient_count(self) -> int:
        """Patients held over all partitions."""
        return sum(len(store) for store in self._stores.values())
