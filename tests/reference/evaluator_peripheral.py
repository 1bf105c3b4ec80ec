"""Rules of gut opioids and peripheral antagonists: OT (rows 2 and 20).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_activity import (
    ABOUT_ENDS,
    Stretch,
    antagonist_stretch,
    basis_codes,
    counterpart_of,
    event_pairs,
    opioid_parts,
    opioid_stretches,
    pair_finding,
)
from tests.reference.evaluator_doses import tier_at
from tests.reference.evaluator_findings import finding
from tests.reference.evaluator_interacting import active_times
from tests.reference.evaluator_supply import begin_unknown, later
from tests.reference.evaluator_tables import DRUGS, hours


def gut_opioid_stretches(patient, form):
    """Loperamide <= 16 mg/day or unknown, diphenoxylate: when it is taken."""
    code = DRUGS[form]["rxnorm_ingredient_code"]
    times = [t for t in active_times(patient, code) if form in t.anchor.medicine.gut_opioids]
    return [
        Stretch(time, time.begin, time.end, time.documented_end, frozenset(), [*time.facts, *run_facts(time)])
        for time in times
    ]


def run_facts(time):
    return [fact for supply in time.run for fact in supply.facts]


def gut_opioids(patient):
    """OT-01: loperamide or diphenoxylate with S or D."""
    antagonists = {}
    for event in patient.antagonist_events():
        if event.part.kind in {"S", "D"} and not is_ultra_low(patient, event):
            stretch = antagonist_stretch(patient, event)
            antagonists.setdefault((event.part.ingredient, event.part.form), []).append(stretch)
    findings = []
    for form in ("loperamide", "diphenoxylate"):
        for stretches in antagonists.values():
            for anchor, active in event_pairs(gut_opioid_stretches(patient, form), stretches):
                codes = {"REDUCED_BENEFIT"} | basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
                counterpart = counterpart_of(active.event)
                findings.append(finding("OT-01", "info", anchor.event, counterpart, "profile", reason_codes=codes))
    return findings


def is_ultra_low(patient, event):
    if event.part.kind == "D":
        return False
    return tier_at(patient, event, event.time)[0].is_ultra_low


def peripheral(patient):
    """OT-02: a peripheral antagonist with any systemic opioid; OT-03: alvimopan after more than 7 days of opioid."""
    findings, stretches = [], {}
    for event in patient.antagonist_events():
        if event.part.kind == "P":
            stretches.setdefault(event.part, []).append(antagonist_stretch(patient, event))
            if event.part.form == "alvimopan":
                findings += alvimopan(patient, event)
    contraindicated = {one["anchor_key"] for one in findings}
    for own in stretches.values():
        allowed = [stretch for stretch in own if stretch.event.anchor.key not in contraindicated]
        for part in opioid_parts(patient):
            for anchor, active in event_pairs(allowed, opioid_stretches(patient, part)):
                findings.append(pair_finding("OT-02", "info", "profile", anchor, active))
    return findings


def alvimopan(patient, event):
    """Continuous documented opioid coverage of more than 168 h, gaps up to 24 h joined, to within 24 h before it.

    Begun at an unknown time before a report: contraindicated if it would be at any of those times.
    """
    stretches = []
    for part in opioid_parts(patient):
        stretches += [s for s in opioid_stretches(patient, part) if s.documented_end is not None]
    times = [event.time]
    if begin_unknown(event.anchor):
        ends = {s.documented_end for s in stretches}
        times = sorted({event.span.end, *(end for end in ends if event.time <= end <= event.span.end)}, reverse=True)
    for time in times:
        run = covered_up_to(time, stretches)
        if run:
            return alvimopan_findings(event, run)
    return []


def covered_up_to(time, stretches):
    run = None
    for stretch in sorted((s for s in stretches if s.begin <= time), key=lambda s: s.tie_order):
        if run is not None and stretch.begin <= later(run["end"], hours(24)):
            run["end"] = max(run["end"], stretch.documented_end)
            run["stretches"].append(stretch)
        else:
            run = {"begin": stretch.begin, "end": stretch.documented_end, "stretches": [stretch]}
    if run is None or min(run["end"], time) - run["begin"] <= hours(168) or run["end"] < time - hours(24):
        return None
    return run


def alvimopan_findings(event, run):
    findings = []
    for part in {s.event.part for s in run["stretches"]}:
        own = [s for s in run["stretches"] if s.event.part == part]
        facts = [fact for stretch in own for fact in stretch.event.facts]
        codes = basis_codes(event.facts, facts)
        codes = codes.union(*(stretch.codes - ABOUT_ENDS for stretch in own))
        findings.append(finding("OT-03", "contraindicated", event, part, reason_codes=codes))
    return findings
