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

from rx_clinical.model.findings import Severity
from rx_clinical.rules.blockade.blockade_interval import BlockadeInterval

RULE = "BL-03"


def applies(interval: BlockadeInterval) -> bool:
    """The opioid begins while tolerance is reduced."""
    return interval.at < interval.tolerance_until


def severity(_: BlockadeInterval) -> Severity:
    """Always moderate."""
    return Severity.MODERATE
