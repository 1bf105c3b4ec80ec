"""Partitions whose state is on its way back from the event log, and what is told of a partition meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

from rx_monitor.domain.progress import Progress
from rx_monitor.domain.store import Stores


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """A partition that is read again: below offset `end` facts are folded in and nothing is published on the way.

    What was published before stands until every patient has been assessed, so that no alert goes and comes back.
    """

    begin: int  # offset of its first event
    end: int


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition has come, as others are told."""

    position: int  # everything below this offset has been assessed and published
    unassessed: int  # patients whom this ruleset has not assessed yet
    rebuilding: Rebuilding | None = None
    read: int = 0  # offset up to which it is read, while it is being rebuilt


class Rebuilds:
    """The partitions that are being rebuilt, whoever owns them, as found at the start of this process."""

    def __init__(self, partitions: Mapping[int, Rebuilding] | None = None) -> None:
        self._partitions = dict(partitions or {})

    def of(self, partition: int) -> Rebuilding | None:
        """What is known of a partition; None if it is not being rebuilt."""
        return self._partitions.get(partition)

    def silent_below(self, partition: int) -> int:
        """Offset from which on events are assessed one by one; 0 for a partition that is not being rebuilt."""
        rebuilding = self._partitions.get(partition)
        return rebuilding.end if rebuilding else 0

    def finished(self, partition: int) -> None:
        """Every patient of the partition has been assessed."""
        self._partitions.pop(partition, None)


def reached(progress: Progress, stores: Stores, rebuilds: Rebuilds) -> dict[int, Reached]:
    """How far each owned partition has come."""
    unassessed = stores.unassessed_counts()
    return {
        number: _reached(offset, unassessed[number], rebuilds.of(number))
        for number, offset in progress.positions().items()
    }


def _reached(offset: int, unassessed: int, rebuilding: Rebuilding | None) -> Reached:
    if rebuilding is None:
        return Reached(position=offset, unassessed=unassessed)
    return Reached(position=rebuilding.begin, unassessed=unassessed, rebuilding=rebuilding, read=offset)
