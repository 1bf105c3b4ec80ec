"""Pairs two medicines taken together, anchored at the event of the later one, for OT-01, OT-02 and PA-02."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rx_clinical.findings.decisions import Decision
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later

ABOUT_ENDS = frozenset({
    Reason.SUPPLY_END_ASSUMED, Reason.ONGOING_NO_END, Reason.REFILL_STACKED, Reason.REFILL_STACK_CAPPED,
})  # fmt: skip
"""Reasons about the end of a supply; they do not apply where only the overlap of two medicines counts."""


@dataclass(slots=True, eq=False)
class Overlap:
    """Supplies of two medicines that are active together."""

    one: ExposurePeriod
    other: ExposurePeriod

    @property
    def one_is_later(self) -> bool:
        """True if the first medicine starts later; ties go by key."""
        return _order(self.one) > _order(self.other)

    @property
    def anchor(self) -> Event:
        """Event of the medicine that starts later."""
        period = self.one if self.one_is_later else self.other
        return Event(period.entries[-1], period.newest_begin)

    @property
    def earlier(self) -> tuple[datetime, bytes]:
        """Order of the medicine that begins first; of equal findings the earliest pair is reported."""
        return min(_order(self.one), _order(self.other))


def earliest(found: Iterable[tuple[Overlap, Decision]]) -> list[Decision]:
    """Keep one decision per anchor and counterpart: the worst, and of equals that of the earliest pair."""
    chosen: dict[tuple[bytes, tuple[str, str]], Decision] = {}
    for _, decision in sorted(found, key=lambda one: (one[1].severity.rank, one[0].earlier)):
        chosen.setdefault((decision.anchor.entry.fact.key, decision.counterpart_key), decision)
    return list(chosen.values())


def meet(one: ExposurePeriod, other: ExposurePeriod, lasting: timedelta) -> bool:
    """Return True if the later begins before the earlier's supply ends, or both begin at one instant.

    `lasting`: how long the other acts after the end of its supply.
    """
    end = one.possible_end if _order(one) <= _order(other) else later(other.possible_end, lasting)
    return begin_together(one, other, end)


def begin_together(one: ExposurePeriod, other: ExposurePeriod, end: datetime) -> bool:
    """Return True if the later begins before `end`, or both at one instant, a single dose too."""
    mine, theirs = one.newest_begin.earliest, other.newest_begin.earliest
    return mine == theirs or max(mine, theirs) < end


def _order(period: ExposurePeriod) -> tuple[datetime, bytes]:
    return (period.newest_begin.earliest, period.entries[-1].fact.key)
