"""Rules of surgery: SX (row 24).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_activity import antagonist_stretch, basis_codes, chain_until
from tests.reference.evaluator_blockade import depot_until, newest_fill, newest_given
from tests.reference.evaluator_doses import antagonist_end, facts_of_parts, tier_at
from tests.reference.evaluator_facts import documented_supply, possible_supply
from tests.reference.evaluator_findings import finding
from tests.reference.evaluator_patient import chain_codes
from tests.reference.evaluator_starts import antagonist_codes
from tests.reference.evaluator_supply import chain, later
from tests.reference.evaluator_tables import FOREVER, hours


def surgery(patient):
    """SX-01: a procedure with expected opioids before the hold of the last antagonist dose ends."""
    findings = []
    for procedure in patient.of_type("procedure"):
        when = procedure.time("procedure_at") or procedure.span
        if procedure.get("opioid_expected", "true").lower() != "true":
            continue
        begun = {}
        for event in patient.antagonist_events():
            if event.part.kind in {"S", "D"} and event.time <= when.end:
                begun.setdefault((event.part.ingredient, event.part.form), []).append(event)
        for events in begun.values():
            findings += hold(patient, procedure, when, events)
    return findings


def hold(patient, procedure, when, events):
    """The hold of one form: after what may last longest of it."""
    newest = [*newest_fill(events), *newest_given(events)]
    newest += [event for event in events if event.kind not in {"supply", "given"}]
    event = max(newest, key=lambda one: (last_dose(patient, one), one.time))
    tier, parts = (None, [event]) if event.part.kind == "D" else tier_at(patient, event, when.start)
    length = 720 if tier is None else HOLD_HOURS.get(tier.name, 96)
    ends_at = later(last_dose(patient, event), hours(length))
    if when.start >= ends_at:
        return []
    stretch = antagonist_stretch(patient, event)
    codes = {"HOLD_BEFORE_SURGERY"} | antagonist_codes(event, parts) | stretch.codes
    basis = [*stretch.facts, procedure, *facts_of_parts(event, parts)]
    codes |= basis_codes(event.facts, basis)
    codes |= {"ADMINISTRATION_UNCONFIRMED"} if event.kind == "depot" else set()
    if event.kind == "supply":
        supplies = chain_until(patient, event)
        documented, possible = (chain(supplies, length_of)[-1] for length_of in (documented_supply, possible_supply))
        codes |= chain_codes(documented, possible)
    if event.kind == "report" and event.part.kind == "S":
        known = antagonist_end(patient, event, documented_supply)
        codes |= {"SUPPLY_END_ASSUMED"} if known < antagonist_end(patient, event) else set()
    other = {"reason_codes": codes, "ends_at": None if ends_at == FOREVER else ends_at}
    return [finding("SX-01", "major", event, procedure.id, "queue", **other)]


HOLD_HOURS = {"samidorphan": 120, "ldn": 72, "uldn_trial": 72, "uldn_untested": 72}
"""Hours after the last dose by tier, every other oral one 96; a depot 720 h after the injection."""


def last_dose(patient, event):
    return depot_until(event) if event.part.kind == "D" else antagonist_end(patient, event)
