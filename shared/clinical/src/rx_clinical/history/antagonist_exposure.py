"""Antagonist exposure: starts, supply and daily dose of systemic antagonists, and the tail of their blockade."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.antagonists import BY_DOSE, Tier
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Antagonist
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    NO_FILLS,
    Event,
    ExposurePeriod,
    FillChain,
    chains,
    dispensed_depot,
    ordered_period,
    reported_end,
    reported_period,
    reported_possible_end,
    supplied,
)
from rx_clinical.model.facts import Administration, Fill, Moment, Prescription, Report
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class AntagonistExposure:
    """All exposure periods of one antagonist form."""

    antagonist: Antagonist
    supply: FillChain = NO_FILLS  # tablets filled
    given: FillChain = NO_FILLS  # doses or depots given
    others: tuple[ExposurePeriod, ...] = ()  # reports, dispensed depots, orders without a fill

    def periods_seen_at(self, moment: Moment) -> list[ExposurePeriod]:
        """Return the periods that had certainly begun before a moment, by antagonist time."""
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
        """Return the periods that had begun by a moment, or with it."""
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
        """Return every antagonist event with the period up to and including it."""
        chained = (*self.supply.periods, *self.given.periods)
        return [(Event(period.entries[-1], antagonist_begin(period)), period) for period in chained] + [
            (Event(period.entries[0], antagonist_time(period.entries[0], period.begin)), period)
            for period in self.others
        ]

    def every_period(self) -> list[ExposurePeriod]:
        """Return the period after every fill and dose, and every other period."""
        return [*self.supply.periods, *self.given.periods, *self.others]


def antagonist_begin(period: ExposurePeriod) -> Moment:
    """Return the antagonist time of the newest fill or dose of a chain."""
    return antagonist_time(period.entries[-1], period.entries[-1].begin)


def antagonist_time(entry: Entry, begin: Moment) -> Moment:
    """Return the antagonist time: the hand-over, else the begin (given, filled, written or reported start)."""
    return entry.handed_over.occurred if entry.handed_over is not None else begin


def certainly_before(antagonist: Moment, opioid: Moment) -> bool:
    """Return True if the antagonist came first. An unknown order, or the same instant, counts as opioid first."""
    return antagonist.earliest < opioid.earliest and antagonist.latest <= opioid.earliest


def _before(supply: FillChain, moment: Moment) -> ExposurePeriod | None:
    """Return the period of the fills whose antagonist time lies before a moment."""
    seen = [period for period in supply.periods if certainly_before(antagonist_begin(period), moment)]
    return seen[-1] if seen else None


def antagonist_exposures(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[AntagonistExposure]:
    """Return the exposures by antagonist and form, sorted by key, without periods over before `horizon`."""
    grouped: dict[tuple[str, str], tuple[Antagonist, list[Entry]]] = {}
    for entry in chart.entries():
        if entry.roles.antagonist is not None:
            grouped.setdefault(entry.roles.antagonist.key, (entry.roles.antagonist, []))[1].append(entry)
    exposures = (_exposure(*grouped[key], catalogue, horizon) for key in sorted(grouped))
    return [exposure for exposure in exposures if exposure.supply.periods or exposure.given.periods or exposure.others]


def _exposure(
    antagonist: Antagonist, entries: list[Entry], catalogue: Catalogue, horizon: datetime
) -> AntagonistExposure:
    policy = catalogue.policy

    def single(entry: Entry) -> ExposurePeriod | None:
        return _single_period(entry, antagonist, policy)

    def lasting(period: ExposurePeriod) -> bool:
        return effect_end(antagonist, period, catalogue) >= horizon

    return AntagonistExposure(
        antagonist,
        *chains(
            entries, policy, None, chain_fills=not antagonist.depot, chain_doses=True, single=single, lasting=lasting
        ),
    )


def _single_period(entry: Entry, antagonist: Antagonist, policy: Policy) -> ExposurePeriod | None:
    """Return the period of a report, a dispensed depot or an order without a fill."""
    fact = entry.fact
    if isinstance(fact, Report):
        return _reported(entry, fact, policy, depot=antagonist.depot)
    if isinstance(fact, Fill) and not entry.injected:
        return dispensed_depot(entry, policy)
    if isinstance(fact, Prescription) and not entry.filled:
        return ordered_period(entry, _order_end(entry, fact, antagonist, policy))
    return None


def effect_end(antagonist: Antagonist, period: ExposurePeriod, catalogue: Catalogue) -> datetime:
    """Return the end of a period plus its tail and the time of reduced tolerance after it."""
    tail = tail_of(antagonist, tier_of(antagonist, period.entries[-1], catalogue))
    return later(period.possible_end, tail + catalogue.policy.blocker_afterglow)


def tier_of(antagonist: Antagonist, entry: Entry, catalogue: Catalogue) -> Tier:
    """Return the tier of a single entry."""
    if antagonist.tier == BY_DOSE:
        return catalogue.tier_of(entry.medicine.daily_dose_mg)
    return catalogue.tiers[antagonist.tier]


@dataclass(slots=True, eq=False)
class DailyDose:
    """The daily dose of naltrexone at some time, over all products."""

    tier: Tier
    total_mg: Decimal | None  # mg a day; None: some dose is unknown, or the form has no daily dose
    parts: tuple[Entry, ...] = ()  # one for each form


@dataclass(slots=True, eq=False)
class AntagonistStart:
    """An antagonist event with the period up to and including it, and the daily dose that counts."""

    exposure: AntagonistExposure
    event: Event
    period: ExposurePeriod
    dose: DailyDose

    @property
    def at(self) -> datetime:
        """Return the antagonist time."""
        return self.event.time.earliest


def with_patient_at(start: AntagonistStart) -> datetime | None:
    """Return when the patient got the antagonist: handed over, given or reported; None if not yet."""
    entry = start.event.entry
    if entry.handed_over is not None:
        return entry.handed_over.occurred.earliest
    return start.at if isinstance(entry.fact, (Administration, Report)) else None


def starts(exposures: Iterable[AntagonistExposure], catalogue: Catalogue) -> Iterator[AntagonistStart]:
    """Yield every antagonist event with the daily dose at its time."""
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
    """Return the daily dose for one form at a moment: the sum over the forms with an active supply.

    Of each form only the newest supply counts, as a step of a titration replaces the one before. `own` is the entry of
    `exposure` under assessment; if it is an order or report, a higher dose of an active supply overrides it.
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
        elif _exceeds(newest, own):
            parts[0] = newest
    if len(parts) == 1:
        dose = parts[0].medicine.daily_dose_mg or None
        return DailyDose(catalogue.tier_of(dose), dose, (parts[0],))
    doses = [part.medicine.daily_dose_mg for part in parts]
    stated = [dose for dose in doses if dose is not None]
    total = sum(stated, Decimal(0)) if len(stated) == len(doses) else None
    return DailyDose(catalogue.tier_of(total or None), total, tuple(parts))


def _exceeds(entry: Entry, own: Entry) -> bool:
    """Return True if the dose of an entry is above that of the own entry; an unknown dose counts as above."""
    dose, own_dose = entry.medicine.daily_dose_mg, own.medicine.daily_dose_mg
    return own_dose is not None and (dose is None or dose > own_dose)


def _newest_active(exposure: AntagonistExposure, moment: Moment) -> Entry | None:
    """Return the entry that sets the dose: the newest active supply or injection, else the newest order or report."""
    active = [
        period.entries[-1] for period in exposure.periods_begun_by(moment) if moment.earliest < period.possible_end
    ]
    return max(active, key=lambda entry: (isinstance(entry.fact, (Fill, Administration)), entry.order), default=None)


def tail_of(antagonist: Antagonist, tier: Tier) -> timedelta:
    """Return the time that the blockade outlasts the supply; of a depot, from the injection."""
    return tier.tail_extended_release if antagonist.extended_release else tier.tail


def _reported(entry: Entry, report: Report, policy: Policy, *, depot: bool) -> ExposurePeriod:
    end = reported_end(entry, report, policy)
    possible_end = end if depot else reported_possible_end(entry, report, end, policy)
    return reported_period(entry, report, policy, (end, possible_end))


def _order_end(entry: Entry, order: Prescription, antagonist: Antagonist, policy: Policy) -> datetime:
    """Return the possible end of an order without a fill: its supply from the time of writing, at most its end."""
    written = order.occurred.latest
    lasts = policy.depot_injection if antagonist.depot else supplied(entry, None, policy)[1]
    end = later(written, lasts)
    return end if entry.ended_at is None else max(min(end, entry.ended_at), written)
