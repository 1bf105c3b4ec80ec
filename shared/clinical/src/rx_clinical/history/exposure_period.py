"""Exposure periods: the time that a medicine may cover, and the stacking of refills into one chain."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from rx_clinical.catalogue.policy import Policy
from rx_clinical.history.chart import Entry
from rx_clinical.model.facts import Administration, Evidence, Fact, Fill, Medicine, Moment, Report
from rx_clinical.model.findings import Urgency
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, days_of, later

_NO_REASONS: frozenset[Reason] = frozenset()
_NO_TIME = timedelta(0)


@dataclass(slots=True, eq=False, kw_only=True)
class ExposurePeriod:
    """The time from a begin to a documented and a possible end of exposure, with the entries it rests on."""

    begin: Moment
    documented_end: datetime | None  # None: the exposure is only possible
    possible_end: datetime  # FOREVER = no end is recorded
    entries: tuple[Entry, ...]
    reasons: frozenset[Reason] = _NO_REASONS
    # The period as recorded, if an attestation moved its ends without accounting for the stock.
    recorded: "ExposurePeriod | None" = None

    @property
    def newest_begin(self) -> Moment:
        """Return the begin of the newest fill or dose; of reported use, the begin that the report states."""
        newest = self.entries[-1]
        return self.begin if isinstance(newest.fact, Report) else newest.begin


@dataclass(slots=True, eq=False)
class Event:
    """An event of an exposure, which can anchor a finding, at the time that counts for it."""

    entry: Entry
    time: Moment

    @property
    def urgency(self) -> Urgency:
        """Return whether the medicine is already with the patient."""
        with_patient = self.entry.handed_over or isinstance(self.entry.fact, (Administration, Report, Evidence))
        return Urgency.WITH_PATIENT if with_patient else Urgency.CAN_STOP


@dataclass(slots=True, eq=False)
class FillChain:
    """A chain of fills, or of doses given, of one form: the exposure period after each, sorted by time and key."""

    periods: tuple[ExposurePeriod, ...] = ()

    def at(self, moment: Moment) -> ExposurePeriod | None:
        """Return the period of the fills begun by a moment. If the order is unknown, a fill counts as begun."""
        if not self.periods:
            return None
        if len(self.periods) == 1:
            return self.periods[0] if begun_first(self.periods[0].begin, moment) else None
        begins = [period.entries[-1].begin.earliest for period in self.periods]
        seen = bisect_right(begins, moment.earliest)
        while seen < len(begins) and begins[seen] < moment.latest:
            seen += 1
        return self.periods[seen - 1] if seen else None

    def kept(self, lasting: Callable[[ExposurePeriod], bool]) -> "FillChain":
        """Return the whole chain or an empty one: a fill is kept as long as a later fill of its form lasts."""
        return self if self.periods and lasting(self.periods[-1]) else NO_FILLS

    def entries(self) -> list[Entry]:
        """Return every fill or dose, sorted by time and key."""
        return [period.entries[-1] for period in self.periods]

    def runs(self) -> list[ExposurePeriod]:
        """Return the uninterrupted runs of the chain, each as its last period."""
        return [
            period
            for number, period in enumerate(self.periods, 1)
            if number == len(self.periods) or self.periods[number].entries[0] is not period.entries[0]
        ]


NO_FILLS = FillChain()


def chains(
    entries: Iterable[Entry],
    policy: Policy,
    hours_per_patch: Decimal | None,
    *,
    chain_fills: bool,
    chain_doses: bool,
    single: Callable[[Entry], ExposurePeriod | None],
    lasting: Callable[[ExposurePeriod], bool],
) -> tuple[FillChain, FillChain, tuple[ExposurePeriod, ...]]:
    """Return the chain of fills, the chain of doses and the single periods of one medicine, without those not lasting.

    `chain_fills`, `chain_doses`: whether fills and doses of it form a chain. `single`: the period of any other entry,
    None if it is no exposure.
    """
    fills: list[Entry] = []
    given: list[Entry] = []
    others: list[ExposurePeriod] = []
    for entry in entries:
        if chain_fills and isinstance(entry.fact, Fill):
            fills.append(entry)
        elif chain_doses and isinstance(entry.fact, Administration):
            given.append(entry)
        elif (period := single(entry)) is not None:
            others.append(period)
    return (
        stack(fills, hours_per_patch, policy).kept(lasting) if fills else NO_FILLS,
        doses(given, hours_per_patch).kept(lasting) if given else NO_FILLS,
        tuple(filter(lasting, others)) if others else (),
    )


def begun_first(opioid: Moment, antagonist: Moment) -> bool:
    """Return True if the opioid begins before or with the antagonist, or if the order is unknown."""
    return opioid.earliest <= antagonist.earliest or opioid.earliest < antagonist.latest


def stack(fills: Iterable[Entry], hours_per_patch: Decimal | None, policy: Policy) -> FillChain:
    """Stack fills, sorted by time and key, into a chain.

    end = max(earlier end, start + carry + days supply), start = the later of fill and hand-over,
    carry = the rest of the earlier supply at the start, at most the newest fill's own supply.
    """
    periods: list[ExposurePeriod] = []
    for fill in fills:
        periods.append(_stacked_on(periods[-1] if periods else None, fill, hours_per_patch, policy))
    return FillChain(tuple(periods)) if periods else NO_FILLS


def doses(given: Iterable[Entry], hours_per_patch: Decimal | None) -> FillChain:
    """Return the chain of doses that a clinician gave. A dose ends when given, a patch when removed or worn off."""
    worn = days_of(hours_per_patch / 24) if hours_per_patch else _NO_TIME
    periods: list[ExposurePeriod] = []
    for dose in given:
        removed = removed_at(dose.fact) if isinstance(dose.fact, Administration) else None
        end = removed or later(dose.fact.occurred.latest, worn)
        end = max(end, periods[-1].possible_end) if periods else end
        periods.append(ExposurePeriod(begin=dose.fact.occurred, documented_end=end, possible_end=end, entries=(dose,)))
    return FillChain(tuple(periods)) if periods else NO_FILLS


def removed_at(given: Administration) -> datetime | None:
    """Return the removal of an implant or patch; None if not stated, or stated to be before it was given."""
    removed = given.removed
    return removed.latest if removed and removed.latest >= given.occurred.earliest else None


def _stacked_on(
    held: ExposurePeriod | None, fill: Entry, hours_per_patch: Decimal | None, policy: Policy
) -> ExposurePeriod:
    begin = fill.begin
    entries: tuple[Entry, ...] = (fill,)
    (known_start, documented_supply), (start, possible_supply) = lengths(fill, hours_per_patch, policy)
    held_documented, held_possible = (None, None) if held is None else (held.documented_end, held.possible_end)
    documented_end, reasons = _stacked_end(held_documented, known_start, documented_supply)
    possible_end = documented_end
    if possible_supply != documented_supply or start != known_start or held_possible != held_documented:
        possible_end, of_possible = _stacked_end(held_possible, start, possible_supply)
        reasons |= of_possible
    if held is not None and start < held.possible_end:
        begin, entries = held.begin, (*held.entries, fill)
        reasons |= held.reasons - {Reason.SUPPLY_END_ASSUMED}
    if possible_end > documented_end:
        reasons |= {Reason.SUPPLY_END_ASSUMED}
    return ExposurePeriod(
        begin=begin, documented_end=documented_end, possible_end=possible_end, entries=entries, reasons=reasons
    )


def _stacked_end(held_end: datetime | None, start: datetime, supply: timedelta) -> tuple[datetime, frozenset[Reason]]:
    if held_end is None or held_end <= start:
        return later(start, supply), _NO_REASONS
    carry = held_end - start
    capped = {Reason.REFILL_STACK_CAPPED} if carry > supply else set()
    return max(held_end, later(start, min(carry, supply) + supply)), frozenset({Reason.REFILL_STACKED, *capped})


def _end_and_length(supply: tuple[datetime, timedelta]) -> tuple[datetime, timedelta]:
    return later(*supply), supply[1]


def lengths(
    fill: Entry, hours_per_patch: Decimal | None, policy: Policy
) -> tuple[tuple[datetime, timedelta], tuple[datetime, timedelta]]:
    """Return (start, length) of a supply, documented and possible, each by the sighting that lasts longest."""
    if not fill.sightings:
        start, (documented, possible) = fill.in_hand.latest, supplied(fill, hours_per_patch, policy)
        return (start, documented), (start, possible)
    seen = [(entry.in_hand.latest, *supplied(entry, hours_per_patch, policy)) for entry in fill.seen]
    return (
        max(((start, known) for start, known, _ in seen), key=_end_and_length),
        max(((start, assumed) for start, _, assumed in seen), key=_end_and_length),
    )


def supplied(entry: Entry, hours_per_patch: Decimal | None, policy: Policy) -> tuple[timedelta, timedelta]:
    """Return the (documented, possible) length of a supply.

    A supply taken as needed may last longer. A missing length is assumed. A partial fill lasts its share of the days
    for certain, and possibly all of them.
    """
    length = stated_supply(entry.medicine, hours_per_patch)
    if length is None:
        return timedelta(0), policy.assumed_supply
    possible = max(length, policy.assumed_supply) if entry.medicine.as_needed else length
    fact = entry.fact
    if not isinstance(fact, Fill) or not fact.partial or entry.medicine.days_supply is None:
        return length, possible  # patches are counted as dispensed, so a partial fill needs no share
    return _share(fact, length), possible


def _share(fill: Fill, length: timedelta) -> timedelta:
    """Return the share of a supply that a partial fill contains; all of it if the quantities are not stated."""
    part, whole = fill.medicine.quantity, fill.quantity_prescribed
    if fill.days_supply_is_for_this_fill or not part or not whole or part >= whole:
        return length
    microseconds = Decimal(length // timedelta(microseconds=1)) * part / whole
    return timedelta(microseconds=int(microseconds.to_integral_value(ROUND_CEILING)))


def stated_supply(medicine: Medicine, hours_per_patch: Decimal | None = None) -> timedelta | None:
    """Return the days supply, else the wearing time of the patches; None if neither is stated."""
    if medicine.days_supply is not None:
        return days_of(medicine.days_supply)
    if medicine.patches is not None and hours_per_patch is not None:
        return days_of(medicine.patches * hours_per_patch / 24)
    return None


def dispensed_depot(entry: Entry, policy: Policy) -> ExposurePeriod:
    """Return the period of a dispensed depot without a recorded injection, which may follow some weeks later."""
    filled = max(sighting.fact.occurred.latest for sighting in entry.seen)
    return ExposurePeriod(
        begin=entry.begin,
        documented_end=filled,
        possible_end=later(filled, policy.depot_injection),
        entries=(entry,),
        reasons=frozenset({Reason.ADMINISTRATION_UNCONFIRMED}),
    )


def begin_unknown(fact: Fact) -> bool:
    """Return True for ongoing use without a stated start: it began at some time in the days before the report."""
    return isinstance(fact, Report) and fact.ongoing and fact.started is None


def reported_begin(entry: Entry, report: Report, policy: Policy) -> Moment:
    """Return the start that a report states; else, for ongoing use, some time in the days before the report."""
    occurred = entry.fact.occurred
    if not begin_unknown(report):
        return report.started or occurred
    begin = later(occurred.earliest, -policy.ongoing_lookback)
    # The report itself may be the begin. A date ends before its latest instant, while an instant includes it.
    latest = occurred.latest if occurred.imprecise else later(occurred.latest, timedelta.resolution)
    return Moment(earliest=begin, latest=latest, zone=occurred.zone)


def reported_possible_end(
    entry: Entry, report: Report, end: datetime, policy: Policy, hours_per_patch: Decimal | None = None
) -> datetime:
    """Return the possible end of reported use.

    Without days supply the rest is unknown: an assumed supply from the documented end. Use as needed may last as long
    as an assumed supply from its start.
    """
    if entry.ended_at is not None or report.ongoing:
        return end
    if stated_supply(entry.medicine, hours_per_patch) is None:
        return later(end, policy.assumed_supply)
    if not entry.medicine.as_needed:
        return end
    return max(end, later((report.started or report.occurred).latest, policy.assumed_supply))


def reported_end(entry: Entry, report: Report, policy: Policy, hours_per_patch: Decimal | None = None) -> datetime:
    """Return the recorded stop, at least the begin; FOREVER while ongoing; else the end of the stated supply."""
    if entry.ended_at is not None:
        return max(entry.ended_at, reported_begin(entry, report, policy).earliest)
    if report.ongoing:
        return FOREVER
    start = report.started or report.occurred
    supply = stated_supply(entry.medicine, hours_per_patch) or timedelta(0)
    return max(report.occurred.latest, later(start.latest, supply))


def reported_period(
    entry: Entry,
    report: Report,
    policy: Policy,
    ends: tuple[datetime, datetime],
    reasons: frozenset[Reason] = _NO_REASONS,
) -> ExposurePeriod:
    """Return the period of reported use. `ends`: documented and possible."""
    end, possible_end = ends
    return ExposurePeriod(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=possible_end,
        entries=(entry,),
        reasons=reasons | {Reason.SUPPLY_END_ASSUMED} if possible_end > end else reasons,
    )


def ordered_period(entry: Entry, end: datetime) -> ExposurePeriod:
    """Return the period of an order without a fill on record: possible until `end`, never documented."""
    return ExposurePeriod(
        begin=entry.fact.occurred,
        documented_end=None,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.UNFILLED_PRESCRIPTION}),
    )
