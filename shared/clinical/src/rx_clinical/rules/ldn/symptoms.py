"""Symptoms reported while a course of low-dose naltrexone lasts: LD-08 and LD-09."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.washout import later
from rx_clinical.rules.ldn.engine import Intake, low_dose_intakes

if TYPE_CHECKING:
    from datetime import datetime


def symptoms_in_courses(context: RuleContext, meaning: str) -> Iterator[tuple[Intake, list[PatientFact]]]:
    """Yield the first supply of each course with the symptoms of a meaning that were reported during it."""
    symptoms = context.patient.symptoms(meaning)
    if not symptoms:
        return
    courses: dict[datetime, list[Intake]] = {}
    for intake in low_dose_intakes(context):
        courses.setdefault(intake.course_begin, []).append(intake)
    for course in courses.values():
        until = later(max(intake.until for intake in course), context.catalogue.policy.ldn_course_gap)
        found = [fact for fact in symptoms if course[0].at <= fact.occurred.earliest <= until]
        if found:
            yield course[0], found


def symptom_decision(
    rule: str, intake: Intake, fact: PatientFact, *, severity: Severity, display: Display, sentence: str
) -> Decision:
    """Decide about a symptom reported during a course; active from the report on."""
    return Decision(
        rule=rule,
        anchor=intake.event,
        counterpart="symptom",
        counterpart_key=("symptom", ""),
        severity=severity,
        display=display,
        since=fact.occurred.earliest,
        explain=partial(_explain, intake, fact, sentence),
    )


def _explain(intake: Intake, fact: PatientFact, sentence: str) -> Explanation:
    return Explanation(
        sentences=[sentence.format(symptom=fact.value, course=intake.text)],
        basis=[*intake.basis, BasisItem(BasisRole.PATIENT, "symptom", None, Entry(fact))],
        evidence_level=EvidenceLevel.SEED_CLAIM_ONLY,
    )
