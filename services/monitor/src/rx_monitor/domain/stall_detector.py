"""Detects that the monitor makes no progress although events wait."""

from collections.abc import Mapping


class StallDetector:
    """Counts successful polls without progress, not seconds, so a broker outage is not reported as a stall."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._polls_without_progress = 0

    def observe(self, positions: Mapping[int, int], waiting_events: int) -> int:
        """Return how many polls in a row found waiting events and unchanged positions."""
        if waiting_events and positions == self._positions:
            self._polls_without_progress += 1
        else:
            self._polls_without_progress = 0
        self._positions = dict(positions)
        return self._polls_without_progress
