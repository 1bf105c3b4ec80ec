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
    NO_FILLS,
    Event,
    ExposurePeriod,
    FillChain,
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
class AntagonistExposure:
    """All courses of one antagonist form."""

    antagonist: Antagonist
    supply: FillChain = NO_FILLS  # tablets filled
    given: FillChain = NO_FILLS  # doses or depots given
    others: tuple[ExposurePeriod, ...] = ()  # reports, dispensed depots, orders without a fill

    def periods_seen_at(self, moment: Moment) -> list[ExposurePeriod]:
        """The courses that had certainly begun before a moment, by antagonist time."""
        chains = (_before(self.supply, moment), _before(self.given, moment))
        return [
            *(period for period in chains if period is not None),
            *(
                period
                for period in self.others
                if certainly_before(antagonist_time(period.entries[0], period.begin), moment)
            ),
        ]

    def periods_begun_by(self, moment: Moment) -> list[ExposurePeriod]:
        """The courses that had begun by a moment, or with it."""
        begun = [
            [period for period in supply.periods if antagonist_begin(period).earliest <= moment.earliest]
            for supply in (self.supply, self.given)
        ]
        return [
            *(periods[-1] for periods in begun if periods),
            *(
                period
                for period in self.others
                if antagonist_time(period.entries[0], period.begin).earliest <= moment.earliest
            ),
        ]

    def steps(self) -> list[tuple[Event, ExposurePeriod]]:
        """Every antagonist event with the course as it stands with it."""
        chained = (*self.supply.periods, *self.given.periods)
        return [(Event(period.entries[-1], antagonist_begin(period)), period) for period in chained] + [
            (Event(period.entries[0], antagonist_time(period.entries[0], period.begin)), period)
            for period in self.others
        ]

    def every_period(self) -> list[ExposurePeriod]:
        """Every span of every chain and every other course."""
        return [*self.supply.periods, *self.given.periods, *self.others]


def antagonist_begin(period: ExposurePeriod) -> Moment:
    """The antagonist time of the newest fill or dose of a chain."""
    return antagonist_time(period.entries[-1], period.entries[-1].begin)


def antagonist_time(entry: Entry, begin: Moment) -> Moment:
    """Handed over, else the begin: given, filled, written, or the reported start."""
    return entry.handed_over.occurred if entry.handed_over is not None else begin


def certainly_before(antagonist: Moment, opioid: Moment) -> bool:
    """The antagonist came first; an unknown or equal order counts as opioid first."""
    return antagonist.earliest < opioid.earliest and antagonist.latest <= opioid.earliest


def _before(supply: FillChain, moment: Moment) -> ExposurePeriod | None:
    """The span by the fills whose antagonist time lies before a moment."""
    seen = [period for period in supply.periods if certainly_before(antagonist_begin(period), moment)]
    return seen[-1] if seen else None


def antagonist_exposures(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[AntagonistExposure]:
    """Histories by antagonist and form in order of their keys, without what was over before the horizon."""
    grouped: dict[tuple[str, str], tuple[Antagonist, list[Entry]]] = {}
    for entry in chart.entries():
        if entry.roles.antagonist is not None:
            grouped.setdefault(entry.roles.antagonist.key, (entry.roles.antagonist, []))[1].append(entry)
    exposures = [_exposure(*grouped[key], catalogue, horizon) for key in sorted(grouped)]
    return [exposure for exposure in exposures if exposure.supply.periods or exposure.given.periods or exposure.others]


def _exposure(
    antagonist: Antagonist, entries: list[Entry], catalogue: Catalogue, horizon: datetime
) -> AntagonistExposure:
    policy = catalogue.policy
    fills: list[Entry] = []
    doses_given: list[Entry] = []
    others: list[ExposurePeriod] = []
    for entry in entries:
        if isinstance(entry.fact, Fill) and not antagonist.depot:
            fills.append(entry)
        elif isinstance(entry.fact, Administration):
            doses_given.append(entry)
        elif (period := _other(entry, antagonist, policy)) is not None:
            others.append(period)

    def lasting(period: ExposurePeriod) -> bool:
        return effect_end(antagonist, period, catalogue) >= horizon

    return AntagonistExposure(
        antagonist,
        stack(fills, None, policy).kept(lasting) if fills else NO_FILLS,
        doses(doses_given).kept(lasting) if doses_given else NO_FILLS,
        tuple(filter(lasting, others)) if others else (),
    )


def _other(entry: Entry, antagonist: Antagonist, policy: Policy) -> ExposurePeriod | None:
    """What is neither a supply nor a dose: a dispensed depot, a report, an order without a fill."""
    fact = entry.fact
    if isinstance(fact, Report):
        return _reported(entry, fact, policy, depot=antagonist.depot)
    if isinstance(fact, Fill) and not entry.injected:
        return dispensed_depot(entry, policy)
    if isinstance(fact, Prescription) and not entry.filled:
        return _ordered(entry, fact, antagonist, policy)
    return None


def effect_end(antagonist: Antagonist, period: ExposurePeriod, catalogue: Catalogue) -> datetime:
    """The end of a course, its tail, and the time after it in which tolerance is still reduced."""
    tail = tail_of(antagonist, tier_of(antagonist, period.entries[-1], catalogue))
    return later(period.possible_end, tail + catalogue.policy.blocker_afterglow)


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
class AntagonistStart:
    """An antagonist event that is judged, with its course as it stands with it and the daily dose that counts."""

    exposure: AntagonistExposure
    event: Event
    period: ExposurePeriod
    dose: DailyDose

    @property
    def at(self) -> datetime:
        """The antagonist time."""
        return self.event.time.earliest


def with_patient_at(start: AntagonistStart) -> datetime | None:
    """When the antagonist went to the patient: handed over, given or reported; None while it has not."""
    entry = start.event.entry
    if entry.handed_over is not None:
        return entry.handed_over.occurred.earliest
    return start.at if isinstance(entry.fact, (Administration, Report)) else None


def starts(exposures: Iterable[AntagonistExposure], catalogue: Catalogue) -> Iterator[AntagonistStart]:
    """Every antagonist event with the daily dose at its time."""
    known = tuple(exposures)
    for exposure in known:
        for event, period in exposure.steps():
            yield AntagonistStart(
                exposure, event, period, daily_dose(known, exposure, event.time, event.entry, catalogue)
            )


def daily_dose(
    exposures: Iterable[AntagonistExposure],
    exposure: AntagonistExposure,
    moment: Moment,
    own: Entry,
    catalogue: Catalogue,
) -> DailyDose:
    """The dose that counts for one form at a moment: the sum over the forms whose supplies are active then.

    Of each form the newest supply counts alone: a step of a titration replaces the one before. `own` is the entry of
    `history` that is judged: an order or report is taken at its word only where it does not lower the dose.
    """
    if exposure.antagonist.tier != BY_DOSE:
        return DailyDose(catalogue.tiers[exposure.antagonist.tier], None, (own,))
    parts = [own]
    supplied = isinstance(own.fact, (Fill, Administration))
    for other in exposures:
        if other.antagonist.tier != BY_DOSE or (other is exposure and supplied):
            continue
        newest = _newest_active(other, moment)
        if newest is None or newest is own:
            continue
        if other is not exposure:
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


def _newest_active(exposure: AntagonistExposure, moment: Moment) -> Entry | None:
    """What sets the dose: the newest supply or injection; without one, the newest order or report."""
    active = [
        period.entries[-1] for period in exposure.periods_begun_by(moment) if moment.earliest < period.possible_end
    ]
    return max(active, key=lambda entry: (isinstance(entry.fact, (Fill, Administration)), entry.order), default=None)


def tail_of(antagonist: Antagonist, tier: Tier) -> timedelta:
    """How long the blockade outlasts the supply; of a depot, from the injection."""
    return tier.tail_extended_release if antagonist.extended_release else tier.tail


def _reported(entry: Entry, report: Report, policy: Policy, *, depot: bool) -> ExposurePeriod:
    end = reported_end(entry, report, policy)
    possible = end if depot else reported_possible_end(entry, report, end, policy)
    return ExposurePeriod(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=possible,
        entries=(entry,),
        reasons=frozenset({Reason.SUPPLY_END_ASSUMED} if possible > end else ()),
    )


def _ordered(entry: Entry, order: Prescription, antagonist: Antagonist, policy: Policy) -> ExposurePeriod:
    """An order without a fill may have been filled: for its supply from written, not past its end."""
    written = order.occurred.latest
    lasts = policy.depot_injection if antagonist.depot else supplied(entry, None, policy)[1]
    end = later(written, lasts)
    if entry.ended_at is not None:
        end = max(min(end, entry.ended_at), written)
    return ExposurePeriod(
        begin=order.occurred,
        documented_end=None,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.UNFILLED_PRESCRIPTION}),
    )
