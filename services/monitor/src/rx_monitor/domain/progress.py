"""How far each owned partition has come: the only basis on which offsets are committed while the process runs."""

from collections.abc import Mapping


class EventsMissingError(Exception):
    """Between two batches of a partition, or within one, offsets are missing: going on would skip events."""


class NotOwnedError(Exception):
    """A batch of a partition that this process does not own, or owned in another generation of the group."""


class Progress:
    """Next offset to process of each partition owned in the current generation of the consumer group.

    It moves only when everything before it has been assessed and every output is acknowledged.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def begin(self, generation: int, committed: Mapping[int, int]) -> None:
        """Own these partitions from now on, each from its committed offset."""
        self._generation = generation
        self._next = dict(committed)
        self._committed = dict(committed)

    def end(self) -> None:
        """Own nothing: nothing can be committed until the next `begin`."""
        self._generation = -1
        self._next.clear()
        self._committed.clear()

    def expect(self, generation: int, partition: int, first: int) -> None:
        """Check that a batch from offset `first` leaves no event out; events seen before may come again.

        Raises NotOwnedError or EventsMissingError.
        """
        if generation != self._generation or partition not in self._next:
            raise NotOwnedError(f"partition {partition} is not owned in generation {generation}")
        if first > self._next[partition]:
            raise EventsMissingError(f"partition {partition}: expected {self._next[partition]}, got {first}")

    def advance(self, generation: int, partition: int, following: int) -> None:
        """Everything below offset `following` is done. Raises NotOwnedError."""
        self.expect(generation, partition, first=0)
        self._next[partition] = max(self._next[partition], following)

    def positions(self) -> dict[int, int]:
        """Next offset of each owned partition."""
        return dict(self._next)

    def uncommitted(self, generation: int) -> dict[int, int]:
        """What may be committed for `generation` and is not yet; empty for any other generation."""
        if generation != self._generation:
            return {}
        return {number: offset for number, offset in self._next.items() if offset > self._committed[number]}

    def committed(self, generation: int, offsets: Mapping[int, int]) -> None:
        """Note that these offsets are committed, unless the partitions have changed hands since."""
        if generation == self._generation:
            self._committed.update(offsets)
