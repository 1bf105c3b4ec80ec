"""State of the partitions that this process owns: patients, progress and rebuilds, for one consumer generation."""

from dataclasses import dataclass

from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import PartitionRebuild, Rebuilds
from rx_monitor.domain.store import Stores


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """Progress of one partition, as reported to other services."""

    position: int
    """Every event below this offset is assessed and published."""
    unassessed: int
    """Patients whom the ruleset in use has not assessed yet."""
    rebuild: PartitionRebuild | None = None
    replayed: int = 0
    """Offset up to which the partition is replayed, during a rebuild."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What changes between batches. Mutated by the worker alone, one batch at a time."""

    stores: Stores
    progress: Progress
    rebuilds: Rebuilds

    def partition_progress(self) -> dict[int, PartitionProgress]:
        """Return the reported progress of every owned partition."""
        unassessed = self.stores.unassessed_counts()
        return {
            number: _reported(offset, unassessed[number], self.rebuilds.of(number))
            for number, offset in self.progress.positions().items()
        }

    def finish_rebuilds(self) -> list[int]:
        """Finish the rebuild of each partition that is replayed and fully assessed; return those partitions."""
        unassessed = self.stores.unassessed_counts()
        finished = [
            partition
            for partition, offset in self.progress.positions().items()
            if (rebuild := self.rebuilds.of(partition))
            and offset >= rebuild.replay_end_offset
            and not unassessed[partition]
        ]
        for partition in finished:
            self.rebuilds.finish(partition)
        return finished


def _reported(offset: int, unassessed: int, rebuild: PartitionRebuild | None) -> PartitionProgress:
    if rebuild is None:
        return PartitionProgress(position=offset, unassessed=unassessed)
    return PartitionProgress(position=rebuild.first_offset, unassessed=unassessed, rebuild=rebuild, replayed=offset)
