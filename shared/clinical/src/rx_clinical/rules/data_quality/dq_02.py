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

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import BY_DOSE
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.rule import Family, Rule


def missing(entry: Entry, catalogue: Catalogue) -> list[str]:
    """What is missing: dose, route, both or nothing."""
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
    """One decision an event."""
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(entry, entry.fact.occurred),
            severity=Severity.MODERATE,
            display=Display.QUEUE,
            explain=partial(_explain, entry, lacks),
        )
        for entry in context.entries()
        if (lacks := missing(entry, context.catalogue))
    ]


def _explain(entry: Entry, lacks: list[str]) -> Explanation:
    name = entry.medicine.text or "naltrexone"
    return Explanation(
        reasons={Reason.DOSE_UNKNOWN} if "daily dose" in lacks else (),
        sentences=[
            f"{name}: {' and '.join(lacks)} missing.",
            "A missing dose is treated as a standard dose, a missing route as systemic.",
        ],
        basis=[BasisItem("deficient", name, entry.medicine.form_key, entry)],
        evidence_level="POLICY",
    )


RULE = Rule("DQ-02", Family.DATA_QUALITY, needs=(FactBits.DEFICIENT,), decide=decide)
