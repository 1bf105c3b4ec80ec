"""Two medicines taken together, where the later one's event is the anchor: OT-01 and OT-02."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rx_clinical.reasons import Reason
from rx_clinical.spans import Event, Span
from rx_clinical.windows import later

ABOUT_ENDS = frozenset({
    Reason.SUPPLY_END_ASSUMED, Reason.ONGOING_NO_END, Reason.REFILL_STACKED, Reason.REFILL_STACK_CAPPED,
})  # fmt: skip
"""What is said about the end of a supply means nothing where only taking two medicines together counts."""


@dataclass(slots=True, eq=False)
class Overlap:
    """Supplies of two medicines that are active together."""

    one: Span
    other: Span

    @property
    def one_is_later(self) -> bool:
        """The first medicine starts later; ties go by key."""
        return _order(self.one) > _order(self.other)

    @property
    def anchor(self) -> Event:
        """The later-starting medicine's event."""
        span = self.one if self.one_is_later else self.other
        return Event(span.entries[-1], span.newest_begin)


def meet(one: Span, other: Span, lasting: timedelta) -> bool:
    """The newest event of either begins before the supply of the other is over; a single dose counts at its instant.

    `lasting`: how long the other acts after the end of its supply.
    """
    if _order(one) <= _order(other):
        return other.newest_begin.earliest < one.possible_end
    return one.newest_begin.earliest < later(other.possible_end, lasting)


def _order(span: Span) -> tuple[datetime, bytes]:
    return (span.newest_begin.earliest, span.entries[-1].fact.key)
