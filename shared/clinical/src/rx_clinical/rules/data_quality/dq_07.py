"""DQ-07: the route of a medicine is unknown, and it decides.

When   neither the source nor the product code states the route of an ingredient that has systemic and local forms
Then   info on the profile: it is treated as systemic
Source POLICY
Needs  the route of a medicine that has systemic and local forms
Cannot see what the source knows and did not send
Reasons none of its own

Cases
| case                                     | severity | display |
|------------------------------------------|----------|---------|
| the route is not stated                  | info     | profile |
| the source or the product code states it | none     | -       |

Timeline
| time             | event                                     | finding    |
|------------------|-------------------------------------------|------------|
| 2026-03-01 09:00 | fill ketoconazole, 10 days                | DQ-07 info |
| 2026-03-02 09:00 | fill ketoconazole, 10 days, route topical |            |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.data_quality.engine import decide_entries, explain_entry
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per event."""
    entries = (entry for entry in context.entries() if entry.roles.route_open)
    return decide_entries(RULE.id, entries, Severity.INFO, Display.PROFILE, _explain)


def _explain(entry: Entry) -> Explanation:
    name = entry.medicine.text or ", ".join(entry.roles.route_open)
    return explain_entry(
        entry, name, [f"The route of {name} is not stated: it is treated as systemic. Ask the source."]
    )


RULE = Rule("DQ-07", Family.DATA_QUALITY, needs=(FactBits.ROUTE_OPEN,), decide=decide)
