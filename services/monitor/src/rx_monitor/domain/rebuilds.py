"""Partitions whose state is being rebuilt from the event log."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionRebuild:
    """Replay of one partition: events below `replay_end_offset` are folded in and nothing is published for them.

    Sets published before stay current until every patient has been assessed, so that no alert is withdrawn and raised
    again.
    """

    first_offset: int
    """Offset of the partition's oldest event."""
    replay_end_offset: int


class Rebuilds:
    """The partitions under rebuild, whoever owns them, as found at the start of this process."""

    def __init__(self, partitions: Mapping[int, PartitionRebuild] | None = None) -> None:
        self._partitions = dict(partitions or {})

    def of(self, partition: int) -> PartitionRebuild | None:
        """Return the rebuild of a partition; None if it is not being rebuilt."""
        return self._partitions.get(partition)

    def replay_end_offset(self, partition: int) -> int:
        """Return the offset from which events are assessed one by one; 0 if the partition is not being rebuilt."""
        rebuild = self._partitions.get(partition)
        return rebuild.replay_end_offset if rebuild else 0

    def finish(self, partition: int) -> None:
        """Note that every patient of the partition has been assessed."""
        self._partitions.pop(partition, None)
