"""Interacting medicines of one patient and how far they lengthen a window (2.1, 2.2).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.reference.evaluator_facts import documented_supply, possible_supply
from tests.reference.evaluator_supply import (
    ALIVE,
    chain,
    is_order,
    later,
    order_end,
    report_begin,
    report_ends,
    supplies_of,
)
from tests.reference.evaluator_tables import FOREVER, PERPETRATORS, hours


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
    documented, possible = chain(supplies, documented_supply), chain(supplies, possible_supply)
    return [
        ActiveTime(
            code, supply.begin, assumed.end, known.end, supply.anchor, supply.facts, True, "fill", run=assumed.run
        )
        for supply, known, assumed in zip(supplies, documented, possible, strict=True)
    ]


def order_time(code, fact, stops):
    end = fact.span.end + possible_supply(fact, "")
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
