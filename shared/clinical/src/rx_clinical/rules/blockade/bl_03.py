"""BL-03: an opioid after an antagonist that is gone: tolerance is still reduced.

When   an opioid begins up to 30 days after the end of BL-02
  and  the antagonist was a depot, samidorphan or naltrexone above 5 mg a day
Then   moderate: treat as opioid-naive, offer naloxone
Source VIV2, LYB1 (less opioid than before may now be fatal)
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; how much tolerance is left
Reasons REDUCED_TOLERANCE, RESTART_AFTER_WINDOW, window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT;
       except ACTIVE_OVERLAP, ACUTE_COURSE, OPIOID_FREE_EVIDENCE, SEQUESTERED_RELEASED

Cases
| case                                                                                      | severity | display |
|-------------------------------------------------------------------------------------------|----------|---------|
| up to 30 days after the tail of naltrexone above 5 mg a day, of samidorphan or of a depot | moderate | queue   |
| the same after low-dose naltrexone                                                        | none     | -       |

Timeline
| time             | event                     | finding                                                             |
|------------------|---------------------------|---------------------------------------------------------------------|
| 2026-03-01 09:00 | inject ntx_depot          |                                                                     |
| 2026-04-20 09:00 | fill oxycodone_ir, 5 days | BL-03 moderate, not before 2026-05-09 09:00, until 2026-05-20 09:00 |
| 2026-05-20 09:00 | fill codeine, 3 days      |                                                                     |

Timeline: low-dose naltrexone
| time             | event                        | finding |
|------------------|------------------------------|---------|
| 2026-03-01 09:00 | fill ntx_ldn 4.5 mg, 30 days |         |
| 2026-04-03 09:00 | fill codeine, 3 days         |         |
"""

from datetime import datetime

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.blockade.blockade_interval import BlockadeInterval
from rx_clinical.rules.blockade.engine import blockade_conflicts, decide_conflicts
from rx_clinical.rules.rule import Family, Rule


def rate(interval: BlockadeInterval) -> Severity | None:
    """Rate an opioid that begins after the tail, while tolerance is still reduced."""
    return Severity.MODERATE if interval.waning_until <= interval.at < interval.tolerance_until else None


def ends_at(interval: BlockadeInterval) -> datetime:
    """Return when tolerance is no longer taken to be reduced."""
    return interval.tolerance_until


def headline(opioid: str, antagonist: str) -> list[str]:
    """Name both medicines, and the danger."""
    return [
        f"{antagonist} is gone, and tolerance with it: less {opioid} than before may now be fatal.",
        "Treat as opioid-naive and offer naloxone.",
    ]


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per opioid event and antagonist form."""
    return decide_conflicts(
        context,
        RULE.id,
        rate=rate,
        ends_at=ends_at,
        display=Display.QUEUE,
        headline=headline,
        reasons={Reason.REDUCED_TOLERANCE},
    )


RULE = Rule(
    "BL-03",
    Family.BLOCKADE,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=blockade_conflicts,
)
