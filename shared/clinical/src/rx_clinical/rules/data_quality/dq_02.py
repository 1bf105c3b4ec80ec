"""DQ-02: naltrexone dose or route missing.

When   an event of naltrexone, depots apart, states no daily dose
   or  neither its route nor its form tells how it is taken; an absent route of a coded form is not missing
Then   moderate, queue: the dose is treated as standard, the route as systemic
Source POLICY
Needs  events of naltrexone with daily dose, route and form
Cannot see what the source knows and did not send
Reasons DOSE_UNKNOWN

Cases
| case                                                                | severity | display |
|---------------------------------------------------------------------|----------|---------|
| daily dose missing, or neither route nor form tells how it is taken | moderate | queue   |
| depots; an absent route of a coded form                             | none     | -       |

Timeline
| time             | event                          | finding        |
|------------------|--------------------------------|----------------|
| 2026-03-01 09:00 | fill ntx_ldn, 30 days          | DQ-02 moderate |
| 2026-03-02 09:00 | fill naltrexone 50 mg, 30 days | DQ-02 moderate |
| 2026-03-03 09:00 | fill ntx_ldn 4.5 mg, 30 days   |                |
"""

from functools import partial

from rx_clinical.catalogue.antagonists import BY_DOSE
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.data_quality.engine import decide_entries, explain_entry
from rx_clinical.rules.rule import Family, Rule


def missing(entry: Entry, catalogue: Catalogue) -> list[str]:
    """Return what is missing: dose, route, both or nothing."""
    antagonist = entry.roles.antagonist
    if antagonist is None or antagonist.tier != BY_DOSE:
        return []
    form_known = catalogue.classifier.form_known(entry.medicine)
    lacks = {
        "daily dose": entry.medicine.daily_dose_mg is None,
        "route": entry.medicine.route is None and not form_known,
    }
    return [name for name, lacking in lacks.items() if lacking]


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per event of naltrexone."""
    entries = (entry for entry in context.entries() if missing(entry, context.catalogue))
    return decide_entries(RULE.id, entries, Severity.MODERATE, Display.QUEUE, partial(_explain, context.catalogue))


def _explain(catalogue: Catalogue, entry: Entry) -> Explanation:
    name, lacks = entry.medicine.text or "naltrexone", missing(entry, catalogue)
    sentences = [
        f"{name}: {' and '.join(lacks)} missing.",
        "A missing dose is treated as a standard dose, a missing route as systemic.",
    ]
    return explain_entry(entry, name, sentences, {Reason.DOSE_UNKNOWN} if "daily dose" in lacks else ())


RULE = Rule("DQ-02", Family.DATA_QUALITY, needs=(FactBits.DEFICIENT,), decide=decide)
