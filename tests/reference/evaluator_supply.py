"""Supplies, their chains, orders, and the exposures and antagonist events of one patient (3.2).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.reference.evaluator_facts import (
    ENDED_STATUS,
    AntagonistPart,
    OpioidPart,
    documented_supply,
    exact,
    possible_supply,
    stated_supply_h,
)
from tests.reference.evaluator_tables import DRUGS, FOREVER, NO_TIME, Span, days, hours

NO_ORDER_INTENT = {"proposal", "plan", "option"}
NO_EXPOSURE_STATUS = {"draft", "on-hold", "cancelled", "entered-in-error"}
ALIVE = days(180)  # an order without a recorded end; an OTC report without a confirmation
FLOOR = hours(336)


def later(moment, length):
    """`moment` + `length`, where FOREVER stays FOREVER."""
    return FOREVER if moment >= FOREVER - length else moment + length


# --- fills and chains (3.2 points 1 and 2)


@dataclass(eq=False)
class Supply:
    """One supply, seen once or more often. `sightings` are fill facts in tie order, the longest one is its anchor."""

    form: str
    sightings: list = field(default_factory=list)
    hand_overs: list = field(default_factory=list)

    @property
    def anchor(self):
        """3.2 point 2: one exposure, the longer one: it names the findings and states dose and medicine."""

        def end(fill):
            stated = fill.number("days_supply") or None
            return self.supply_from(fill) + (days(30) if stated is None else exact(Fraction(stated) * 24))

        return max(self.sightings, key=lambda fill: (end(fill), fill.key))

    @property
    def tie_order(self):
        return (self.begin, self.anchor.key)

    @property
    def facts(self):
        return [*self.sightings, *([self.handed] if self.handed is not None else [])]

    @property
    def begin(self):
        """Exposure begins at the fill (of a supply seen twice: the first sighting)."""
        return self.begin_span.start

    @property
    def begin_span(self):
        return min((fill.span for fill in self.sightings), key=lambda span: (span.start, span.end))

    @property
    def handed(self):
        """The newest hand-over of any sighting, None if not handed over."""
        return max(self.hand_overs, key=lambda fact: (fact.span.end, fact.key), default=None)

    def supply_from(self, fill):
        """t_k = the later of fill and hand-over (one supply: of any sighting); ends use the end of a local date."""
        return max([fill.span.end, *([self.handed.span.end] if self.handed is not None else [])])

    def sighting_that_ends_last(self, length_of):
        """One supply seen twice is one exposure, the longer one: (t, days supply) of it."""
        seen = [(self.supply_from(fill), length_of(fill, self.form)) for fill in self.sightings]
        return max(seen, key=lambda pair: (pair[0] + pair[1], pair[1]))

    def documented(self):
        return self.sighting_that_ends_last(documented_supply)

    def possible(self):
        return self.sighting_that_ends_last(possible_supply)

    @property
    def dose(self):
        return self.anchor.dose


def one_supply(one, other):
    """3.2 point 2: same Rx and fill number, sites equal or one not stated; or same form, quantity, site within 24 h."""
    sites = {one.get("site"), other.get("site")} - {None}
    numbers = [(fill.get("rx_number"), fill.get("fill_number")) for fill in (one, other)]
    if numbers[0] == numbers[1] and None not in numbers[0] and len(sites) <= 1:
        return True
    if one.get("source") == other.get("source"):
        return False  # the same source gave two event ids
    stated = all(fill.has("quantity") and fill.has("site") for fill in (one, other))
    same = stated and len(sites) == 1 and one.number("quantity") == other.number("quantity")
    return same and abs(one.span.start - other.span.start) <= hours(24)


def supplies_of(fills, hand_overs, form):
    """Group fills of one chain that are one supply: a fill joins a group if it is one supply with all of it."""
    groups = []
    for fill in sorted(fills, key=lambda fact: fact.tie_order):
        home = next((g for g in groups if all(one_supply(fill, seen) for seen in g.sightings)), None)
        if home is None:
            home = Supply(form)
            groups.append(home)
        home.sightings.append(fill)
        home.hand_overs += [fact for fact in hand_overs if fact.get("refers_to") == fill.id]
    return sorted(groups, key=lambda supply: supply.tie_order)


@dataclass(frozen=True)
class Link:
    """State of a chain after one supply."""

    end: datetime
    run: tuple  # the supplies whose left-over reaches this one, itself included
    stacked: bool
    capped: bool


def chain(supplies, length_of):
    """end_k = max(end_(k-1), t_k + min(carry, ds_k) + ds_k), carry = what is left of end_(k-1) at t_k."""
    links = []
    for supply in supplies:
        start, length = supply.sighting_that_ends_last(length_of)
        before = links[-1] if links else None
        carry = max(before.end - start, NO_TIME) if before else NO_TIME
        end = start + min(carry, length) + length
        if carry > NO_TIME:
            links.append(Link(max(before.end, end), (*before.run, supply), True, before.capped or carry > length))
        else:
            links.append(Link(max(before.end, end) if before else end, (supply,), stacked=False, capped=False))
    return links


# --- orders (3.2 point 5)


def is_order(fact):
    """Any intent but proposal, plan or option, not do_not_perform, status not draft, on-hold, cancelled or in error."""
    return (
        fact.get("intent", "order") not in NO_ORDER_INTENT
        and not fact.true("do_not_perform")
        and fact.get("status", "active") not in NO_EXPOSURE_STATUS
    )


def order_end(fact, stops):
    """When the order was ended, None if that is not recorded. A local date ends with its end."""
    ends = [stop.span.end for stop in stops]
    if fact.get("status", "active") in ENDED_STATUS and fact.has("status_at"):
        ends.append(fact.time("status_at").end)
    return max(ends, default=None)


def possible_order_end(fact, form, stops):
    """180 d after written; ended with a time: the later of end + 30 d and written + days supply."""
    ended = order_end(fact, stops)
    if ended is None:
        return fact.span.end + ALIVE
    length = stated_supply_h(fact, form)
    supply = NO_TIME if length is None else exact(length)
    return max(ended + days(30), fact.span.end + supply)


def could_fill(order, fill):
    """Written <= fill <= written + 180 d (dates: as far as possible)."""
    return order.span.start <= fill.span.end and fill.span.start <= order.span.end + ALIVE


# --- opioid exposures


@dataclass(eq=False)
class Exposure:
    """One opioid exposure as a judgement sees it (a chain gives one for each of its prefixes)."""

    part: OpioidPart
    kind: str  # supply, given, depot (dispensed, not given), report, order, positive
    begin: datetime
    documented_end: datetime | None  # None: only possible
    possible_end: datetime
    facts: list
    codes: set
    event: "OpioidEvent"  # of a chain the newest one seen

    @property
    def restricted(self):
        return any(fact.restricted for fact in self.facts)


@dataclass(eq=False)
class OpioidEvent:
    """One event of an opioid form: a supply, a dose given, a report, an order without fill, a positive test."""

    part: OpioidPart
    kind: str
    begin: datetime
    anchor: object
    facts: list
    supply: Supply | None = None
    stops: list = field(default_factory=list)
    with_patient: bool = False

    @property
    def is_order(self):
        return self.kind == "order"

    @property
    def component(self):
        return ("opioid", self.part.ingredient, self.part.form)

    @property
    def tie_order(self):
        return (self.begin, self.anchor.key)

    @property
    def medicine(self):
        return self.anchor.medicine

    @property
    def dose(self):
        return self.supply.dose if self.supply is not None else self.anchor.dose


def begin_unknown(fact):
    return fact.type == "report" and fact.true("ongoing") and not fact.has("started_at")


def report_begin(fact):
    """3.2 point 4: `ongoing` without start: from 30 d before the report."""
    if begin_unknown(fact):
        return Span(fact.span.start - days(30), fact.span.end, fact.span.is_date)
    return fact.time("started_at") if fact.has("started_at") else fact.span


def report_ends(fact, form, stops):
    """Documented and possible end of reported use: to its stop; ongoing without one has none."""
    begin = report_begin(fact)
    if stops:
        stopped = max(begin.start, *(stop.span.end for stop in stops))
        return stopped, stopped
    if fact.true("ongoing"):
        return FOREVER, FOREVER
    if stated_supply_h(fact, form) is not None:
        until = fact.span.end  # reported as used until the report, if its days supply does not reach that far
        return (
            max(until, begin.end + documented_supply(fact, form)),
            max(until, begin.end + possible_supply(fact, form)),
        )
    return max(begin.start, fact.span.end), max(begin.start, fact.span.end) + days(30)


def given_end(fact, form):
    """3.2 point 3: ends at the administration (implant: removal); a patch given is worn for its hours."""
    if fact.has("removed_at") and fact.time("removed_at").end >= fact.span.start:  # else nobody knows (settled)
        return fact.time("removed_at").end
    if form == "bup_implant":
        return FOREVER
    unit_hours = DRUGS[form]["unit_hours_per_dose_unit"] if form in DRUGS else ""
    return fact.span.end + (hours(float(unit_hours)) if unit_hours else NO_TIME)


# --- antagonist events


@dataclass(eq=False)
class AntagonistEvent:
    """3.2, one episode: administered, else handed over, else filled, else written; the later step replaces."""

    part: AntagonistPart
    kind: str  # supply, depot (dispensed, not injected), given, report, order
    span: Span  # the antagonist time
    anchor: object
    facts: list  # its own steps
    supply: Supply | None = None
    stops: list = field(default_factory=list)

    @property
    def component(self):
        return ("antagonist", self.part.ingredient, self.part.form)

    @property
    def time(self):
        return self.span.start

    @property
    def dose(self):
        return self.supply.dose if self.supply is not None else self.anchor.dose

    @property
    def with_patient(self):
        return self.kind in {"given", "report"} or (self.supply is not None and self.supply.handed is not None)

    @property
    def tie_order(self):
        return (self.time, self.anchor.key)

    @property
    def recorded(self):
        return max(fact.recorded for fact in self.facts)

    def comes_before(self, opioid_begin):
        """Antagonist first: unknown or equal order counts as opioid first."""
        return self.span.end <= opioid_begin if self.span.is_date else self.span.end < opioid_begin
