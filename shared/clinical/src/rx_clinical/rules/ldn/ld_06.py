"""LD-06: naltrexone under 18 years.

When   naltrexone of any dose is supplied to a patient who is, or by the birth year alone may be, younger than 18
Then   major, in the worklist: a specialist confirms, dose by weight; with Crohn's disease from 8 years on a pilot study
       is mentioned
Source SEED2 (pilot in 8-17 year-olds), LDN5
Needs  supply of naltrexone; the birth year
Cannot see the birthday: in the year of the 18th birthday the patient may still be younger; the weight
Reasons none of its own

Cases
| case                                | severity | display |
|-------------------------------------|----------|---------|
| the patient is, or may be, under 18 | major    | queue   |
| no birth year is known              | none     | -       |

Timeline
| time             | event                        | finding     |
|------------------|------------------------------|-------------|
| 2026-03-01 09:00 | fact birth year: 2008        |             |
| 2026-03-10 09:00 | fill ntx_ldn 1.5 mg, 30 days | LD-06 major |
| 2027-01-10 09:00 | fill ntx_ldn 1.5 mg, 30 days |             |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import BasisRole
from rx_clinical.rules.ldn.engine import Intake, decide_to_confirm, intakes
from rx_clinical.rules.rule import Family, Rule

_KIND = "birth_year"


def years(fact: PatientFact, intake: Intake) -> int | None:
    """Return the full years that the patient may reach in the year of the supply; one less before the birthday."""
    text = fact.value.strip()[:4]
    return intake.at.year - int(text) if text.isascii() and text.isdigit() else None


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply."""
    facts = context.patient.standing(_KIND)
    if not facts:
        return []
    newest = facts[-1]
    return [
        decide_to_confirm(RULE.id, intake, _KIND, partial(_explain, context, intake, newest, age))
        for intake in intakes(context)
        if (age := years(newest, intake)) is not None and age <= context.catalogue.policy.adult_age
    ]


def _explain(context: RuleContext, intake: Intake, fact: PatientFact, age: int) -> Explanation:
    adult = context.catalogue.policy.adult_age
    known = f"may be under {adult}" if age == adult else f"is under {adult}"
    crohn = context.patient.symptoms("crohn")
    pilot = ["A small pilot study in Crohn's disease at 8-17 years reported no harm."] if crohn else []
    return Explanation(
        sentences=[
            f"{intake.text}: by the birth year the patient {known}. A specialist confirms; dose by weight.",
            *pilot,
        ],
        basis=[*intake.basis, BasisItem(BasisRole.PATIENT, _KIND, None, Entry(fact))],
        evidence_level=EvidenceLevel.SEED_CLAIM_AND_REFERENCE_LIST,
    )


RULE = Rule("LD-06", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PATIENT), decide=decide)
