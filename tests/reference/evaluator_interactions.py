"""Rules of interacting medicines: PK and IN (2.2, row 23).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass

from tests.reference.evaluator_activity import ABOUT_ENDS, basis_codes, opioid_parts, opioid_stretches
from tests.reference.evaluator_findings import SEVERITIES, finding
from tests.reference.evaluator_interacting import carry_over, pair_row, perpetrator_codes, taken_of
from tests.reference.evaluator_supply import begin_unknown, later
from tests.reference.evaluator_tables import BUPRENORPHINE, FENTANYL, FOREVER, METHADONE, NO_TIME, RITONAVIR, days


@dataclass(eq=False)
class Run:
    """An opioid exposure: the fills of a chain without a gap, or one report, order, dose, depot or test."""

    stretches: list

    @property
    def first(self):
        return self.stretches[0]

    @property
    def last(self):
        return self.stretches[-1]


def opioid_runs(patient, part):
    """The exposures of one form, a chain of fills as its runs."""
    runs = []
    for stretch in opioid_stretches(patient, part):
        goes_on = stretch.event.kind == "supply" and runs and stretch.facts[0] is runs[-1].last.facts[0]
        if goes_on:
            runs[-1].stretches.append(stretch)
        else:
            runs.append(Run([stretch]))
    return runs


def interactions(patient):
    """PK-01 to PK-03, IN-01, IN-02: of the pairs that give one anchor and counterpart the worst, then the earliest."""
    rated = []
    for part in opioid_parts(patient):
        runs = opioid_runs(patient, part)
        for code in perpetrator_codes():
            row = pair_row(code, part.ingredient)
            if row is None:
                continue
            taken = taken_of(patient, code)
            for medicine in taken:
                until = later(medicine.end, carry_over(row))
                for run in runs:
                    if medicine.begin <= run.last.end and run.first.begin <= until:
                        rated += interaction(patient, row, medicine, run, taken)
    chosen = {}
    for _, found in sorted(rated, key=lambda one: one[0]):
        chosen.setdefault((found["rule"], found["anchor_key"], found["counterpart_key"]), found)
    return list(chosen.values())


def interaction(patient, row, medicine, run, taken):
    part = run.first.event.part
    found = []
    if row["direction"] == "prolong":
        claim = {"EVIDENCE_SINGLE_REPORT"} if row["evidence_level"] == "SEED_CLAIM_ONLY" else set()
        loud = interrupts(part, row, medicine, run, taken)
        severity, display = ("moderate", "interruptive") if loud else ("info", "profile")
        found.append(("PK-01", severity, display, claim))
    if row["direction"] == "exposure_only":
        found.append(("PK-02", "info", "profile", set()))
    if row["direction"] == "prodrug_block":
        found.append(("PK-03", "info", "profile", set()))
    if row["direction"] == "shorten" and not (part.ingredient == METHADONE and is_short_ritonavir(medicine, taken)):
        severity, display = inducer_severity(part, medicine, run, taken)
        found.append(("IN-01", severity, display, {"INDUCER_OWN_WITHDRAWAL"}))
        if row["rule"] == "IN-01" and part.ingredient == METHADONE and inducer_stopped(patient, medicine, run, taken):
            found.append(("IN-02", "moderate", "queue", set()))
    return [medicine_pair(one, medicine, run) for one in found]


def medicine_pair(found, medicine, run):
    """(rank, finding) of an interacting medicine and an opioid exposure."""
    rule, severity, display, codes = found
    opioid_is_later = run.first.tie_order > medicine.first.tie_order
    event, counterpart = (
        (run.first.event, medicine.first.code) if opioid_is_later else (medicine.first, run.first.event.part)
    )
    codes = codes | (run.last.codes - ABOUT_ENDS) | basis_codes(event.facts, [*run.last.facts, *medicine.facts])
    begin = max(medicine.begin, run.first.begin)
    rank = (SEVERITIES.index(severity), begin, run.first.tie_order, medicine.first.tie_order)
    return rank, finding(rule, severity, event, counterpart, display, reason_codes=codes)


def known_begin(time):
    """An ongoing report without a start may be as new as the report."""
    return time.anchor.span.start if begin_unknown(time.anchor) else time.begin


def interrupts(part, row, medicine, run, taken):
    """2.2: strong, prescribed, methadone or fentanyl, the pair begins <= 14 d after the perpetrator's first event."""
    pair_begin = max(medicine.begin, run.first.begin)
    strong = row["strength"] == "strong" and part.ingredient in {METHADONE, FENTANYL}
    return (
        strong and medicine.first.prescribed and pair_begin - min(known_begin(one.first) for one in taken) <= days(14)
    )


def inducer_severity(part, medicine, run, taken):
    """2.2: major for the first fill after 28 days without it, the pair begins within 28 days of it; else info."""
    course_begin = medicine.begin
    for other in sorted(taken, key=lambda one: one.begin, reverse=True):
        if other.begin < course_begin and later(other.end, days(28)) > course_begin:
            course_begin = other.begin
    if max(medicine.begin, run.first.begin) - course_begin > days(28):
        return "info", "profile"
    return ("major" if part.ingredient in {METHADONE, BUPRENORPHINE} else "moderate"), "interruptive"


def is_short_ritonavir(medicine, taken):
    """perpetrators.csv, last row: the ritonavir supply is <= 7 days in all."""
    if medicine.first.code != RITONAVIR or any(one.end == FOREVER for one in taken):
        return False
    return sum((one.end - one.begin for one in taken), NO_TIME) <= days(7)


def inducer_stopped(patient, medicine, run, taken):
    """IN-02: inducer stopped within 14 days on stable methadone: on it for 14 days, and not over before the stop."""
    end = medicine.last.documented_end
    if end == FOREVER or not (medicine.last.stopped or end < patient.newest_recorded):
        return False
    resumed = any(one.begin <= end + days(14) and one.end > end for one in taken if one is not medicine)
    return not resumed and run.first.begin <= end - days(14) and run.last.end >= end
