"""LD-10: review low-dose naltrexone after 28 days.

When   a course of naltrexone of at most 5 mg a day starts
Then   info on the profile, from 28 days after the start: about a month to full benefit; no response before is no
       failure
Source SEED1
Needs  supply of naltrexone with the daily dose
Cannot see how the patient does; whether the course began at another pharmacy
Reasons none of its own

Cases
| case                                | severity | display |
|-------------------------------------|----------|---------|
| 28 days after the start of a course | info     | profile |

Timeline
| time             | event                        | finding                           |
|------------------|------------------------------|-----------------------------------|
| 2026-03-01 09:00 | fill ntx_ldn 1.5 mg, 30 days | LD-10 info, from 2026-03-29 09:00 |
| 2026-03-31 09:00 | fill ntx_ldn 3 mg, 30 days   |                                   |
"""

from datetime import timedelta
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.wording import days_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.washout import later
from rx_clinical.rules.ldn.engine import Intake, low_dose_intakes
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per course."""
    review = context.catalogue.policy.ldn_review
    return [
        Decision(
            rule=RULE.id,
            anchor=intake.event,
            severity=Severity.INFO,
            display=Display.PROFILE,
            since=later(intake.at, review),
            explain=partial(_explain, intake, review),
        )
        for intake in low_dose_intakes(context)
        if intake.starts
    ]


def _explain(intake: Intake, review: timedelta) -> Explanation:
    days = days_text(review)
    return Explanation(
        sentences=[
            (
                f"Review {intake.text} {days} days after its start: about a month to full benefit, and no response "
                "before is no failure. Do not gate on ESR."
            )
        ],
        basis=intake.basis,
        evidence_level=EvidenceLevel.SEED_CLAIM_ONLY,
    )


RULE = Rule("LD-10", Family.LDN, needs=(FactBits.ANTAGONIST,), decide=decide)
