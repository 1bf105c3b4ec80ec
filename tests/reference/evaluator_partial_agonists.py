"""Rules of partial and mixed agonists on a full agonist: PA (rows 21 and 22).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_activity import (
    MIXED_ON_AGONIST,
    basis_codes,
    later_of,
    opioid_parts,
    opioid_stretches,
    together,
)
from tests.reference.evaluator_evidence import attested_time, valid_attestation
from tests.reference.evaluator_findings import SEVERITIES, finding
from tests.reference.evaluator_interacting import NO_EXTENSION
from tests.reference.evaluator_patient import single_exposure
from tests.reference.evaluator_starts import Start, codes_seen, possible_or_attested_end, span_of, start_fields
from tests.reference.evaluator_supply import later
from tests.reference.evaluator_tables import BUPRENORPHINE, days, hours


def buprenorphine_on_agonist(patient):
    """PA-01: bup_sl first fill (none in 60 d) < 24 h after long-acting, < 12 h after short-acting."""
    given = [e for e in patient.opioid_events() if e.part.form == "bup_sl" and e.kind in {"supply", "given"}]
    known = [e for e in patient.opioid_events() if e.part.form == "bup_sl" and e.kind != "order"]
    findings = []
    for event in given:
        first = first_dose(event)
        x = first.start
        if any(x - days(60) <= e.begin < x or reported_use_covers(e, x) for e in known if e is not event):
            continue
        exposures = patient.exposures(lambda other, first=first: span_of(other).may_be_at_or_before(first))
        waits = {}
        for exposure in exposures:
            end = possible_or_attested_end(patient, exposure, exposures)
            until = later(end, hours(24 if exposure.part.acting == "long" else 12))
            if exposure.part.opioid_class == "full_agonist" and x < until:
                waits.setdefault((exposure.part.ingredient, exposure.part.form), []).append((until, exposure))
        if not waits:
            continue
        latest = [max(own, key=lambda one: one[0]) for own in waits.values()]
        allowed = max(until for until, _ in latest)
        start = start_fields(Start(latest[0][1], allowed, NO_EXTENSION))
        for _, exposure in latest:
            facts = exposure.facts
            attestation = valid_attestation(patient, exposure, exposures)
            codes = {"PARTIAL_ON_FULL_AGONIST"} | codes_seen(patient, exposure, exposures)
            if attestation is not None:
                facts = [*facts, attestation]
                later_recorded = exposure.possible_end > attested_time(attestation)
                codes |= {"LAST_DOSE_ATTESTED"} if later_recorded else set()
            codes |= basis_codes(event.facts, facts)
            findings.append(finding("PA-01", "moderate", event, exposure.part, "queue", reason_codes=codes, **start))
    return findings


def first_dose(event):
    """When the first dose may be taken: at the hand-over, else at the fill."""
    if event.supply is None:
        return event.anchor.span
    return event.supply.handed.span if event.supply.handed is not None else event.supply.begin_span


def reported_use_covers(event, x):
    return event.kind == "report" and event.begin < x < single_exposure(event).possible_end


def mixed_on_agonist(patient):
    """PA-02: nalbuphine, butorphanol or pentazocine while a full agonist or buprenorphine supply is active."""
    parts = opioid_parts(patient)
    mixed = [s for part in parts if part.ingredient in MIXED_ON_AGONIST for s in opioid_stretches(patient, part)]
    agonists = [part for part in parts if part.opioid_class == "full_agonist" or part.ingredient == BUPRENORPHINE]
    found = {}
    for part in agonists:
        for other in opioid_stretches(patient, part):
            for one in mixed:
                if together(one, other):
                    anchor, active = later_of(one, other)
                    rank, clash = mixed_finding(one, anchor, active)
                    found.setdefault((clash["anchor_key"], clash["counterpart_key"]), []).append((rank, clash))
    return [min(clashes, key=lambda ranked: ranked[0])[1] for clashes in found.values()]


def mixed_finding(mixed, anchor, active):
    """(rank, finding): the worst of one anchor and counterpart counts, of equals the earliest other side."""
    inpatient = mixed.event.kind == "given" and mixed.event.anchor.get("setting") == "inpatient"
    known_end = active.documented_end
    certain = known_end is not None and (anchor.begin < known_end or anchor.begin == active.begin)
    by_order = "order" in {anchor.event.kind, active.event.kind}
    severity = "moderate" if inpatient else "contraindicated" if certain and not by_order else "major"
    codes = {"MIXED_ON_FULL_AGONIST"} | anchor.codes | active.codes
    codes |= basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
    display = "profile" if inpatient else "interruptive"
    clash = finding("PA-02", severity, anchor.event, active.event.part, display, reason_codes=codes)
    return (SEVERITIES.index(severity), active.tie_order), clash
