"""Whether the monitor still gets on while there is something to do."""

from collections.abc import Mapping


class Pulse:
    """Counts looks, not seconds: a time when nobody could look, such as an outage of the broker, is no standstill."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._still = 0

    def look(self, positions: Mapping[int, int], waiting: int) -> int:
        """For how many looks in a row nothing has advanced although events wait."""
        if waiting and positions == self._positions:
            self._still += 1
        else:
            self._still = 0
        self._positions = dict(positions)
        return self._still
