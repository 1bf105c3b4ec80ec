"""LD-07: dispensed strengths of low-dose naltrexone leave the usual titration.

When   naltrexone of at most 5 mg a day is filled or given, with at least 90 d of known history before it
  and  the first fill of a course is above 4.5 mg, or a step is larger than 1.5 mg, or closer than 7 days to the one
       before
Then   moderate on the profile: usual is 1.5, 3, 4.5 mg at 7-14 days, sensitive patients +0.5 mg; a good response at a
       lower dose ends the escalation (hold_at_effective_dose)
Source LDN1, LDN2, SEED1, SEED2
Needs  fills and doses of naltrexone with the daily dose; from when on history is known
Cannot see doses taken before, or from another pharmacy; what prescriber and patient have agreed
Reasons none of its own

Cases
| case                                                                    | severity | display |
|-------------------------------------------------------------------------|----------|---------|
| first fill above 4.5 mg, step above 1.5 mg, or steps closer than 7 days | moderate | profile |
| less than 90 days of known history                                      | none     | -       |

Timeline
| time             | event                        | finding        |
|------------------|------------------------------|----------------|
| 2026-03-01 09:00 | fill ntx_ldn 1.5 mg, 14 days |                |
| 2026-03-05 09:00 | fill ntx_ldn 3 mg, 14 days   | LD-07 moderate |
| 2026-03-19 09:00 | fill ntx_ldn 4.5 mg, 30 days |                |

Timeline: too little history (history known from 2026-02-01)
| time             | event                      | finding |
|------------------|----------------------------|---------|
| 2026-03-01 09:00 | fill ntx_ldn 5 mg, 30 days |         |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.catalogue.titration import Deviation, Dispensed, deviations
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.wording import number_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Administration, Fill
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.ldn.engine import Intake, history_is_short, intakes, low_dose_intakes
from rx_clinical.rules.rule import Family, Rule

_TEXT = {
    Deviation.START_TOO_HIGH: "the first fill is above the usual highest start",
    Deviation.STEP_TOO_LARGE: "the step is larger than usual",
    Deviation.STEP_TOO_SOON: "the step comes sooner than usual",
}


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply that leaves the titration."""
    known = intakes(context)
    if len(known) == 1 and (known[0].dose_mg is None or known[0].dose_mg <= context.catalogue.policy.ldn_start_max):
        return []
    courses: dict[object, list[Intake]] = {}
    for intake in low_dose_intakes(context):
        if isinstance(intake.event.entry.fact, (Fill, Administration)) and intake.dose_mg is not None:
            courses.setdefault(intake.course_begin, []).append(intake)
    return [decision for course in courses.values() for decision in _of_course(context, course)]


def _of_course(context: RuleContext, course: list[Intake]) -> list[Decision]:
    supplies = [Dispensed(intake.at, intake.dose_mg) for intake in course if intake.dose_mg is not None]
    by_supply = dict(zip(map(id, supplies), course, strict=True))
    found: dict[int, list[Deviation]] = {}
    for supply, deviation in deviations(supplies, context.catalogue.policy):
        first_of_course = by_supply[id(supply)].starts
        if deviation is Deviation.START_TOO_HIGH and not first_of_course:
            continue
        found.setdefault(id(supply), []).append(deviation)
    return [
        Decision(
            rule=RULE.id,
            anchor=by_supply[number].event,
            severity=Severity.MODERATE,
            display=Display.PROFILE,
            explain=partial(_explain, context, by_supply[number], how),
        )
        for number, how in found.items()
        if not history_is_short(context, by_supply[number].at)
    ]


def _explain(context: RuleContext, intake: Intake, how: list[Deviation]) -> Explanation:
    usual = ", ".join(number_text(step.dose_mg) for step in context.catalogue.titrations["standard"].steps)
    return Explanation(
        sentences=[
            (
                f"{intake.text}: {' and '.join(_TEXT[way] for way in how)}. Usual are {usual} mg at 7-14 days each; "
                "sensitive patients rise by 0.5 mg every 1-2 weeks; very low and transdermal starts are legitimate."
            ),
            "If a lower dose works, stay on it (hold_at_effective_dose).",
        ],
        basis=intake.basis,
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


RULE = Rule("LD-07", Family.LDN, needs=(FactBits.ANTAGONIST,), decide=decide)
