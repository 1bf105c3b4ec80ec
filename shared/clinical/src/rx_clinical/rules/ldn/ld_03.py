"""LD-03: low-dose naltrexone beside methotrexate.

When   naltrexone of at most 5 mg a day is supplied while systemic methotrexate is active
Then   moderate on the profile: only a patient's comment speaks of it, no study was found
Source SEED1
Needs  supply of naltrexone with the daily dose; supply of methotrexate
Cannot see liver tests; whether the warning is true
Reasons none of its own

Cases
| case                  | severity | display |
|-----------------------|----------|---------|
| both in the same time | moderate | profile |

Timeline
| time             | event                        | finding        |
|------------------|------------------------------|----------------|
| 2026-03-01 09:00 | fill methotrexate, 28 days   |                |
| 2026-03-10 09:00 | fill ntx_ldn 4.5 mg, 30 days | LD-03 moderate |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.ldn.engine import Intake, low_dose_intakes
from rx_clinical.rules.rule import Family, Rule

_GROUP = "methotrexate"


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply."""
    methotrexate = [partner for partner in context.partners if context.catalogue.partners[partner.key].group == _GROUP]
    return [
        Decision(
            rule=RULE.id,
            anchor=intake.event,
            counterpart=taken.key,
            counterpart_key=(taken.key, ""),
            severity=Severity.MODERATE,
            display=Display.PROFILE,
            explain=partial(_explain, intake, period),
        )
        for taken in methotrexate
        for intake in low_dose_intakes(context)
        if (period := taken.meeting(intake.at, intake.until)) is not None
    ]


def _explain(intake: Intake, period: ExposurePeriod) -> Explanation:
    return Explanation(
        sentences=[
            (
                f"{intake.text} beside methotrexate: a patient reported a warning, no study was found. The prescriber "
                "checks; liver tests."
            )
        ],
        basis=[
            *intake.basis,
            *(BasisItem(BasisRole.PRECIPITANT, "methotrexate", None, entry) for entry in period.entries),
        ],
        evidence_level=EvidenceLevel.SEED_CLAIM_ONLY,
    )


RULE = Rule("LD-03", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PARTNER), decide=decide)
