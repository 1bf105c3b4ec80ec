"""LD-01: low-dose naltrexone started beside thyroid hormone.

When   a course of naltrexone of at most 5 mg a day starts
  and  systemic thyroid hormone is active
Then   major, in the worklist, above 1.5 mg a day or at an unknown dose; else info on the profile. Autoimmune
       improvement may turn the thyroid dose into too much; critical in hypokalaemic periodic paralysis. With less than
       90 d of known history nobody can tell whether it is a start: the text says so
Source SEED2, LDN3, LDN4 (thyroid tests every 2-3 months), LDN5 (some start at 0.25 mg)
Needs  supply of naltrexone with the daily dose; supply of thyroid hormone with the route; from when on history is
       known
Cannot see thyroid tests; whether the course began at another pharmacy
Reasons THYROID_START_DOSE, HISTORY_SHORT

Cases
| case                                                | severity | display |
|-----------------------------------------------------|----------|---------|
| the start is above 1.5 mg a day, or of unknown dose | major    | queue   |
| the start is at most 1.5 mg a day                   | info     | profile |

Timeline
| time             | event                        | finding     |
|------------------|------------------------------|-------------|
| 2026-03-01 09:00 | fill levothyroxine, 90 days  |             |
| 2026-03-10 09:00 | fill ntx_ldn 4.5 mg, 30 days | LD-01 major |
| 2026-04-09 09:00 | fill ntx_ldn 4.5 mg, 30 days |             |

Timeline: a low start
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-03-01 09:00 | fill levothyroxine, 90 days  |            |
| 2026-03-10 09:00 | fill ntx_ldn 1.5 mg, 14 days | LD-01 info |
"""

from decimal import Decimal
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import number_text
from rx_clinical.history.co_medication import CoMedicationExposure
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.codes import EvidenceLevel, RxNormCode
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.ldn.engine import Intake, dose_text, history_is_short, low_dose_intakes
from rx_clinical.rules.rule import Family, Rule

_GROUP = "thyroid"


def rate(dose_mg: Decimal | None, policy: Policy) -> tuple[Severity, Display]:
    """Rate major above the start dose; an unknown dose may be above it."""
    if dose_mg is None or dose_mg > policy.ldn_thyroid_start:
        return Severity.MAJOR, Display.QUEUE
    return Severity.INFO, Display.PROFILE


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per start and thyroid hormone."""
    thyroid = [partner for partner in context.partners if context.catalogue.partners[partner.key].group == _GROUP]
    if not thyroid:
        return []
    return [
        _decision(context, intake, taken, period)
        for intake in low_dose_intakes(context)
        if intake.starts
        for taken in thyroid
        if (period := taken.meeting(intake.at, intake.event.time.latest)) is not None
    ]


def _decision(
    context: RuleContext, intake: Intake, taken: CoMedicationExposure[RxNormCode], period: ExposurePeriod
) -> Decision:
    severity, display = rate(intake.dose_mg, context.catalogue.policy)
    return Decision(
        rule=RULE.id,
        anchor=intake.event,
        counterpart=taken.key,
        counterpart_key=(taken.key, ""),
        severity=severity,
        display=display,
        explain=partial(_explain, context, intake, taken, period),
    )


def _explain(
    context: RuleContext, intake: Intake, taken: CoMedicationExposure[RxNormCode], period: ExposurePeriod
) -> Explanation:
    partner = context.catalogue.partners[taken.key]
    start = number_text(context.catalogue.policy.ldn_thyroid_start)
    sentences = [
        (
            f"{intake.text} is started at {dose_text(intake.dose_mg)} beside {partner.name}: as the autoimmune "
            "disease improves, the thyroid dose may become too much."
        ),
        (
            f"Start at {start} mg or less; test the thyroid before, at 4-8 weeks, then every 2-3 months; watch for "
            "hyperthyroid signs and be ready to cut the thyroid dose fast."
        ),
    ]
    if context.patient.symptoms("paralysis"):
        sentences.append(
            "Periodic paralysis is on record: hyperthyroid signs are critical, mind potassium; opioids are a poor "
            "choice (low respiratory reserve, slow gut)."
        )
    if history_is_short(context, intake.at):
        sentences.append("Start unknown: too little history is known to tell a first fill from a later one.")
    return Explanation(
        reasons={Reason.THYROID_START_DOSE},
        sentences=sentences,
        basis=[
            *intake.basis,
            *(BasisItem(BasisRole.PRECIPITANT, partner.name, None, entry) for entry in period.entries),
        ],
        sources=partner.sources,
        evidence_level=EvidenceLevel.SEED_CLAIM_AND_REFERENCE_LIST,
    )


RULE = Rule("LD-01", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PARTNER), decide=decide)
