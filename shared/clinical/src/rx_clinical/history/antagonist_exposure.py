"""Systemic antagonists over time: when each was started, for how long it is supplied, and what a depot may block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import BY_DOSE, Tier
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Antagonist
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    NO_SUPPLY,
    Event,
    Span,
    Supply,
    dispensed_depot,
    doses,
    reported_begin,
    reported_end,
    reported_possible_end,
    stack,
    supplied,
)
from rx_clinical.model.facts import Administration, Fill, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class AntagonistHistory:
    """All courses of one antagonist form."""

    antagonist: Antagonist
    supply: Supply = NO_SUPPLY  # tablets filled
    given: Supply = NO_SUPPLY  # doses or depots given
    others: tuple[Span, ...] = ()  # reports, dispensed depots, orders without a fill

    def spans_seen_at(self, moment: Moment) -> list[Span]:
        """The courses that had certainly begun before a moment, by antagonist time."""
        chains = (_before(self.supply, moment), _before(self.given, moment))
        return [
            *(span for span in chains if span is not None),
            *(span for span in self.others if certainly_before(antagonist_time(span.entries[0], span.begin), moment)),
        ]

    def spans_begun_by(self, moment: Moment) -> list[Span]:
        """The courses that had begun by a moment, or with it."""
        begun = [
            [span for span in supply.spans if antagonist_begin(span).earliest <= moment.earliest]
            for supply in (self.supply, self.given)
        ]
        return [
            *(spans[-1] for spans in begun if spans),
            *(span for span in self.others if antagonist_time(span.entries[0], span.begin).earliest <= moment.earliest),
        ]

    def steps(self) -> list[tuple[Event, Span]]:
        """Every antagonist event with the course as it stands with it."""
        chained = (*self.supply.spans, *self.given.spans)
        return [(Event(span.entries[-1], antagonist_begin(span)), span) for span in chained] + [
            (Event(span.entries[0], antagonist_time(span.entries[0], span.begin)), span) for span in self.others
        ]

    def every_span(self) -> list[Span]:
        """Every span of every chain and every other course."""
        return [*self.supply.spans, *self.given.spans, *self.others]


def antagonist_begin(span: Span) -> Moment:
    """The antagonist time of the newest fill or dose of a chain."""
    return antagonist_time(span.entries[-1], span.entries[-1].begin)


def antagonist_time(entry: Entry, begin: Moment) -> Moment:
    """Handed over, else the begin: given, filled, written, or the reported start."""
    return entry.handed_over.occurred if entry.handed_over is not None else begin


def certainly_before(antagonist: Moment, opioid: Moment) -> bool:
    """The antagonist came first; an unknown or equal order counts as opioid first."""
    return antagonist.earliest < opioid.earliest and antagonist.latest <= opioid.earliest


def _before(supply: Supply, moment: Moment) -> Span | None:
    """The span by the fills whose antagonist time lies before a moment."""
    seen = [span for span in supply.spans if certainly_before(antagonist_begin(span), moment)]
    return seen[-1] if seen else None


def antagonist_histories(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[AntagonistHistory]:
    """Histories by antagonist and form in order of their keys, without what was over before the horizon."""
    grouped: dict[tuple[str, str], tuple[Antagonist, list[Entry]]] = {}
    for entry in chart.entries():
        if entry.roles.antagonist is not None:
            grouped.setdefault(entry.roles.antagonist.key, (entry.roles.antagonist, []))[1].append(entry)
    histories = [_history(*grouped[key], catalogue, horizon) for key in sorted(grouped)]
    return [history for history in histories if history.supply.spans or history.given.spans or history.others]


def _history(
    antagonist: Antagonist, entries: list[Entry], catalogue: Catalogue, horizon: datetime
) -> AntagonistHistory:
    policy = catalogue.policy
    fills: list[Entry] = []
    doses_given: list[Entry] = []
    others: list[Span] = []
    for entry in entries:
        if isinstance(entry.fact, Fill) and not antagonist.depot:
            fills.append(entry)
        elif isinstance(entry.fact, Administration):
            doses_given.append(entry)
        elif (span := _other(entry, antagonist, policy)) is not None:
            others.append(span)

    def lasting(span: Span) -> bool:
        return effect_end(antagonist, span, catalogue) >= horizon

    return AntagonistHistory(
        antagonist,
        stack(fills, None, policy).kept(lasting) if fills else NO_SUPPLY,
        doses(doses_given).kept(lasting) if doses_given else NO_SUPPLY,
        tuple(filter(lasting, others)) if others else (),
    )


def _other(entry: Entry, antagonist: Antagonist, policy: Policy) -> Span | None:
    """What is neither a supply nor a dose: a dispensed depot, a report, an order without a fill."""
    fact = entry.fact
    if isinstance(fact, Report):
        return _reported(entry, fact, policy, depot=antagonist.depot)
    if isinstance(fact, Fill) and not entry.injected:
        return dispensed_depot(entry, policy)
    if isinstance(fact, Prescription) and not entry.filled:
        return _ordered(entry, fact, antagonist, policy)
    return None


def effect_end(antagonist: Antagonist, span: Span, catalogue: Catalogue) -> datetime:
    """The end of a course, its tail, and the time after it in which tolerance is still reduced."""
    tail = tail_of(antagonist, tier_of(antagonist, span.entries[-1], catalogue))
    return later(span.possible_end, tail + catalogue.policy.blocker_afterglow)


def tier_of(antagonist: Antagonist, entry: Entry, catalogue: Catalogue) -> Tier:
    """The tier of one entry alone."""
    if antagonist.tier == BY_DOSE:
        return catalogue.tier_of(entry.medicine.daily_dose_mg)
    return catalogue.tiers[antagonist.tier]


@dataclass(slots=True, eq=False)
class DailyDose:
    """The naltrexone that a patient takes a day at some time, over all products."""

    tier: Tier
    total_mg: Decimal | None  # None: some dose is unknown, or the form has no dose by the day
    parts: tuple[Entry, ...] = ()  # one a form


@dataclass(slots=True, eq=False)
class Start:
    """An antagonist event that is judged, with its course as it stands with it and the daily dose that counts."""

    history: AntagonistHistory
    event: Event
    span: Span
    dose: DailyDose

    @property
    def at(self) -> datetime:
        """The antagonist time."""
        return self.event.time.earliest


def with_patient_at(start: Start) -> datetime | None:
    """When the antagonist went to the patient: handed over, given or reported; None while it has not."""
    entry = start.event.entry
    if entry.handed_over is not None:
        return entry.handed_over.occurred.earliest
    return start.at if isinstance(entry.fact, (Administration, Report)) else None


def starts(histories: Iterable[AntagonistHistory], catalogue: Catalogue) -> Iterator[Start]:
    """Every antagonist event with the daily dose at its time."""
    known = tuple(histories)
    for history in known:
        for event, span in history.steps():
            yield Start(history, event, span, daily_dose(known, history, event.time, event.entry, catalogue))


def daily_dose(
    histories: Iterable[AntagonistHistory], history: AntagonistHistory, moment: Moment, own: Entry, catalogue: Catalogue
) -> DailyDose:
    """The dose that counts for one form at a moment: the sum over the forms whose supplies are active then.

    Of each form the newest supply counts alone: a step of a titration replaces the one before. `own` is the entry of
    `history` that is judged: an order or report is taken at its word only where it does not lower the dose.
    """
    if history.antagonist.tier != BY_DOSE:
        return DailyDose(catalogue.tiers[history.antagonist.tier], None, (own,))
    parts = [own]
    supplied = isinstance(own.fact, (Fill, Administration))
    for other in histories:
        if other.antagonist.tier != BY_DOSE or (other is history and supplied):
            continue
        newest = _newest_active(other, moment)
        if newest is None or newest is own:
            continue
        if other is not history:
            parts.append(newest)
        elif _weighs_more(newest, own):
            parts[0] = newest
    if len(parts) == 1:
        dose = parts[0].medicine.daily_dose_mg or None
        return DailyDose(catalogue.tier_of(dose), dose, (parts[0],))
    doses = [part.medicine.daily_dose_mg for part in parts]
    stated = [dose for dose in doses if dose is not None]
    total = sum(stated, Decimal(0)) if len(stated) == len(doses) else None
    return DailyDose(catalogue.tier_of(total or None), total, tuple(parts))


def _weighs_more(one: Entry, other: Entry) -> bool:
    mine, theirs = one.medicine.daily_dose_mg, other.medicine.daily_dose_mg
    return theirs is not None and (mine is None or mine > theirs)


def _newest_active(history: AntagonistHistory, moment: Moment) -> Entry | None:
    """What sets the dose: the newest supply or injection; without one, the newest order or report."""
    active = [span.entries[-1] for span in history.spans_begun_by(moment) if moment.earliest < span.possible_end]
    return max(active, key=lambda entry: (isinstance(entry.fact, (Fill, Administration)), entry.order), default=None)


def tail_of(antagonist: Antagonist, tier: Tier) -> timedelta:
    """How long the blockade outlasts the supply; of a depot, from the injection."""
    return tier.tail_extended_release if antagonist.extended_release else tier.tail


def _reported(entry: Entry, report: Report, policy: Policy, *, depot: bool) -> Span:
    end = reported_end(entry, report, policy)
    possible = end if depot else reported_possible_end(entry, report, end, policy)
    return Span(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=possible,
        entries=(entry,),
        reasons=frozenset({Reason.SUPPLY_END_ASSUMED} if possible > end else ()),
    )


def _ordered(entry: Entry, order: Prescription, antagonist: Antagonist, policy: Policy) -> Span:
    """An order without a fill may have been filled: for its supply from written, not past its end."""
    written = order.occurred.latest
    lasts = policy.depot_injection if antagonist.depot else supplied(entry, None, policy)[1]
    end = later(written, lasts)
    if entry.ended_at is not None:
        end = max(min(end, entry.ended_at), written)
    return Span(
        begin=order.occurred,
        documented_end=None,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.UNFILLED_PRESCRIPTION}),
    )
