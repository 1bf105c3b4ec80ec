"""Times of activity: stretches of opioids and antagonists, and findings on two active medicines.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass
from decimal import Decimal

from tests.reference.evaluator_blockade import depot_until
from tests.reference.evaluator_doses import antagonist_end
from tests.reference.evaluator_facts import possible_supply
from tests.reference.evaluator_findings import finding, late_codes
from tests.reference.evaluator_interacting import report_time
from tests.reference.evaluator_patient import chain_exposures, single_exposure
from tests.reference.evaluator_supply import chain, later
from tests.reference.evaluator_tables import PERPETRATORS, hours
from tests.reference.evaluator_window_lengths import hard_window

MIXED_ON_AGONIST = {"7238", "1841", "8001"}  # nalbuphine, butorphanol, pentazocine
LOCAL_FORMS_TOO = {row["perpetrator_rxnorm"] for row in PERPETRATORS if row["local_forms"]} | {"3008", "42316"}  # 2.2


# --- times of activity


@dataclass(eq=False)
class Stretch:
    """One event's time of activity. `documented_end` is None where only an assumption makes it active."""

    event: object  # OpioidEvent, AntagonistEvent or ActiveTime
    begin: object
    end: object
    documented_end: object
    codes: frozenset  # reason codes of group supply
    facts: list  # of a fill those of its whole run

    @property
    def tie_order(self):
        return (self.begin, self.event.anchor.key)


def opioid_stretches(patient, part):
    """When an opioid form is active; a depot stays active for five half-lives after its injection."""
    events = [e for e in patient.opioid_events() if (e.part.ingredient, e.part.form) == (part.ingredient, part.form)]
    stretches = []
    for event, exposure in events_with_exposures(events):
        end, documented = exposure.possible_end, exposure.documented_end
        if part.acting == "depot":
            lasting = hard_window(part, Decimal(1))
            end = later(end, lasting)
            documented = None if event.kind in {"depot", "order"} else end
        stretches.append(Stretch(event, event.begin, end, documented, frozenset(exposure.codes), exposure.facts))
    return stretches


def events_with_exposures(events):
    chained = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.tie_order)
    pairs = list(zip(chained, chain_exposures(chained), strict=True)) if chained else []
    return pairs + [(e, single_exposure(e)) for e in events if e.kind != "supply"]


def opioid_parts(patient):
    parts = {(e.part.ingredient, e.part.form): e.part for e in patient.opioid_events()}
    return list(parts.values())


def antagonist_stretch(patient, event):
    """From the fill (not the hand-over) to the possible end of its supply; a depot blocks 28 days."""
    if event.part.form == "ntx_depot":
        end = later(depot_until(event), hours(672))
    elif event.part.kind == "P" and event.kind == "report":
        end = report_time("", event.anchor, event.stops).end  # it lapses as interacting medicines do
    else:
        end = antagonist_end(patient, event)
    codes = {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
    begin, facts = event.time, event.facts
    if event.supply is not None:
        begin = event.supply.begin
        facts = [*facts, *(fact for supply in run_of(patient, event) for fact in supply.facts)]
    return Stretch(event, begin, max(end, event.time), end, frozenset(codes), facts)


def run_of(patient, event):
    """The supplies whose left-over reaches this fill, itself included."""
    if event.kind != "supply":
        return [event.supply]
    return chain(chain_until(patient, event), possible_supply)[-1].run


def chain_until(patient, event):
    component = ("antagonist", event.part.ingredient, event.part.form)
    return [s for s in patient.chain_supplies(component) if s.tie_order <= event.supply.tie_order]


def later_of(one, other):
    """(later-starting side, the other side); ties by key."""
    return (one, other) if one.tie_order > other.tie_order else (other, one)


def together(one, other):
    """The later one begins before the earlier one is over; what begins at one instant is together."""
    late, early = later_of(one, other)
    return late.begin < early.end or late.begin == early.begin


def counterpart_of(event):
    part = getattr(event, "part", None)
    if part is not None:
        return part
    gut = event.anchor.medicine.gut_opioids
    return gut[0] if gut else event.code


ABOUT_ENDS = {"SUPPLY_END_ASSUMED", "ONGOING_NO_END", "REFILL_STACKED", "REFILL_STACK_CAPPED"}


def basis_codes(own_steps, facts):
    """Codes that depend on the basis: something recorded after the anchor's latest step, a local date."""
    imprecise = any(fact.dates_used for fact in (*own_steps, *facts))
    return late_codes(own_steps, facts) | ({"TIME_IMPRECISE"} if imprecise else set())


def event_pairs(ones, others):
    """(anchor, other side) of what is active together: for each anchor and other medicine the earliest pair."""
    found = {}
    for one in ones:
        for other in others:
            if together(one, other):
                anchor, active = later_of(one, other)
                held = found.get(anchor)
                if held is None or active.tie_order < held.tie_order:
                    found[anchor] = active
    return found.items()


def pair_finding(rule, severity, display, anchor, active, *, codes=frozenset()):
    """One finding on two medicines, anchored at the later-starting one; no codes about supply ends."""
    codes = set(codes) | ((anchor.codes | active.codes) - ABOUT_ENDS)
    codes |= basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
    return finding(rule, severity, anchor.event, counterpart_of(active.event), display, reason_codes=codes)
