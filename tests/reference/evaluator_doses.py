"""Dose sums and tiers of naltrexone (1.3), ends of antagonists and hours-based spacing (3.6).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from tests.reference.evaluator_facts import names, possible_supply
from tests.reference.evaluator_supply import chain, order_end, report_ends
from tests.reference.evaluator_tables import NALMEFENE, NALTREXONE, hours

# --- dose sums and tiers (1.3)


@dataclass(frozen=True)
class Tier:
    name: str
    tail: timedelta
    opioid_after: str  # severity of BL-01
    reduced_tolerance: bool  # BL-03

    @property
    def is_ultra_low(self):
        return self.name in {"uldn_trial", "uldn_untested"}


def tier_of(part, dose):
    """1.3 and rows 11 to 17; the tail of > 50 mg, ER and unknown is 96 h."""
    fixed = {"samidorphan": ("samidorphan", 120), NALMEFENE: ("nalmefene", 72)}.get(part.ingredient)
    if fixed is not None or dose is None:
        name, tail_h = fixed or ("unknown_dose", 96)
        return Tier(name, hours(tail_h), "contraindicated", reduced_tolerance=True)
    if dose < 1:
        name = "uldn_trial" if dose <= Decimal("0.25") else "uldn_untested"
        return Tier(name, hours(24), "major", reduced_tolerance=False)
    if dose <= 5:
        return Tier("ldn", hours(72), "major", reduced_tolerance=False)
    extended_release = part.form == "ntx_er_contrave"
    name = "intermediate" if dose < 25 else "standard" if dose <= 50 else "high"
    tail = hours(96) if extended_release or name == "high" else hours(72)
    return Tier(name, tail, "contraindicated", reduced_tolerance=True)


def naltrexone_tablet_components(patient):
    return [
        component
        for component in patient.antagonist_parts()
        if component[1] == NALTREXONE and component[2] != "ntx_depot"
    ]


def newest_active(patient, component, moment):
    """What sets the dose of one form at a time: the newest fill alone; without one the newest order or report.

    A dose given on a date without clock time counts through that date (settled).
    """
    events = [e for e in patient.antagonist_events_of(component) if e.time <= moment]
    fills = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)
    active = [e for e in fills[-1:] if moment < antagonist_end(patient, e)]
    if not active:
        others = sorted((e for e in events if e.kind in {"order", "report", "given"}), key=lambda e: e.anchor.tie_order)
        active = [e for e in others if moment < antagonist_end(patient, e)]
    return active[-1] if active else None


def dose_parts(patient, event, moment):
    """1.3: the events whose doses add up: of the form judged its own, of every other form what is active then.

    An order or report of a form that is supplied at a higher or unknown dose does not lower it.
    """
    own, others = event, []
    for component in naltrexone_tablet_components(patient):
        newest = newest_active(patient, component, moment)
        if newest is None or newest.anchor is event.anchor:
            continue
        if component[2] != event.part.form:
            others.append(newest)
        elif event.kind in {"order", "report"} and event.dose is not None:
            own = newest if newest.dose is None or newest.dose > event.dose else event
    return [own, *others]


def daily_sum(patient, event, moment):
    """1.3: the daily sum over the forms whose supplies are active at the time judged; None if one dose is unknown.

    Returns (dose or None, the events that it is made of).
    """
    parts = dose_parts(patient, event, moment)
    doses = [part.dose for part in parts]
    return (None if None in doses else sum(doses)), parts


def facts_of_parts(event, parts):
    """The facts of the other products that were added."""
    return [fact for part in parts if part.anchor is not event.anchor for fact in part.facts]


def tier_at(patient, event, moment):
    """The tier of an antagonist event at a time, and the events that the dose is made of."""
    if event.part.ingredient != NALTREXONE or event.part.kind == "D":
        return tier_of(event.part, None), [event]
    dose, parts = daily_sum(patient, event, moment)
    return tier_of(event.part, dose), parts


def antagonist_end(patient, event, length_of=possible_supply):
    """Possible end of the supply of one antagonist event (tablets, not depots), stacked on what came before it."""
    if event.kind == "supply":
        component = ("antagonist", event.part.ingredient, event.part.form)
        before = [s for s in patient.chain_supplies(component) if s.tie_order <= event.supply.tie_order]
        return chain(before, length_of)[-1].end
    if event.kind == "given":
        return event.span.end
    if event.kind == "report":
        documented, possible = report_ends(event.anchor, event.part.form, event.stops)
        return possible if length_of is possible_supply else documented
    return possible_order_supply_end(event)


def possible_order_supply_end(event):
    """3.2: an unfilled antagonist order counts for its days supply (missing 30 d) from written, not past its end."""
    end = event.span.end + possible_supply(event.anchor, event.part.form)
    # Peripheral ones are judged as interacting medicines are (settled).
    ended = None if event.part.kind == "P" else order_end(event.anchor, event.stops)
    return end if ended is None else max(min(end, ended), event.span.start)


# --- hours-based spacing (3.6)

DOSING_INTERVAL = re.compile(r"\b(every|q)\s*\d{1,2}(\s*(-|to)\s*\d{1,2})?\s*(h|hr|hrs|hours?)\b")
SPACING = re.compile(r"\b(\d{1,3})(\s*(-|to)\s*\d{1,3})?\s*(h|hr|hrs|hours?)\b")


def spaces_by_hours(text):
    """3.6: the detector, on lower-cased product text and directions."""
    text = DOSING_INTERVAL.sub("", text)
    if not names(text, {"opioid"}) or not names(text, {"antagonist"}):
        return False
    for match in SPACING.finditer(text):
        near = text[max(0, match.start() - 40) : match.end() + 40]
        nearer = text[max(0, match.start() - 30) : match.end() + 30]
        cue = re.search("after|before|apart|between|wait", near)
        negated = re.search("do not|don't|never|avoid", nearer)
        if int(match.group(1)) < 336 and cue and not negated:
            return True
    return False
