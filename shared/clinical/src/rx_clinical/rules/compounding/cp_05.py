"""CP-05: capsules of a batch that weigh too little, too much or too unevenly.

When   in the weight check of a batch a capsule or the mean is more than 10 % away from the target fill weight
   or  the relative standard deviation is above 6 %
Then   major, in the worklist: remake
Source GK (both limits)
Needs  batch records with the weight check
Cannot see capsules that were not weighed
Reasons none of its own

Cases
| case                                                                 | severity | display |
|----------------------------------------------------------------------|----------|---------|
| a capsule or the mean is more than 10 % off, or the RSD is above 6 % | major    | queue   |
| within the limits, the limits themselves included                    | none     | -       |

Timeline
| time             | event                                                              | finding     |
|------------------|--------------------------------------------------------------------|-------------|
| 2026-01-01 09:00 | batch B-1, 30 weighed: target 200 mean 200 from 180 to 220 rsd 6   |             |
| 2026-01-01 10:00 | batch B-2, 30 weighed: target 200 mean 199 from 179 to 210 rsd 4   | CP-05 major |
| 2026-01-01 11:00 | batch B-3, 30 weighed: target 200 mean 200 from 185 to 215 rsd 6.1 | CP-05 major |
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import number_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import BatchRecord, CapsuleWeights
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.compounding.batches import BatchEvent, batch_text, batches
from rx_clinical.rules.rule import Family, Rule

_HUNDRED = Decimal(100)


def faults(weights: CapsuleWeights, policy: Policy) -> Iterator[str]:
    """Yield what is out of its limits, in words; the limits themselves pass."""
    tolerance = policy.weight_tolerance
    allowed = weights.target_mg * tolerance / _HUNDRED
    low, high = weights.target_mg - allowed, weights.target_mg + allowed
    for name, weight in (("lightest", weights.min_mg), ("mean", weights.mean_mg), ("heaviest", weights.max_mg)):
        if not low <= weight <= high:
            yield (
                f"{name} {number_text(weight)} mg, outside {number_text(weights.target_mg)} mg +/- "
                f"{number_text(tolerance)} % = {number_text(low)}-{number_text(high)} mg"
            )
    if weights.rsd_pct > policy.weight_rsd:
        yield f"relative standard deviation {number_text(weights.rsd_pct)} %, above {number_text(policy.weight_rsd)} %"


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per batch."""
    return [
        Decision(
            rule=RULE.id,
            anchor=BatchEvent(Entry(batch), batch.occurred),
            severity=Severity.MAJOR,
            display=Display.QUEUE,
            explain=partial(_explain, batch, found),
        )
        for batch in batches(context.chart.compounding)
        if batch.weights is not None and (found := list(faults(batch.weights, context.catalogue.policy)))
    ]


def _explain(batch: BatchRecord, found: list[str]) -> Explanation:
    weighed = batch.weights.count if batch.weights else 0
    return Explanation(
        sentences=[f"{batch_text(batch)}, {weighed} capsules weighed: {'; '.join(found)}."],
        basis=[BasisItem(BasisRole.DEFICIENT, batch_text(batch), None, Entry(batch))],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("CP-05", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
