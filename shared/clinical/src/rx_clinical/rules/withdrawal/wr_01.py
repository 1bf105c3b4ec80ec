"""WR-01: an antagonist starts while a recorded opioid supply is active.

When   a systemic antagonist or depot is written, filled, handed over or given
  and  a recorded opioid exposure begun before it has not reached its documented end, or has no end
Then   contraindicated: do not dispense or administer; start only after the whole window from the possible end
Source VIV1, NTX4 (opioid-free before naltrexone), SEED0, SEED1, SEED4
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; reported use with its stop; negative or positive tests and attestations
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; whether the patient takes what was supplied; liver and kidney disease, which lengthen half-lives
Reasons window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except ACUTE_COURSE,
       OPIOID_FREE_EVIDENCE, SEQUESTERED_RELEASED

Cases
| case                                                                | severity        | display      |
|---------------------------------------------------------------------|-----------------|--------------|
| the antagonist comes before the documented end of a recorded supply | contraindicated | interruptive |
| the opioid is used without a recorded end                           | contraindicated | interruptive |
| only an assumed end, an order or a depot without injection reaches  | none            | WR-02        |

Timeline
| time             | event                                   | finding                                            |
|------------------|-----------------------------------------|----------------------------------------------------|
| 2026-04-01 09:00 | fill hydrocodone_ir, 10 days, as needed |                                                    |
| 2026-04-05 09:00 | order ntx_ldn 4.5 mg, 30 days           | WR-01 contraindicated, not before 2026-05-15 09:00 |
| 2026-04-06 09:00 | fill ntx_ldn 4.5 mg, 30 days            | WR-01 withdrawn                                    |
|                  |                                         | WR-01 contraindicated, not before 2026-05-15 09:00 |
| 2026-04-12 09:00 | hand over ntx_ldn                       | WR-01 withdrawn                                    |

Timeline: no recorded end
| time             | event                                  | finding                                            |
|------------------|----------------------------------------|----------------------------------------------------|
| 2026-03-01 09:00 | report illicit illicit_opioid, ongoing |                                                    |
| 2026-03-20 09:00 | fill ntx_oral 50 mg, 30 days           | WR-01 contraindicated, no start                    |
| 2026-03-25 09:00 | stop illicit_opioid                    | WR-01 contraindicated, not before 2026-04-08 09:00 |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.findings.wording import utc_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER
from rx_clinical.rules.rule import Family, Rule
from rx_clinical.rules.withdrawal.engine import decide_conflicts, opioid_conflicts
from rx_clinical.rules.withdrawal.window_check import WindowCheck


def rate(check: WindowCheck) -> Severity | None:
    """Contraindicate a start before the documented end; an assumed end is for WR-02."""
    return Severity.CONTRAINDICATED if check.in_supply else None


def headline(antagonist: str, opioid: str, check: WindowCheck) -> str:
    """Name both medicines, and until when the opioid is supplied."""
    until = "without a recorded end" if check.end == FOREVER else f"until {utc_text(check.end)}"
    return f"{antagonist} meets {opioid}, supplied {until}: precipitated opioid withdrawal."


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per antagonist start and opioid."""
    return decide_conflicts(context, RULE.id, rate, headline, {Reason.ACTIVE_OVERLAP})


RULE = Rule(
    "WR-01",
    Family.WITHDRAWAL,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=opioid_conflicts,
)
