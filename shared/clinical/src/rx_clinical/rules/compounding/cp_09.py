"""CP-09: a unit of a failed batch is with a patient.

When   a batch is recalled, or its potency is outside the limits of CP-02
  and  units of it were dispensed
Then   major for each unit: notify all patients of the batch
Source POLICY (traceability)
Needs  batch records with recall, potency and every dispensed unit
Cannot see units handed on to somebody else; what was taken of them
Reasons none of its own

Cases
| case                                               | severity | display      |
|----------------------------------------------------|----------|--------------|
| a unit of a recalled or failed batch was dispensed | major    | interruptive |
| nothing was dispensed of it                        | none     | CP-02        |

Timeline
| time             | event                                                           | finding              |
|------------------|-----------------------------------------------------------------|----------------------|
| 2026-01-10 09:00 | batch B-1, dispensed U-1 on 2026-01-10 for 30 days              |                      |
| 2026-01-20 09:00 | batch B-1, dispensed U-1 on 2026-01-10 for 30 days, recall open | CP-09 major with U-1 |
"""

from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import BatchRecord, DispensedUnit
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.compounding.batches import BatchEvent, batch_text, batches, potency_fails, recalled
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per dispensed unit."""
    policy = context.catalogue.policy
    return [
        Decision(
            rule=RULE.id,
            anchor=BatchEvent(Entry(batch), batch.occurred),
            counterpart=unit.reference,
            counterpart_key=("unit", unit.reference),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            explain=partial(_explain, batch, unit, policy),
        )
        for batch in batches(context.chart.compounding)
        if recalled(batch) or potency_fails(batch, policy)
        for unit in batch.dispensed
    ]


def _explain(batch: BatchRecord, unit: DispensedUnit, policy: Policy) -> Explanation:
    why = "recalled" if recalled(batch) else "of a potency outside its limits"
    if recalled(batch) and potency_fails(batch, policy):
        why = "recalled, its potency is outside its limits"
    return Explanation(
        sentences=[
            f"{batch_text(batch)} is {why}: unit {unit.reference}, dispensed {unit.dispensed_on}, is with a patient.",
            "Stop its use, replace it and ask how the patient is.",
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, batch_text(batch), None, Entry(batch))],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("CP-09", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
