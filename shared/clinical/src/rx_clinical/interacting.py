"""Interacting medicines: when each counts, and the half-life multiplier that follows for an opioid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Chart, Entry
from rx_clinical.drugs import Interaction
from rx_clinical.facts import Administration, Fill, Prescription, Report
from rx_clinical.policy import Policy
from rx_clinical.roles import Opioid
from rx_clinical.spans import NO_SUPPLY, Span, Supply, reported_begin, reported_end, stack, supplied
from rx_clinical.windows import FOREVER, later


@dataclass(frozen=True, slots=True)
class InteractingHistory:
    """All supplies of one interacting ingredient taken by a systemic route."""

    ingredient: str
    supply: Supply
    others: tuple[Span, ...]  # orders without a fill, reports, doses given

    def spans(self) -> list[Span]:
        """Every supply, fills as uninterrupted runs. The carry-over after the end depends on the opioid."""
        return [*self.supply.runs(), *self.others]

    @property
    def first_event_at(self) -> datetime:
        """The earliest fact about it."""
        return min(entry.begin.earliest for span in self.spans() for entry in span.entries)


@dataclass(frozen=True, slots=True)
class Prolonger:
    """An interacting medicine's supply against one opioid."""

    interaction: Interaction
    span: Span
    history: InteractingHistory

    @property
    def active_until(self) -> datetime:
        """End of the supply and the carry-over."""
        return later(self.span.possible_end, self.interaction.carry_over)

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Its active interval touches [begin, end]."""
        return self.span.begin.earliest <= end and self.active_until >= begin


def interacting_histories(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[InteractingHistory]:
    """Histories by ingredient code in order, without what was over before the horizon."""
    grouped: dict[str, list[Entry]] = {}
    for entry in chart.entries():
        for ingredient in entry.roles.interacting:
            grouped.setdefault(ingredient, []).append(entry)
    histories = (_history(code, entries, catalogue, horizon) for code, entries in sorted(grouped.items()))
    return [history for history in histories if history.supply.spans or history.others]


def _history(ingredient: str, entries: list[Entry], catalogue: Catalogue, horizon: datetime) -> InteractingHistory:
    policy = catalogue.policy
    supply = stack((entry for entry in entries if isinstance(entry.fact, Fill)), None, policy)
    others = [span for entry in entries if (span := _other(entry, policy)) is not None]
    carry_over = catalogue.longest_carry_over(ingredient)
    if supply.spans and later(supply.spans[-1].possible_end, carry_over) < horizon:
        supply = NO_SUPPLY
    return InteractingHistory(
        ingredient, supply, tuple(span for span in others if later(span.possible_end, carry_over) >= horizon)
    )


def _other(entry: Entry, policy: Policy) -> Span | None:
    match entry.fact:
        case Report() as report:
            begin, end = reported_begin(entry, report, policy), _reported_end(entry, report, policy)
        case Prescription() as order if not entry.filled:
            _, possible_supply = supplied(order.medicine, None, policy)
            begin, end = order.occurred, later(order.occurred.latest, possible_supply)
        case Administration() as given:
            begin, end = given.occurred, given.occurred.latest
        case _:
            return None
    return Span(begin=begin, documented_end=end, possible_end=end, entries=(entry,))


def _reported_end(entry: Entry, report: Report, policy: Policy) -> datetime:
    """Ongoing over-the-counter use lapses some time after its last confirmation."""
    end = reported_end(entry, report, assumed=policy.assumed_supply)
    if end == FOREVER and report.kind == "otc":
        confirmed = (report.last_confirmed or report.occurred).latest
        return later(max(confirmed, report.occurred.latest), policy.otc_lapse)
    return end


def prolongers_of(
    opioid: Opioid, histories: Iterable[InteractingHistory], prolonging: Mapping[str, Mapping[str, Interaction]]
) -> list[Prolonger]:
    """Every supply of every medicine that lengthens the opioid's half-life."""
    rows = prolonging.get(opioid.ingredient or "")
    if not rows:
        return []
    return [
        Prolonger(rows[history.ingredient], span, history)
        for history in histories
        if history.ingredient in rows
        for span in history.spans()
    ]


def multiplier(prolongers: Iterable[Prolonger], policy: Policy) -> Decimal:
    """Largest within a mechanism group, product across groups, between the floor and the cap."""
    by_group: dict[str, Decimal] = {}
    for prolonger in prolongers:
        row = prolonger.interaction
        by_group[row.mechanism_group] = max(by_group.get(row.mechanism_group, policy.multiplier_floor), row.multiplier)
    product = policy.multiplier_floor
    for factor in by_group.values():
        product *= factor
    return min(product, policy.multiplier_cap)
