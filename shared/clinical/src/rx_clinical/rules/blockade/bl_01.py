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
    """Rate an opioid that begins before the possible end; at most major where either side is uncertain."""
    if interval.at >= interval.possible_until:
        return None
    until = interval.documented_until
    certain = until is not None and interval.at < until and not interval.opioid_only_ordered
    return interval.worst if certain else interval.worst.at_most(Severity.MAJOR)


def ends_at(interval: BlockadeInterval) -> datetime:
    """Return the end of the tail; of a depot, the end of its first month by the injection or else by the fill."""
    if not interval.depot:
        return interval.waning_until
    first_month = interval.documented_until
    if first_month is not None and interval.at < first_month and not interval.injected:
        return first_month
    return interval.possible_until


def headline(opioid: str, antagonist: str) -> list[str]:
    """Name both medicines, and the danger."""
    return [
        f"{opioid} will not work while {antagonist} acts.",
        "Do not exceed the ordered dose: trying to overcome the blockade risks a fatal overdose.",
    ]


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per opioid event and antagonist form."""
    return decide_conflicts(
        context,
        RULE.id,
        rate=rate,
        ends_at=ends_at,
        display=Display.INTERRUPTIVE,
        headline=headline,
        reasons={Reason.BLOCKADE_ACTIVE, Reason.OVERCOMING_BLOCKADE_OVERDOSE},
    )


RULE = Rule(
    "BL-01",
    Family.BLOCKADE,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=blockade_conflicts,
)
