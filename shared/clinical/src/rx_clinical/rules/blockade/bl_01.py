"""BL-01: an opioid meets an antagonist that is already there.

When   an opioid is written, filled, reported or given after an antagonist
  and  it begins inside the antagonist's supply, or inside the first 672 h of a depot
   or  it begins where a depot that was dispensed without an injection seen may still block (fill + 30 d
       + 672 h)
Then   contraindicated above 5 mg a day, for samidorphan and for depots; major for low-dose naltrexone;
       at most major for an order without a fill on either side, an assumed supply or a late unconfirmed depot
Source VIV2 (28 days; overcoming blockade risks overdose), SEED2, SEED3
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; whether a dispensed depot was injected
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; tablets that the patient has stopped taking; how strongly the blockade still holds
Reasons BLOCKADE_ACTIVE, OVERCOMING_BLOCKADE_OVERDOSE, RESTART_AFTER_WINDOW, window, supply, evidence, antagonist,
       HEPATIC_RENAL, HISTORY_SHORT; except ACTIVE_OVERLAP, ACUTE_COURSE, OPIOID_FREE_EVIDENCE, SEQUESTERED_RELEASED

Cases
| case | severity | display |
| --- | --- | --- |
| inside an oral supply above 5 mg a day or of unknown dose, or of samidorphan | contraindicated | interruptive |
| less than 672 h after a depot's injection (no injection seen: its fill) | contraindicated | interruptive |
| inside a supply of low-dose naltrexone (1-5 mg a day) | major | interruptive |
| one of both only ordered or assumed; depot not injected, 672-1,392 h after its fill | major | interruptive |

Timeline
| time | event | finding |
| --- | --- | --- |
| 2026-03-01 09:00 | inject ntx_depot |  |
| 2026-03-20 09:00 | order oxycodone_ir, 5 days | BL-01 major, not before 2026-09-30 09:00, until 2026-03-29 09:00 |
| 2026-03-20 15:00 | fill oxycodone_ir, 5 days | BL-01 withdrawn |
|  |  | BL-01 contraindicated, not before 2026-04-08 15:00, until 2026-03-29 09:00 |

Timeline: low-dose naltrexone
| time             | event                        | finding                                                          |
|------------------|------------------------------|------------------------------------------------------------------|
| 2026-03-01 09:00 | fill ntx_ldn 4.5 mg, 30 days |                                                                  |
| 2026-03-10 09:00 | fill codeine, 3 days         | BL-01 major, not before 2026-03-27 09:00, until 2026-04-03 09:00 |
"""

from rx_clinical.model.findings import Severity
from rx_clinical.rules.blockade.blockade_interval import BlockadeInterval

RULE = "BL-01"


def applies(interval: BlockadeInterval) -> bool:
    """The opioid begins before the blockade's possible end."""
    return interval.at < interval.possible_until


def severity(interval: BlockadeInterval) -> Severity:
    """How bad, by what is certain about either side."""
    certain = (
        interval.documented_until is not None
        and interval.at < interval.documented_until
        and not interval.opioid_only_ordered
    )
    return interval.worst if certain else interval.worst.at_most(Severity.MAJOR)
