"""Progress of each owned partition: the only basis on which offsets are committed while the process runs."""

from collections.abc import Mapping


class EventsMissingError(Exception):
    """Offsets are missing between two batches of a partition, or within one: continuing would skip events."""


class NotOwnedError(Exception):
    """A batch belongs to a partition that this process does not own, or owned in another consumer generation."""


class Progress:
    """Next offset to process of each partition owned in the current generation of the consumer group.

    An offset advances only when all events before it are assessed and every output is acknowledged. A commit is thus a
    checkpoint: a restart from it repeats work (at least once) and skips none.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def on_assigned(self, generation: int, committed: Mapping[int, int]) -> None:
        """Own exactly these partitions, each from its committed offset (after a rebalance)."""
        self._generation = generation
        self._next = dict(committed)
        self._committed = dict(committed)

    def on_revoked(self) -> None:
        """Own nothing: nothing can be committed until the next `on_assigned`."""
        self._generation = -1
        self._next.clear()
        self._committed.clear()

    def expect(self, generation: int, partition: int, first_offset: int) -> None:
        """Check that a batch from `first_offset` leaves no event out; events seen before may come again.

        Raises NotOwnedError or EventsMissingError.
        """
        if generation != self._generation or partition not in self._next:
            raise NotOwnedError(f"partition {partition} is not owned in generation {generation}")
        if first_offset > self._next[partition]:
            raise EventsMissingError(f"partition {partition}: expected {self._next[partition]}, got {first_offset}")

    def advance(self, generation: int, partition: int, next_offset: int) -> None:
        """Note that every event below `next_offset` is done; never goes back. Raises NotOwnedError."""
        self.expect(generation, partition, first_offset=0)
        self._next[partition] = max(self._next[partition], next_offset)

    def positions(self) -> dict[int, int]:
        """Return the next offset of each owned partition."""
        return dict(self._next)

    def uncommitted(self, generation: int) -> dict[int, int]:
        """Return the offsets of `generation` that are not committed yet; empty for any other generation."""
        if generation != self._generation:
            return {}
        return {number: offset for number, offset in self._next.items() if offset > self._committed[number]}

    def mark_committed(self, generation: int, offsets: Mapping[int, int]) -> None:
        """Note that these offsets are committed, unless a rebalance has begun another generation since."""
        if generation == self._generation:
            self._committed.update(offsets)
