"""LD-09: vivid dreams, sleeplessness or headache early in a course: expected.

When   such a symptom is reported within the first 14 days of a course of low-dose naltrexone
Then   info on the profile: it usually passes; one step back, or take it in the morning
Source SEED1, SEED4
Needs  supply of naltrexone with the daily dose; reported symptoms, in words
Cannot see symptoms that nobody reports; other causes of them
Reasons none of its own

Cases
| case                                                               | severity | display |
|--------------------------------------------------------------------|----------|---------|
| dreams, sleeplessness or headache in the first 14 days of a course | info     | profile |
| later                                                              | none     | -       |

Timeline
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-03-01 09:00 | fill ntx_ldn 1.5 mg, 30 days |            |
| 2026-03-05 09:00 | fact symptom: vivid dreams   | LD-09 info |

Timeline: later
| time             | event                        | finding |
|------------------|------------------------------|---------|
| 2026-03-01 09:00 | fill ntx_ldn 1.5 mg, 30 days |         |
| 2026-03-20 09:00 | fact symptom: headache       |         |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.ldn.symptoms import symptom_decision, symptoms_in_courses
from rx_clinical.rules.rule import Family, Rule

_TEXT = (
    "{symptom} in the first two weeks of {course} is expected and usually passes. Go back one step, or take it in the "
    "morning."
)


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per course."""
    early = context.catalogue.policy.ldn_early_effects
    return [
        symptom_decision(RULE.id, intake, soon[0], severity=Severity.INFO, display=Display.PROFILE, sentence=_TEXT)
        for intake, facts in symptoms_in_courses(context, "night")
        if (soon := [fact for fact in facts if fact.occurred.earliest - intake.course_begin <= early])
    ]


RULE = Rule("LD-09", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PATIENT), decide=decide)
