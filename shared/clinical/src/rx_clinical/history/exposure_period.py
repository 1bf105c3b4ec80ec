"""Spans of time that a medicine may cover, and the stacking of refills into one supply."""

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

_NOTHING: frozenset[Reason] = frozenset()


@dataclass(slots=True, eq=False, kw_only=True)
class ExposurePeriod:
    """From a begin to a documented and a possible end, with what it rests on."""

    begin: Moment
    documented_end: datetime | None  # None: nothing is documented, it is only possible
    possible_end: datetime  # FOREVER = no end is recorded
    entries: tuple[Entry, ...]
    reasons: frozenset[Reason] = _NOTHING
    # As recorded, where an attestation that did not account for the stock moved the ends.
    recorded: "ExposurePeriod | None" = None

    @property
    def newest_begin(self) -> Moment:
        """When the newest fill or dose of it began; reported use begins when the report says."""
        newest = self.entries[-1]
        return self.begin if isinstance(newest.fact, Report) else newest.begin


@dataclass(slots=True, eq=False)
class Event:
    """One event of a course, at the time that counts for it."""

    entry: Entry
    time: Moment

    @property
    def urgency(self) -> Urgency:
        """Whether the medicine is with the patient already."""
        with_patient = self.entry.handed_over or isinstance(self.entry.fact, (Administration, Report, Evidence))
        return Urgency.WITH_PATIENT if with_patient else Urgency.CAN_STOP


@dataclass(slots=True, eq=False)
class FillChain:
    """A chain of fills, or of doses given, of one form: the span after each of them, in tie order."""

    periods: tuple[ExposurePeriod, ...] = ()

    def at(self, moment: Moment) -> ExposurePeriod | None:
        """The span by what had begun at a moment; where the order is unknown, the fill counts as begun."""
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
        """The whole chain or nothing of it: a fill is kept while a later fill of its form lasts."""
        return self if self.periods and lasting(self.periods[-1]) else NO_FILLS

    def entries(self) -> list[Entry]:
        """Every fill or dose, in tie order."""
        return [period.entries[-1] for period in self.periods]

    def runs(self) -> list[ExposurePeriod]:
        """The uninterrupted runs, each as its last span."""
        return [
            period
            for number, period in enumerate(self.periods, 1)
            if number == len(self.periods) or self.periods[number].entries[0] is not period.entries[0]
        ]


NO_FILLS = FillChain()


def begun_first(opioid: Moment, antagonist: Moment) -> bool:
    """The opioid begins before the antagonist, or with it, or in an order that nobody knows."""
    return opioid.earliest <= antagonist.earliest or opioid.earliest < antagonist.latest


def stack(fills: Iterable[Entry], hours_per_patch: Decimal | None, policy: Policy) -> FillChain:
    """The supply by fills in tie order.

    end = max(earlier end, start + carry + days supply), start = the later of fill and hand-over,
    carry = what is left of the earlier supply at the start, at most the newest fill's own supply.
    """
    periods: list[ExposurePeriod] = []
    for fill in fills:
        periods.append(_stacked_on(periods[-1] if periods else None, fill, hours_per_patch, policy))
    return FillChain(tuple(periods)) if periods else NO_FILLS


def doses(given: Iterable[Entry], worn: timedelta = timedelta(0)) -> FillChain:
    """Doses given by a clinician: each ends when it is given, a patch (`worn` so long) when it is taken off."""
    periods: list[ExposurePeriod] = []
    for dose in given:
        removed = removed_at(dose.fact) if isinstance(dose.fact, Administration) else None
        end = removed or later(dose.fact.occurred.latest, worn)
        end = max(end, periods[-1].possible_end) if periods else end
        periods.append(ExposurePeriod(begin=dose.fact.occurred, documented_end=end, possible_end=end, entries=(dose,)))
    return FillChain(tuple(periods)) if periods else NO_FILLS


def removed_at(given: Administration) -> datetime | None:
    """When it was taken out or off; None where nobody says, and where that is said to be before it was given."""
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
        return later(start, supply), _NOTHING
    carry = held_end - start
    capped = {Reason.REFILL_STACK_CAPPED} if carry > supply else set()
    return max(held_end, later(start, min(carry, supply) + supply)), frozenset({Reason.REFILL_STACKED, *capped})


def lengths(
    fill: Entry, hours_per_patch: Decimal | None, policy: Policy
) -> tuple[tuple[datetime, timedelta], tuple[datetime, timedelta]]:
    """(start, length) of one supply, documented and possible: of each the sighting by which it lasts longest."""
    if not fill.sightings:
        start, (documented, possible) = fill.in_hand.latest, supplied(fill, hours_per_patch, policy)
        return (start, documented), (start, possible)
    seen = [(entry.in_hand.latest, *supplied(entry, hours_per_patch, policy)) for entry in fill.seen]
    return (
        max(((start, known) for start, known, _ in seen), key=lambda one: (later(*one), one[1])),
        max(((start, assumed) for start, _, assumed in seen), key=lambda one: (later(*one), one[1])),
    )


def supplied(entry: Entry, hours_per_patch: Decimal | None, policy: Policy) -> tuple[timedelta, timedelta]:
    """(documented, possible) length of one supply.

    As needed it may last longer; missing it is assumed; a part of the quantity lasts its share, and possibly all.
    """
    length = stated_supply(entry.medicine, hours_per_patch)
    if length is None:
        return timedelta(0), policy.assumed_supply
    possible = max(length, policy.assumed_supply) if entry.medicine.as_needed else length
    fact = entry.fact
    if not isinstance(fact, Fill) or not fact.partial or entry.medicine.days_supply is None:
        return length, possible  # a count of patches is of what was dispensed
    return _share(fact, length), possible


def _share(fill: Fill, length: timedelta) -> timedelta:
    """What of a supply a partial fill brought; all of it where the quantities do not tell."""
    part, whole = fill.medicine.quantity, fill.quantity_prescribed
    if fill.days_supply_is_for_this_fill or not part or not whole or part >= whole:
        return length
    microseconds = Decimal(length // timedelta(microseconds=1)) * part / whole
    return timedelta(microseconds=int(microseconds.to_integral_value(ROUND_CEILING)))


def stated_supply(medicine: Medicine, hours_per_patch: Decimal | None = None) -> timedelta | None:
    """Days supply, else what the patches last; None where neither is stated."""
    if medicine.days_supply is not None:
        return days_of(medicine.days_supply)
    if medicine.patches is not None and hours_per_patch is not None:
        return days_of(medicine.patches * hours_per_patch / 24)
    return None


def dispensed_depot(entry: Entry, policy: Policy) -> ExposurePeriod:
    """Dispensed, no injection seen: it may have been injected up to some weeks later."""
    filled = max(one.fact.occurred.latest for one in entry.seen)
    return ExposurePeriod(
        begin=entry.begin,
        documented_end=filled,
        possible_end=later(filled, policy.depot_injection),
        entries=(entry,),
        reasons=frozenset({Reason.ADMINISTRATION_UNCONFIRMED}),
    )


def begin_unknown(fact: Fact) -> bool:
    """Ongoing use whose start nobody states: it began at some time in the days before the report."""
    return isinstance(fact, Report) and fact.ongoing and fact.started is None


def reported_begin(entry: Entry, report: Report, policy: Policy) -> Moment:
    """The start that the report states; else, for ongoing use, some time in the days before the report."""
    occurred = entry.fact.occurred
    if not begin_unknown(report):
        return report.started or occurred
    begin = later(occurred.earliest, -policy.ongoing_lookback)
    # The report itself may be the begin. A date ends before its latest instant, an instant does not.
    latest = occurred.latest if occurred.imprecise else later(occurred.latest, timedelta.resolution)
    return Moment(earliest=begin, latest=latest, zone=occurred.zone)


def reported_possible_end(
    entry: Entry, report: Report, end: datetime, policy: Policy, hours_per_patch: Decimal | None = None
) -> datetime:
    """The possible end of reported use: as needed it may last as long as a supply would.

    Without days supply nobody knows how much is left: as long as a supply from its documented end.
    """
    if entry.ended_at is not None or report.ongoing:
        return end
    if stated_supply(entry.medicine, hours_per_patch) is None:
        return later(end, policy.assumed_supply)
    if not entry.medicine.as_needed:
        return end
    return max(end, later((report.started or report.occurred).latest, policy.assumed_supply))


def reported_end(entry: Entry, report: Report, policy: Policy, hours_per_patch: Decimal | None = None) -> datetime:
    """The recorded stop, but not before the begin; FOREVER while ongoing; else the report or the supply it states."""
    if entry.ended_at is not None:
        return max(entry.ended_at, reported_begin(entry, report, policy).earliest)
    if report.ongoing:
        return FOREVER
    start = report.started or report.occurred
    supply = stated_supply(entry.medicine, hours_per_patch) or timedelta(0)
    return max(report.occurred.latest, later(start.latest, supply))
