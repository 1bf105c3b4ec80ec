"""LD-08: the gut suffers for more than two weeks.

When   a gut symptom (loose stool, cramps) is reported more than 14 days after a course of low-dose naltrexone began,
       while it lasts
Then   moderate, in the worklist: stop for 1-2 weeks, then resume as a transdermal cream
Source SEED2
Needs  supply of naltrexone with the daily dose; reported symptoms, in words
Cannot see symptoms that nobody reports; other causes of them
Reasons none of its own

Cases
| case                                                   | severity | display |
|--------------------------------------------------------|----------|---------|
| a gut symptom reported more than 14 days into a course | moderate | queue   |
| in the first 14 days                                   | none     | -       |

Timeline
| time             | event                        | finding        |
|------------------|------------------------------|----------------|
| 2026-03-01 09:00 | fill ntx_ldn 4.5 mg, 30 days |                |
| 2026-03-10 09:00 | fact symptom: loose stool    |                |
| 2026-03-20 09:00 | fact symptom: cramps         | LD-08 moderate |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.ldn.symptoms import symptom_decision, symptoms_in_courses
from rx_clinical.rules.rule import Family, Rule

_TEXT = (
    "{symptom} is reported more than two weeks into {course}. Stop for 1-2 weeks, then resume as a transdermal cream."
)


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per course."""
    early = context.catalogue.policy.ldn_early_effects
    return [
        symptom_decision(RULE.id, intake, late[0], severity=Severity.MODERATE, display=Display.QUEUE, sentence=_TEXT)
        for intake, facts in symptoms_in_courses(context, "gut")
        if (late := [fact for fact in facts if fact.occurred.earliest - intake.course_begin > early])
    ]


RULE = Rule("LD-08", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PATIENT), decide=decide)
