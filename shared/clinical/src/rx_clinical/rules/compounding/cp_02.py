"""CP-02: the potency of a batch is outside its limits.

When   the potency test of a compounded batch gives less than 90 % or more than 110 % of the label strength; both limits
       pass, and the result is compared as it is, not rounded
Then   contraindicated: quarantine the batch, recall what was dispensed (CP-09)
Source STAB1 (limits of the stability study)
Needs  batch records with the potency result
Cannot see batches that were never tested; whether the sample stands for the batch
Reasons none of its own

Cases
| case                                     | severity        | display      |
|------------------------------------------|-----------------|--------------|
| below 90 % or above 110 %, as measured   | contraindicated | interruptive |
| 90 % and 110 % themselves; no result yet | none            | -            |

Timeline
| time             | event                                        | finding               |
|------------------|----------------------------------------------|-----------------------|
| 2026-01-01 09:00 | batch B-1, use by 2026-06-29                 |                       |
| 2026-01-20 09:00 | batch B-1, use by 2026-06-29, potency 90 %   |                       |
| 2026-01-21 09:00 | batch B-1, use by 2026-06-29, potency 89.9 % | CP-02 contraindicated |
"""

from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import number_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import BatchRecord
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.compounding.batches import BatchEvent, batch_text, batches, potency_fails
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per batch."""
    policy = context.catalogue.policy
    return [
        Decision(
            rule=RULE.id,
            anchor=BatchEvent(Entry(batch), batch.occurred),
            severity=Severity.CONTRAINDICATED,
            display=Display.INTERRUPTIVE,
            explain=partial(_explain, batch, policy),
        )
        for batch in batches(context.chart.compounding)
        if potency_fails(batch, policy)
    ]


def _explain(batch: BatchRecord, policy: Policy) -> Explanation:
    result = "" if batch.potency_result_pct is None else number_text(batch.potency_result_pct)
    low, high = number_text(policy.potency_low), number_text(policy.potency_high)
    count = len(batch.dispensed)
    return Explanation(
        sentences=[
            f"{batch_text(batch)}: potency {result} % of the label strength, outside {low}-{high} %.",
            f"Units dispensed of it: {count}. {'Recall them.' if count else 'Dispense none.'}",
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, batch_text(batch), None, Entry(batch))],
        evidence_level=EvidenceLevel.CLINICAL_STUDY,
    )


RULE = Rule("CP-02", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
