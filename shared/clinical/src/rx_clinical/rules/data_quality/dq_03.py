"""DQ-03: unknown product code whose text names an opioid or an antagonist.

When   the product code of a medicine is unknown, or one of its ingredients, or its form where it has no other code
  and  its text contains the name of an opioid or an antagonist
Then   major, interruptive: it cannot be cleared. Any other unknown product is NOT_ASSESSED and one work item, no alert
Source POLICY
Needs  the product text of a medicine whose code is unknown
Cannot see what the product is; an opioid whose name is not in names.csv
Reasons UNKNOWN_PRODUCT

Cases
| case                                                   | severity | display      |
|--------------------------------------------------------|----------|--------------|
| the text names an opioid or an antagonist              | major    | interruptive |
| any other unknown product: NOT_ASSESSED, one work item | none     | -            |

Timeline
| time             | event                                             | finding     |
|------------------|---------------------------------------------------|-------------|
| 2026-03-01 09:00 | fill unknown "naltrexone 4.5 mg capsule", 30 days | DQ-03 major |
| 2026-03-02 09:00 | fill unknown "vitamin drops", 30 days             |             |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.data_quality.engine import decide_entries
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per uncoded event that names an opioid or an antagonist."""
    named = context.catalogue.names_opioid_or_antagonist
    entries = (entry for entry in context.chart.uncoded if named(entry.medicine.text))
    return decide_entries(RULE.id, entries, Severity.MAJOR, Display.INTERRUPTIVE, _explain)


def _explain(entry: Entry) -> Explanation:
    name = entry.medicine.text
    return Explanation(
        reasons={Reason.UNKNOWN_PRODUCT},
        sentences=[
            f"{name}: the product code is unknown and the text names an opioid or an antagonist.",
            "It is not assessed: nothing about it is cleared.",
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, name, None, entry)],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("DQ-03", Family.DATA_QUALITY, needs=(FactBits.DEFICIENT,), decide=decide)
