"""LD-05: naltrexone in pregnancy or while breastfeeding.

When   naltrexone of any dose is supplied while a pregnancy (300 d from its record) or breastfeeding (365 d) counts
Then   major, in the worklist: the prescriber confirms; data are insufficient
Source LDN2
Needs  supply of naltrexone; pregnancy and breastfeeding on record, and their end
Cannot see a pregnancy that nobody recorded
Reasons none of its own

Cases
| case                                                           | severity | display |
|----------------------------------------------------------------|----------|---------|
| a pregnancy or breastfeeding counts at some time of the supply | major    | queue   |

Timeline
| time             | event                        | finding     |
|------------------|------------------------------|-------------|
| 2026-03-01 09:00 | fact pregnancy: yes          |             |
| 2026-03-10 09:00 | fill ntx_ldn 4.5 mg, 30 days | LD-05 major |
| 2026-05-01 09:00 | fact pregnancy: ended        |             |
| 2026-05-02 09:00 | fill ntx_ldn 4.5 mg, 30 days |             |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import BasisRole
from rx_clinical.model.washout import later
from rx_clinical.rules.ldn.engine import Intake, decide_to_confirm, intakes
from rx_clinical.rules.rule import Family, Rule


def counts(context: RuleContext, kind: str, intake: Intake) -> PatientFact | None:
    """Return the newest fact of the kind, if it counts at some time of the supply."""
    policy = context.catalogue.policy
    lasts = {"pregnancy": policy.pregnancy_counts, "breastfeeding": policy.breastfeeding_counts}[kind]
    known = context.patient.standing(kind, intake.at, intake.until)
    newest = known[-1] if known else None
    return newest if newest is not None and intake.at < later(newest.occurred.latest, lasts) else None


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply and state."""
    return [
        decide_to_confirm(RULE.id, intake, kind, partial(_explain, intake, fact))
        for intake in intakes(context)
        for kind in ("pregnancy", "breastfeeding")
        if (fact := counts(context, kind, intake)) is not None
    ]


def _explain(intake: Intake, fact: PatientFact) -> Explanation:
    return Explanation(
        sentences=[f"{intake.text} with {fact.kind} on record: data are insufficient. The prescriber confirms."],
        basis=[*intake.basis, BasisItem(BasisRole.PATIENT, fact.kind, None, Entry(fact))],
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


RULE = Rule("LD-05", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PATIENT), decide=decide)
