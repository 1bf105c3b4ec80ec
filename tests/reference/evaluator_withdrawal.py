"""Rules of withdrawal for antagonists of kind S and D (3.3 rows 5 to 10).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_doses import facts_of_parts, tier_at
from tests.reference.evaluator_evidence import acute_course, judgements
from tests.reference.evaluator_findings import common_codes, finding
from tests.reference.evaluator_starts import (
    antagonist_codes,
    by_form,
    codes_seen,
    latest,
    span_of,
    start_after_judgement,
    start_codes,
    start_fields,
)
from tests.reference.evaluator_tables import FOREVER
from tests.reference.evaluator_ultra_low import ultra_low_dose
from tests.reference.evaluator_window_lengths import form_codes


def withdrawal(patient):
    findings = []
    for event in patient.antagonist_events():
        if event.part.kind in {"S", "D"}:
            tier, parts = (None, []) if event.part.kind == "D" else tier_at(patient, event, event.time)
            if tier is not None and tier.is_ultra_low:
                findings += ultra_low_dose(patient, event, parts)
            else:
                findings += opioid_first(patient, event, parts)
    return findings


def opioid_first(patient, event, parts):
    exposures = patient.exposures(lambda opioid: span_of(opioid).may_be_at_or_before(event.span))
    if not exposures:
        return []
    acute = acute_course(patient, exposures, event.time)
    fired = {exposure: judgements(patient, exposure, exposures, event, acute) for exposure in exposures}
    starts = {
        exposure: start_after_judgement(patient, exposure, exposures, event, fired[exposure]) for exposure in fired
    }
    overall = latest(list(starts.values()))
    findings = []
    for group in by_form(exposures).values():
        verdicts = [verdict for exposure in group for verdict in fired[exposure]]
        if not verdicts:
            continue  # row 10
        worst = min(verdicts, key=lambda verdict: verdict.rank)
        own_start = latest([starts[exposure] for exposure in group])
        codes = form_codes(group[0].part) | start_codes(own_start) | antagonist_codes(event, parts)
        for verdict in verdicts:
            codes |= verdict.codes | codes_seen(patient, verdict.exposure, exposures)
        if "ACUTE_COURSE" not in worst.codes:
            codes -= {"ACUTE_COURSE"}  # an earlier end of the chain had it
        codes |= codes_seen(patient, own_start.exposure, exposures)
        codes |= {"ONGOING_NO_END"} if overall.time == FOREVER else set()
        basis = [fact for verdict in verdicts for fact in (*verdict.exposure.facts, *verdict.facts)]
        basis += [*own_start.exposure.facts, *own_start.counting.facts, *facts_of_parts(event, parts)]
        basis += [*overall.exposure.facts, *overall.counting.facts]
        codes |= common_codes(patient, event.time, event.facts, basis)
        fields = start_fields(overall)
        findings.append(
            finding(
                worst.rule,
                worst.severity,
                event,
                group[0].part,
                reason_codes=codes,
                ends_at=fields["earliest_start"],
                requires_confirmation="LAST_DOSE_ATTESTED" in codes and worst.severity != "contraindicated",
                **fields,
            )
        )
    return findings
