"""Supplies, exposures, antagonist events and interacting medicines of one patient (3.2, 2.2), and windows.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.reference import evaluator_facts as facts_of
from tests.reference.evaluator_facts import (
    DRUGS,
    ENDED_STATUS,
    FOREVER,
    NALTREXONE,
    NO_TIME,
    PERPETRATORS,
    Span,
    days,
    hours,
)

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
            return self.supply_from(fill) + (days(30) if stated is None else facts_of.exact(Fraction(stated) * 24))

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
        return self.sighting_that_ends_last(facts_of.documented_supply)

    def possible(self):
        return self.sighting_that_ends_last(facts_of.possible_supply)

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
    length = facts_of.stated_supply_h(fact, form)
    supply = NO_TIME if length is None else facts_of.exact(length)
    return max(ended + days(30), fact.span.end + supply)


def could_fill(order, fill):
    """Written <= fill <= written + 180 d (dates: as far as possible)."""
    return order.span.start <= fill.span.end and fill.span.start <= order.span.end + ALIVE


# --- opioid exposures


@dataclass(eq=False)
class Exposure:
    """One opioid exposure as a judgement sees it (a chain gives one for each of its prefixes)."""

    part: facts_of.OpioidPart
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

    part: facts_of.OpioidPart
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
    if facts_of.stated_supply_h(fact, form) is not None:
        until = fact.span.end  # reported as used until the report, if its days supply does not reach that far
        return (
            max(until, begin.end + facts_of.documented_supply(fact, form)),
            max(until, begin.end + facts_of.possible_supply(fact, form)),
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

    part: facts_of.AntagonistPart
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


# --- the patient


class Patient:
    """Everything of one patient, sorted into chains, orders, reports and administrations."""

    def __init__(self, name, facts, known_since):
        self.name = name
        self.facts = facts
        self.known_since = known_since
        self.hand_overs = self.of_type("handed_over")
        self.stops = self.of_type("stop")
        self.dropped = set()  # (fact, component) whose effect ended before the horizon
        self.gone = set()  # facts with nothing left
        self.filled_orders = self.orders_with_a_fill()
        self.injected = self.dispensed_depots_with_an_injection()

    def of_type(self, *types):
        return [fact for fact in self.facts if fact.type in types]

    def kept(self, facts, component):
        return [fact for fact in facts if (fact, component) not in self.dropped]

    def stops_of(self, fact):
        return [stop for stop in self.stops if stop.get("refers_to") == fact.id]

    def steps_of(self, fact):
        """The fact, other sightings of it, its newest hand-over, its stops."""
        if fact.type != "fill":
            return [fact, *(self.stops_of(fact) if fact.type in {"report", "prescription"} else [])]
        supplies = [s for own in sorted(self.components(fact)) for s in self.supplies(own) if fact in s.sightings]
        return supplies[0].facts if supplies else [fact]

    # components: (ingredient, form) for opioids and antagonists, (code, '') for every other ingredient

    @staticmethod
    def components(fact):
        medicine = fact.medicine
        found = {("opioid", part.ingredient, part.form) for part in medicine.opioids}
        found |= {("antagonist", part.ingredient, part.form) for part in medicine.antagonists}
        if medicine.sequestered:
            found.add(("sequestered", NALTREXONE, medicine.form))
        named = {part.ingredient for part in (*medicine.opioids, *medicine.antagonists)}
        return found | {other(code) for code in medicine.codes if code not in named}

    def orders_with_a_fill(self):
        """3.2, Match: (order, component) pairs that a fill (for antagonists: an administration too) belongs to."""
        orders = [fact for fact in self.of_type("prescription") if is_order(fact)]
        every_order = {fact.id: fact for fact in self.of_type("prescription")}
        matched = set()
        for fact in self.of_type("fill", "administer"):
            named = every_order.get(fact.get("prescription_id", ""))
            for component in self.components(fact):
                if fact.type == "administer" and not is_depot_form(component[2]):
                    continue  # an injection is the fill of an order of a depot; no other dose given fills an order
                if named is not None and fact.medicine.plays_a_role:
                    matched |= {(named, own) for own in self.components(named)}
                elif not fact.has("prescription_id"):
                    same = [o for o in orders if component in self.components(o) and could_fill(o, fact)]
                    if same:
                        newest = max(same, key=lambda o: o.tie_order)
                        matched.add((newest, component))
        return matched

    def open_orders(self, component):
        """Orders of the component that stand without a fill."""
        orders = [fact for fact in self.of_type("prescription") if is_order(fact)]
        return [o for o in orders if component in self.components(o) and (o, component) not in self.filled_orders]

    # depots: which injection replaces which dispensed depot

    def depot_components(self):
        found = set()
        for fact in self.of_type("fill", "administer"):
            for role, code, form in self.components(fact):
                if form in DRUGS and role in {"opioid", "antagonist"} and is_depot_form(form):
                    found.add((role, code, form))
        return sorted(found)

    def dispensed_depots_with_an_injection(self):
        """3.2: an injection replaces the dispensed depot it names, else the newest of its form up to 30 d before."""
        replaced = {}
        for component in self.depot_components():
            supplies = self.supplies(component)
            injections = [f for f in self.of_type("administer") if component in self.components(f)]
            free = list(supplies)
            waiting = []
            for injection in sorted(injections, key=lambda f: f.tie_order):
                named = [s for s in free if injection.get("refers_to") in {fill.id for fill in s.sightings}]
                if named:
                    replaced[injection, component] = named[0]
                    free.remove(named[0])
                else:
                    waiting.append(injection)
            for injection in waiting:
                near = [s for s in free if s.begin <= injection.span.end and injection.span.start <= depot_limit(s)]
                if near:
                    newest = max(near, key=lambda s: s.tie_order)
                    replaced[injection, component] = newest
                    free.remove(newest)
        return replaced

    def anchors(self):
        """Every fact but the sightings of a supply that a longer one stands for."""
        shorter = {
            fill
            for component in {own for fact in self.of_type("fill") for own in self.components(fact)}
            for supply in self.supplies(component)
            for fill in supply.sightings
            if fill is not supply.anchor
        }
        return {fact for fact in self.facts if fact not in shorter}

    def supplies(self, component):
        fills = [fact for fact in self.of_type("fill") if component in self.components(fact)]
        return supplies_of(fills, self.hand_overs, component[2])

    def chain_supplies(self, component):
        """Supplies of a chain that are kept: a chain is dropped as a whole."""
        return [supply for supply in self.supplies(component) if (supply.anchor, component) not in self.dropped]

    def dispensed_depots(self, component):
        """Dispensed depots without an injection."""
        gone = {id(s.anchor) for (_, own), s in self.injected.items() if own == component}
        return [supply for supply in self.chain_supplies(component) if id(supply.anchor) not in gone]

    # opioids

    def opioid_parts(self):
        parts = {}
        for fact in self.of_type("prescription", "fill", "administer", "report"):
            for part in fact.medicine.opioids:
                parts.setdefault(("opioid", part.ingredient, part.form), part)
        return parts

    def opioid_events(self):
        """Every opioid event of the patient, in tie order."""
        events = [event for component, part in self.opioid_parts().items() for event in self.events_of(component, part)]
        unknown = facts_of.OpioidPart("", "opioid_unknown")
        events += [
            OpioidEvent(unknown, "positive", fact.span.start, fact, [fact], with_patient=True)
            for fact in self.kept(self.of_type("evidence"), ("opioid", "", "opioid_unknown"))
            if is_positive(fact)
        ]
        return sorted(events, key=lambda event: event.tie_order)

    def events_of(self, component, part):
        events = []
        depot = is_depot_form(component[2])
        for supply in self.dispensed_depots(component) if depot else self.chain_supplies(component):
            kind = "depot" if depot else "supply"
            handed = supply.handed is not None
            events.append(
                OpioidEvent(part, kind, supply.begin, supply.anchor, supply.facts, supply, with_patient=handed)
            )
        for fact in self.kept(self.of_type("administer"), component):
            if component in self.components(fact):
                dispensed = self.injected.get((fact, component))
                steps = [fact, *(dispensed.facts if dispensed else [])]
                events.append(OpioidEvent(part, "given", fact.span.start, fact, steps, with_patient=True))
        for fact in self.kept(self.of_type("report"), component):
            if component in self.components(fact):
                stops = self.stops_of(fact)
                begin = report_begin(fact).start
                events.append(OpioidEvent(part, "report", begin, fact, [fact, *stops], stops=stops, with_patient=True))
        for fact in self.kept(self.open_orders(component), component):
            stops = self.stops_of(fact)
            events.append(OpioidEvent(part, "order", fact.span.start, fact, [fact, *stops], stops=stops))
        return events

    def exposures(self, seen):
        """Exposures of the opioid events for which `seen(event)`; of a chain one for every prefix of it.

        Every prefix, because a later fill must never make the earliest start earlier.
        """
        events = [event for event in self.opioid_events() if seen(event)]
        found = [single_exposure(event) for event in events if event.kind != "supply"]
        chains = {}
        for event in events:
            if event.kind == "supply":
                chains.setdefault((event.part.ingredient, event.part.form), []).append(event)
        for chained in chains.values():
            chained.sort(key=lambda event: event.tie_order)
            found += chain_exposures(chained)
        return found

    # antagonists

    def antagonist_parts(self):
        parts = {}
        for fact in self.of_type("prescription", "fill", "administer", "report"):
            for part in fact.medicine.antagonists:
                parts.setdefault(("antagonist", part.ingredient, part.form), {}).setdefault(part.kind, part)
        return parts

    def antagonist_events(self):
        """Every event of an S, U, D or P antagonist, in tie order. Rescue raises nothing (RS-00)."""
        events = []
        for component in self.antagonist_parts():
            events += self.antagonist_events_of(component)
        return sorted((e for e in events if e.part.kind != "R"), key=lambda event: event.tie_order)

    def antagonist_events_of(self, component):
        events = []
        depot = is_depot_form(component[2])
        for supply in self.dispensed_depots(component) if depot else self.chain_supplies(component):
            span = supply.handed.span if supply.handed is not None else supply.begin_span
            kind = "depot" if depot else "supply"
            facts = supply.facts
            events.append(AntagonistEvent(own_part(supply.anchor, component), kind, span, supply.anchor, facts, supply))
        for fact in self.kept(self.of_type("administer"), component):
            if component in self.components(fact):
                dispensed = self.injected.get((fact, component))
                steps = [fact, *(dispensed.facts if dispensed else [])]
                events.append(AntagonistEvent(own_part(fact, component), "given", fact.span, fact, steps))
        for fact in self.kept(self.of_type("report"), component):
            if component in self.components(fact):
                stops = self.stops_of(fact)
                facts = [fact, *stops]
                part = own_part(fact, component)
                events.append(AntagonistEvent(part, "report", report_begin(fact), fact, facts, stops=stops))
        for fact in self.kept(self.open_orders(component), component):
            stops = self.stops_of(fact)
            facts = [fact, *stops]
            events.append(AntagonistEvent(own_part(fact, component), "order", fact.span, fact, facts, stops=stops))
        return events


def own_part(fact, component):
    return next(p for p in fact.medicine.antagonists if (p.ingredient, p.form) == component[1:])


def is_depot_form(form):
    return form == "ntx_depot" or (form in DRUGS and DRUGS[form]["acting"] == "depot")


def depot_limit(supply):
    """A dispensed depot may be injected up to 30 d after the fill."""
    return supply.begin_span.end + days(30)


def is_positive(fact):
    """3.2 point 6: a positive urine test or challenge is an exposure."""
    tests = {"urine_drug_test", "naloxone_challenge"}
    return fact.type == "evidence" and fact.get("kind") in tests and fact.get("result") == "positive"


def single_exposure(event):
    """The exposure of an event that is not a link of a chain."""
    fact, part = event.anchor, event.part
    codes = own_codes(event)
    if event.kind == "positive":
        documented, possible = fact.span.end, fact.span.end
        codes.add("OPIOID_EVIDENCE_POSITIVE")
    elif event.kind == "given":
        documented = possible = given_end(fact, part.form)
    elif event.kind == "depot":
        documented = max(fill.span.end for fill in event.supply.sightings)
        possible = documented + days(30)
        codes.add("ADMINISTRATION_UNCONFIRMED")
    elif event.kind == "report":
        documented, possible = report_ends(fact, part.form, event.stops)
        codes |= {"SUPPLY_END_ASSUMED"} if possible > documented else set()
    else:
        documented, possible = None, possible_order_end(fact, part.form, event.stops)
        codes.add("UNFILLED_PRESCRIPTION")
    if possible == FOREVER:
        codes.add("ONGOING_NO_END")
    return Exposure(part, event.kind, event.begin, documented, possible, event.facts, codes, event)


def own_codes(event):
    """Reason codes of group supply that tell where the exposure comes from."""
    codes = {"NON_PRESCRIPTION_OPIOID"} if event.medicine.non_prescription else set()
    return codes | ({"RESTRICTED_SOURCE"} if any(fact.restricted for fact in event.facts) else set())


def chain_exposures(events):
    """One exposure for each prefix of the chain."""
    supplies = [event.supply for event in events]
    documented = chain(supplies, facts_of.documented_supply)
    possible = chain(supplies, facts_of.possible_supply)
    found = []
    for number, (known, assumed) in enumerate(zip(documented, possible, strict=True), 1):
        run = events[number - max(len(known.run), len(assumed.run)) : number]
        codes = {code for event in run for code in own_codes(event)} | chain_codes(known, assumed)
        basis = [fact for event in run for fact in event.facts]
        first = run[0]
        found.append(Exposure(first.part, "supply", first.begin, known.end, assumed.end, basis, codes, run[-1]))
    return found


def chain_codes(known, assumed):
    """Reason codes of group supply about the end of a chain."""
    codes = {"REFILL_STACKED"} if known.stacked or assumed.stacked else set()
    codes |= {"REFILL_STACK_CAPPED"} if known.capped or assumed.capped else set()
    return codes | ({"SUPPLY_END_ASSUMED"} if assumed.end > known.end else set())


# --- interacting medicines (2.1, 2.2)


@dataclass(eq=False)
class ActiveTime:
    """When an interacting medicine was taken, carry-over not included."""

    code: str
    begin: datetime
    end: datetime
    documented_end: datetime
    anchor: object
    facts: list
    prescribed: bool
    kind: str
    stopped: bool = False  # its end is on record
    run: tuple = ()  # of a fill: the fills whose left-over reaches it, itself included

    @property
    def tie_order(self):
        return (self.begin, self.anchor.key)

    @property
    def with_patient(self):
        return self.kind in {"given", "report"} or any(fact.type == "handed_over" for fact in self.facts)


def other(code):
    """The component of an ingredient that is neither opioid nor antagonist."""
    return ("other", code, "")


def active_times(patient, code):
    """First fill, order without a fill, or report, to the end of supply; missing days supply 30 d; systemic only."""
    mine = [
        fact
        for fact in patient.of_type("prescription", "fill", "administer", "report")
        if code in fact.medicine.codes and not fact.medicine.local
    ]
    found = fill_times(patient, code, [fact for fact in mine if fact.type == "fill"])
    for fact in mine:
        if fact.type == "administer":
            end = fact.span.end
            found.append(ActiveTime(code, fact.span.start, end, end, fact, [fact], True, "given"))
        elif fact.type == "report":
            found.append(report_time(code, fact, patient.stops_of(fact)))
        elif fact.type == "prescription":
            component = next(c for c in patient.components(fact) if c[1] == code)
            if is_order(fact) and (fact, component) not in patient.filled_orders:
                found.append(order_time(code, fact, patient.stops_of(fact)))
    kept = [time for time in found if (time.anchor, other(code)) not in patient.dropped]
    return sorted(kept, key=lambda time: time.tie_order)


def fill_times(patient, code, fills):
    supplies = supplies_of(fills, patient.hand_overs, "")
    documented, possible = chain(supplies, facts_of.documented_supply), chain(supplies, facts_of.possible_supply)
    return [
        ActiveTime(
            code, supply.begin, assumed.end, known.end, supply.anchor, supply.facts, True, "fill", run=assumed.run
        )
        for supply, known, assumed in zip(supplies, documented, possible, strict=True)
    ]


def order_time(code, fact, stops):
    end = fact.span.end + facts_of.possible_supply(fact, "")
    stopped = order_end(fact, stops) is not None
    return ActiveTime(code, fact.span.start, end, end, fact, [fact, *stops], True, "order", stopped)


def report_time(code, fact, stops):
    """Reported use: to its stop; ongoing OTC reports lapse 180 d after the last confirmation."""
    begin = report_begin(fact).start
    documented, possible = report_ends(fact, "", stops)
    if possible == FOREVER and fact.get("kind") == "otc":
        confirmed = fact.time("last_confirmed_at") or fact.span
        documented = possible = max(confirmed.end, fact.span.end) + ALIVE
    return ActiveTime(code, begin, possible, documented, fact, [fact, *stops], False, "report", bool(stops))


@dataclass(eq=False)
class Taken:
    """An interacting medicine without a gap: a run of fills, or one order, report or dose."""

    first: ActiveTime
    last: ActiveTime
    facts: list

    @property
    def begin(self):
        return self.first.begin

    @property
    def end(self):
        return self.last.end


def taken_of(patient, code):
    """Everything taken of one interacting medicine, runs of fills as one."""
    times = active_times(patient, code)
    fills = {time.anchor: time for time in times if time.kind == "fill"}
    found = [Taken(time, time, time.facts) for time in times if time.kind != "fill"]
    for time in fills.values():
        followed = any(len(other.run) > len(time.run) and other.run[0] is time.run[0] for other in fills.values())
        if not followed:
            first = fills[time.run[0].anchor]
            found.append(Taken(first, time, [fact for supply in time.run for fact in supply.facts]))
    return sorted(found, key=lambda taken: taken.first.tie_order)


def strong_cyp3a4():
    """2.1 point 6: perpetrators with a row of mechanism_group CYP, prolong, strong for any victim."""
    found = set()
    for row in PERPETRATORS:
        if (row["mechanism_group"], row["direction"], row["strength"]) == ("CYP", "prolong", "strong"):
            found.add(row["perpetrator_rxnorm"])
    return found - {"*strong_cyp3a4*"}


def pair_row(code, victim):
    """The row of the pair, else the class fallback row of the victim. Short ritonavir: see below."""
    own = [row for row in PERPETRATORS if row["perpetrator_rxnorm"] == code and row["victim_rxnorm"] == victim]
    own = [row for row in own if "5-day" not in row["perpetrator"]] if code and victim else []
    if own:
        return own[0]
    if code in strong_cyp3a4():
        for row in PERPETRATORS:
            if row["perpetrator_rxnorm"] == "*strong_cyp3a4*" and row["victim_rxnorm"] == victim:
                return row
    return None


def perpetrator_codes():
    return sorted({row["perpetrator_rxnorm"] for row in PERPETRATORS if row["perpetrator_rxnorm"].isdigit()})


def carry_over(row):
    return hours(float(row["carry_over_h_after_last_dose"]))


@dataclass(frozen=True)
class Extension:
    """The multiplier of a window, and the interacting medicines that count."""

    multiplier: Decimal
    rows: tuple = ()
    facts: tuple = ()

    @property
    def codes(self):
        found = {"MULTIPLE_PERPETRATORS"} if len({code for code, _ in self.rows}) > 1 else set()
        claims = any(row["evidence_level"] == "SEED_CLAIM_ONLY" for _, row in self.rows)
        return found | ({"EVIDENCE_SINGLE_REPORT"} if claims else set())


NO_EXTENSION = Extension(Decimal(1))


def extension(patient, victim, begin, end):
    """2.1 point 4 over the medicines whose active interval meets [begin, end], both ends included."""
    counting, facts = [], []
    for code in perpetrator_codes():
        row = pair_row(code, victim)
        if row is None or row["direction"] != "prolong" or Decimal(row["t_half_multiplier_used"]) <= 1:
            continue
        meeting = [
            taken
            for taken in taken_of(patient, code)
            if taken.begin <= end and begin <= later(taken.end, carry_over(row))
        ]
        if meeting:
            counting.append((code, row))
            facts += [fact for taken in meeting for fact in taken.facts]
    largest = {}
    for _, row in counting:
        group = row["mechanism_group"]
        largest[group] = max(largest.get(group, Decimal(1)), Decimal(row["t_half_multiplier_used"]))
    product = Decimal(1)
    for value in largest.values():
        product *= value
    return Extension(min(product, Decimal(4)), tuple(counting), tuple(facts))


# --- windows, section 3.2


def whole_minutes_up(length_h):
    """The length of a window is rounded up to a whole minute."""
    minutes = Decimal(length_h) * 60
    whole = int(minutes)
    return timedelta(minutes=whole if whole == minutes else whole + 1)


def label_interval(part):
    """L = 240 h short, 336 h else."""
    return hours(240) if part.acting == "short" else hours(336)


def five_half_lives(part, multiplier):
    return whole_minutes_up(5 * Decimal(part.row["t_half_high_h"]) * multiplier)


def hard_window(part, multiplier):
    """Wh = max(L, k x t_half_adj)."""
    return max(label_interval(part), five_half_lives(part, multiplier))


def policy_window(part, multiplier):
    """Wp = max(336 h, Wh)."""
    return max(FLOOR, hard_window(part, multiplier))


def judging_extension(patient, part, end, antagonist_time):
    """It counts for a judgement if its interval meets [supply end, antagonist time]."""
    if end == FOREVER or antagonist_time < end:
        return NO_EXTENSION
    return extension(patient, part.ingredient, end, antagonist_time)


def earliest_start_extension(patient, part, end):
    """It counts if its interval meets [possible_end, possible_end + Wp]: begin with 1, recompute until stable."""
    if end == FOREVER:
        return NO_EXTENSION
    counting = NO_EXTENSION
    while True:
        again = extension(patient, part.ingredient, end, end + policy_window(part, counting.multiplier))
        if again.multiplier == counting.multiplier:
            return again
        counting = again


def window_codes(part, counting):
    """Reason codes of group window for one window, and those of the medicines that made it."""
    codes = set(counting.codes)
    label, hard = label_interval(part), hard_window(part, counting.multiplier)
    if hard > label:
        codes.add("FIVE_HALF_LIVES")
    else:
        codes.add("LABEL_7_10_DAYS" if part.acting == "short" else "LABEL_2_WEEKS")
    if hard > hard_window(part, Decimal(1)):
        codes.add("HALF_LIFE_EXTENDED")
    return codes


def form_codes(part):
    """Reason codes that say what kind of opioid it is."""
    codes = {"LONG_HALF_LIFE"} if Decimal(part.row["t_half_high_h"]) >= 24 else set()
    codes |= {"long": {"LONG_ACTING_FORM"}, "depot": {"DEPOT"}}.get(part.acting, set())
    classes = {"partial_agonist": {"PARTIAL_AGONIST"}, "mixed_agonist_antagonist": {"MIXED_AGONIST"}}
    return codes | classes.get(part.opioid_class, set())
