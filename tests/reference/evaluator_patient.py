"""All events of one patient, and the chains of their exposures (3.2).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_facts import OpioidPart, documented_supply, possible_supply
from tests.reference.evaluator_interacting import other
from tests.reference.evaluator_supply import (
    AntagonistEvent,
    Exposure,
    OpioidEvent,
    chain,
    could_fill,
    given_end,
    is_order,
    possible_order_end,
    report_begin,
    report_ends,
    supplies_of,
)
from tests.reference.evaluator_tables import DRUGS, FOREVER, NALTREXONE, days


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
        unknown = OpioidPart("", "opioid_unknown")
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
    documented = chain(supplies, documented_supply)
    possible = chain(supplies, possible_supply)
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
