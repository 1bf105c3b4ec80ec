"""BL-02: an opioid meets a blockade that is waning.

When   an opioid begins after an antagonist, past BL-01
  and  inside the tail of a supply (72 h, 96 h above 50 mg, extended-release or of unknown dose; samidorphan 120 h), or
       before 1,200 h after the injection of a depot (1,920 h after the fill of one without an injection seen)
Then   major: lowest dose, supervise, naloxone; the effect cannot be foretold and tolerance is lost
Source VIV2, VIV3 (measurable beyond a month), SPAQI, NTX1
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; whether a dispensed depot was injected
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; how strongly the blockade still holds; how sensitive the patient has become
Reasons BLOCKADE_WANING, OVERCOMING_BLOCKADE_OVERDOSE, REDUCED_TOLERANCE, RESTART_AFTER_WINDOW, window, supply,
       evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except ACTIVE_OVERLAP, ACUTE_COURSE,
       OPIOID_FREE_EVIDENCE, SEQUESTERED_RELEASED

Cases
| case                                                                           | severity | display      |
|--------------------------------------------------------------------------------|----------|--------------|
| inside the tail after an oral supply (72 h, 96 h or 120 h)                     | major    | interruptive |
| 672 to 1,200 h after a depot's injection (not seen: to 1,920 h after its fill) | major    | interruptive |
| at the end of the tail or later                                                | none     | BL-03        |

Timeline
| time             | event                        | finding                                                          |
|------------------|------------------------------|------------------------------------------------------------------|
| 2026-03-01 09:00 | fill ntx_oral 50 mg, 30 days |                                                                  |
| 2026-04-02 09:00 | fill oxycodone_ir, 5 days    | BL-02 major, not before 2026-04-21 09:00, until 2026-04-03 09:00 |
| 2026-04-03 09:00 | fill codeine, 3 days         |                                                                  |

Timeline: the second month of a depot
| time             | event            | finding                                                          |
|------------------|------------------|------------------------------------------------------------------|
| 2026-03-01 09:00 | inject ntx_depot |                                                                  |
| 2026-04-10 09:00 | give morphine_ir | BL-02 major, not before 2026-04-24 09:00, until 2026-04-20 09:00 |
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
    """Rate an opioid that begins after the possible end and before the end of the tail."""
    return Severity.MAJOR if interval.possible_until <= interval.at < interval.waning_until else None


def ends_at(interval: BlockadeInterval) -> datetime:
    """Return the end of the tail."""
    return interval.waning_until


def headline(opioid: str, antagonist: str) -> list[str]:
    """Name both medicines, and the danger."""
    return [
        f"The blockade by {antagonist} is waning: the effect of {opioid} cannot be foretold.",
        (
            "Tolerance is reduced and receptors are more sensitive: lowest dose, do not exceed it, have naloxone "
            "at hand; trying to overcome the blockade risks a fatal overdose."
        ),
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
        reasons={Reason.BLOCKADE_WANING, Reason.REDUCED_TOLERANCE},
    )


RULE = Rule(
    "BL-02",
    Family.BLOCKADE,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=blockade_conflicts,
)
