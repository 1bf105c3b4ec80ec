"""DQ-06: more facts than one patient has.

When   more than 5,000 facts play a role for one patient
Then   moderate, in the worklist: a test patient, or two identities merged? Nothing is cut
Source POLICY
Needs  the number of facts
Cannot see whether two identities were merged
Reasons TOO_MANY_FACTS

Cases
| case                  | severity | display |
|-----------------------|----------|---------|
| more than 5,000 facts | moderate | queue   |

Timeline
| time             | event                              | finding        |
|------------------|------------------------------------|----------------|
| 2026-03-01 09:00 | 5,000 times fact symptom: headache |                |
| 2026-03-02 09:00 | fact symptom: headache             | DQ-06 moderate |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return at most one decision, anchored at the first fact in tie order above the limit."""
    limit = context.catalogue.policy.too_many_facts
    facts = sorted(context.chart.facts(), key=lambda fact: (fact.occurred.earliest, fact.key))
    if len(facts) <= limit:
        return []
    entry = Entry(facts[limit])  # type: ignore[arg-type]  # a step of an entry anchors like any fact
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(entry, entry.fact.occurred),
            severity=Severity.MODERATE,
            display=Display.QUEUE,
            explain=partial(_explain, entry, len(facts), limit),
        )
    ]


def _explain(entry: Entry, count: int, limit: int) -> Explanation:
    return Explanation(
        reasons={Reason.TOO_MANY_FACTS},
        sentences=[f"{count} facts are on record, more than {limit}: check the identity. Nothing was cut."],
        basis=[BasisItem(BasisRole.DEFICIENT, "history", None, entry)],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("DQ-06", Family.DATA_QUALITY, needs=(FactBits.MANY,), decide=decide)
