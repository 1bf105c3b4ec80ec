"""What every rule finds in a list of facts: a slow, obvious evaluator, written from the clinical reference alone.

`evaluate(facts, known_since)` takes plain dicts in the vocabulary of the scenario files (scalars may be text) and
returns plain dicts, one a finding. It imports nothing of the project and reads only its CSV tables. Where the text
leaves a choice, READINGS.md says which reading was taken. Comments cite the clinical reference by section.

Left out: CP-02, CP-05 and CP-09 (they need batches, which the vocabulary does not hold), texts, masking of names.
"""

from decimal import Decimal

from tests.reference import evaluator_interacting as interacting_of
from tests.reference.evaluator_blockade import depot_until
from tests.reference.evaluator_data_quality import deficient
from tests.reference.evaluator_doses import antagonist_end, tier_of
from tests.reference.evaluator_facts import INTERACTING, MEDICINE_TYPES, PARTNERS, read_facts
from tests.reference.evaluator_findings import SEVERITIES, finding
from tests.reference.evaluator_interacting import active_times, carry_over
from tests.reference.evaluator_patient import Patient, chain_exposures, single_exposure
from tests.reference.evaluator_rules import ALL_RULES
from tests.reference.evaluator_supply import is_order, later
from tests.reference.evaluator_tables import DRUGS, FOREVER, NO_TIME, PERPETRATORS, days, hours
from tests.reference.evaluator_window_lengths import policy_window

HORIZON = days(400)
GUT_OPIOIDS = {DRUGS[form]["rxnorm_ingredient_code"] for form in ("loperamide", "diphenoxylate")}


def evaluate(facts, known_since):
    """Findings of all patients, sorted; each (merged) patient is evaluated alone."""
    found = []
    for name, own in read_facts(facts).items():
        patient = Patient(name, own, known_since)
        late = apply_horizon(patient)
        findings = [*late, *(one for rule in ALL_RULES for one in rule(patient))]
        found += [plain(one, name) for one in one_for_each_pair(findings)]
    return sorted(found, key=lambda f: (f["patient"], f["rule"], f["anchor_event_id"], str(f["counterpart"])))


def one_for_each_pair(findings):
    """3.3: one finding per rule, anchor and counterpart; the worst, with the codes of all of them."""
    kept = {}
    for one in findings:
        key = (one["rule"], one["anchor_key"], one["counterpart_key"])
        codes = one["reason_codes"] | (kept[key]["reason_codes"] if key in kept else set())
        if key not in kept or SEVERITIES.index(one["severity"]) < SEVERITIES.index(kept[key]["severity"]):
            kept[key] = one
        kept[key]["reason_codes"] = codes
    return list(kept.values())


def plain(one, patient):
    one = {**one, "reason_codes": sorted(one["reason_codes"]), "patient": patient}
    del one["anchor_key"], one["counterpart_key"]
    return one


# --- the horizon (3.1)


def plays_a_role(fact):
    """Irrelevant medicines play none, nor do plans, drafts and interacting medicines on the skin."""
    if fact.type == "prescription" and not is_order(fact):
        return False
    if fact.type in MEDICINE_TYPES:
        return fact.medicine.plays_a_role
    return fact.type in {"evidence", "confirm", "patient_fact", "procedure"}


def newest_recorded(patient):
    """Medicines with a role, their steps, evidence, confirmations, patient facts, procedures."""
    with_role = [fact for fact in patient.facts if plays_a_role(fact)]
    fills = {fact.id for fact in with_role if fact.type == "fill"}
    ending = {fact.id for fact in with_role if fact.type in {"report", "prescription"}}
    steps = [fact for fact in patient.hand_overs if fact.get("refers_to") in fills]
    steps += [fact for fact in patient.stops if fact.get("refers_to") in ending]
    return max((fact.recorded for fact in [*with_role, *steps]), default=None)


def apply_horizon(patient):
    """Leave out what ended 400 days before the newest record; DQ-05 for what came more than 400 d late."""
    patient.newest_recorded = newest_recorded(patient)
    if patient.newest_recorded is None:
        return []
    horizon = patient.newest_recorded - HORIZON
    replaced = {supply.anchor for supply in patient.injected.values()}  # by the injection
    anchors, last = set(patient.anchors()) - replaced, {}
    for (fact, component), end in effect_ends(patient).items():
        last[fact] = max(last.get(fact, end), end)
        if end < horizon:
            patient.dropped.add((fact, component))
    findings = []
    for fact, end in last.items():
        if end < horizon:
            patient.gone.add(fact)
            if fact.recorded - end > HORIZON and fact in anchors:  # a supply seen twice is one
                codes = {"LATE_BEYOND_HORIZON"}
                findings.append(finding("DQ-05", "info", deficient(patient, fact), None, "queue", reason_codes=codes))
    return findings


def effect_ends(patient):
    """When the effect of each component of a medicine fact (and of a positive test) ends."""
    ends = {}

    def note(facts, component, end):
        for fact in facts:
            ends[fact, component] = max(ends.get((fact, component), end), end)

    opioid_effects(patient, note)
    antagonist_effects(patient, note)
    other_effects(patient, note)
    return ends


def opioid_effects(patient, note):
    """Supply end + longest possible window at multiplier 4; a chain of fills ends as a whole."""
    chains = {}
    for event in patient.opioid_events():
        window = policy_window(event.part, Decimal(4))
        if event.kind == "supply":
            chains.setdefault(event.component, []).append(event)
        else:
            exposure = single_exposure(event)
            facts = [f for f in event.facts if f.type in {*MEDICINE_TYPES, "evidence"}]
            note(facts, event.component, later(exposure.possible_end, window))
    for component, events in chains.items():
        events.sort(key=lambda event: event.tie_order)
        end = max(exposure.possible_end for exposure in chain_exposures(events))
        window = policy_window(events[0].part, Decimal(4))
        note([fill for event in events for fill in event.supply.sightings], component, later(end, window))


def antagonist_effects(patient, note):
    """Antagonist tail + 30 d; a chain of fills ends as a whole."""
    chains = {}
    for event in patient.antagonist_events():
        chains.setdefault((event.component, event.kind == "supply" or id(event)), []).append(event)
    for (component, _), events in chains.items():
        end = max(antagonist_effect_end(patient, event) for event in events)
        facts = [f for event in events for f in event.facts if f.type in {"fill", "administer", "report"}]
        note([*facts, *(event.anchor for event in events)], component, end)


def antagonist_effect_end(patient, event):
    if event.part.form == "ntx_depot":
        return later(depot_until(event), hours(1200) + days(30))
    end = antagonist_end(patient, event)
    tail = tier_of(event.part, event.dose).tail if event.part.kind == "S" else NO_TIME
    return later(end, tail + days(30))


def other_effects(patient, note):
    """Interacting medicines: carry-over. LDN partners, gut opioids: end of supply. Fills of one code end together."""
    codes = {code for fact in patient.of_type(*MEDICINE_TYPES) for code in fact.medicine.codes}
    for code in sorted(codes & (INTERACTING | PARTNERS | GUT_OPIOIDS)):
        carry = max((carry_over(r) for r in PERPETRATORS if r["perpetrator_rxnorm"] == code), default=NO_TIME)
        times = active_times(patient, code)
        fills = [time for time in times if time.kind == "fill"]
        for time in fills:
            note(time_facts(time), interacting_of.other(code), later(max(other.end for other in fills), carry))
        for time in times:
            if time.kind != "fill":
                ongoing = time.kind == "report" and time.anchor.true("ongoing") and not time.stopped
                note([time.anchor], interacting_of.other(code), FOREVER if ongoing else later(time.end, carry))


def time_facts(time):
    return [fact for fact in time.facts if fact.type == "fill"]
