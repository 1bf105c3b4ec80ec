"""Rules of data that cannot be relied on: DQ.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass

from tests.reference.evaluator_activity import LOCAL_FORMS_TOO
from tests.reference.evaluator_evidence import attestations, attested_time, can_rest_on, covers, ingredients_named
from tests.reference.evaluator_facts import INTERACTING, names, stated_supply_h
from tests.reference.evaluator_findings import finding
from tests.reference.evaluator_patient import is_depot_form
from tests.reference.evaluator_supply import is_order
from tests.reference.evaluator_tables import INJECTED, NALTREXONE


def data_quality(patient):
    findings, anchors = [], patient.anchors()
    for fact in patient.of_type("prescription", "fill", "administer", "report"):
        if fact in patient.gone:
            continue
        if fact.type == "prescription" and not (is_order(fact) and stands_without_fill(patient, fact)):
            continue
        findings += unknown_product(patient, fact)
        if fact in anchors:  # a supply seen twice lacks what its longer sighting lacks
            findings += missing_days_supply(patient, fact)
            findings += missing_dose_or_route(patient, fact)
            findings += unknown_route(patient, fact)
    findings += ignored_attestations(patient)
    if len(patient.facts) > 5000:
        codes = {"TOO_MANY_FACTS"}
        findings.append(finding("DQ-06", "moderate", patient.facts[5000], None, "queue", reason_codes=codes))
    return findings


def stands_without_fill(patient, order):
    """A fill replaces its order: what the order lacks, the fill tells or lacks itself."""
    return not all((order, component) in patient.filled_orders for component in patient.components(order)) or (
        not patient.components(order)
    )


@dataclass(frozen=True)
class Deficient:
    """A deficient event as an anchor: urgency as of its medicine."""

    anchor: object
    with_patient: bool
    dates_used: bool = False  # of the fact or a step of it


def deficient(patient, fact):
    steps = patient.steps_of(fact)
    handed = any(step.type == "handed_over" for step in steps)
    with_patient = handed or fact.type in {"administer", "report", "evidence"}
    return Deficient(fact, with_patient, any(step.dates_used for step in steps))


def missing_days_supply(patient, fact):
    """DQ-01: on a fill of an opioid, an oral antagonist or an interacting medicine (not depots, rescue, counted)."""
    medicine = fact.medicine
    forms = [part.form for part in medicine.opioids if part.acting != "depot"]
    injected = medicine.route in INJECTED
    tablets = any(part.kind == "S" for part in medicine.antagonists) and not injected
    interacts = not medicine.local and any(code in INTERACTING for code in medicine.codes)
    if fact.type != "fill" or not (forms or tablets or interacts):
        return []
    counted = any(stated_supply_h(fact, form) is not None for form in [*forms, ""])
    depot = any(is_depot_form(part.form) for part in (*medicine.opioids, *medicine.antagonists))
    if counted or (depot and not forms and not tablets):
        return []
    codes = {"SUPPLY_END_ASSUMED"}
    return [finding("DQ-01", "info", deficient(patient, fact), None, "profile", reason_codes=codes)]


def missing_dose_or_route(patient, fact):
    """DQ-02: daily naltrexone dose missing (not depots), or route missing where neither route nor form tells it."""
    own = [p for p in fact.medicine.antagonists if p.ingredient == NALTREXONE and p.kind == "S"]
    if not own:
        return []
    codes = {"DOSE_UNKNOWN"} if fact.dose is None else set()
    no_route = not fact.medicine.route and not own[0].form
    if not codes and not no_route:
        return []
    return [finding("DQ-02", "moderate", deficient(patient, fact), None, "queue", reason_codes=codes)]


def unknown_product(patient, fact):
    """DQ-03: major when the display text of an unknown product contains an opioid or antagonist name."""
    text = (fact.get("product") or "").lower()
    if not fact.medicine.unknown or not names(text, {"opioid", "antagonist"}):
        return []
    return [finding("DQ-03", "major", deficient(patient, fact), None, reason_codes={"UNKNOWN_PRODUCT"})]


def unknown_route(patient, fact):
    """DQ-07: route unknown for an ingredient that has systemic and local forms."""
    if fact.medicine.route or not any(code in LOCAL_FORMS_TOO for code in fact.medicine.codes):
        return []
    return [finding("DQ-07", "info", deficient(patient, fact), None, "profile")]


def ignored_attestations(patient):
    """DQ-04: no named clinician, not short-acting with stock unaccounted, a depot, or voided by an uncovered fill."""
    exposures = patient.exposures(lambda _: True)
    findings = []
    for fact in attestations(patient):
        named = ingredients_named(fact)
        own = [e for e in exposures if e.part.ingredient and e.part.ingredient in named]
        usable = fact.has("recorded_by") and attested_time(fact) is not None
        supplies = [e for e in own if e.kind != "order"]  # evidence never moves a POSSIBLE order
        refused = [e for e in supplies if not can_rest_on(fact, e)]
        uncovered = [e for e in own if usable and not covers(fact, e)]
        if not usable or not named or refused or uncovered or (own and not supplies):
            findings.append(finding("DQ-04", "info", Deficient(fact, True, fact.dates_used), None, "profile"))
    return findings
