"""WR-02: an antagonist starts inside the hard window after an opioid.

When   a systemic antagonist starts
  and  0 <= time since the documented end < hard window, hard window = max(label interval, 5 x half-life x multiplier)
   or  the antagonist starts before the end of the hard window after an end that is only assumed or possible
Then   contraindicated after a documented end; at most major where an assumption or a short course carries it;
       one step lower, never below moderate, with a negative test or challenge at least 168 h after the last dose
Source VIV1 (label interval), MTD1 (methadone half-life), SEED3
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; interacting medicines with route, begin and supply; tests, challenges and
       attestations
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; whether the patient takes what was supplied; liver and kidney disease, which lengthen half-lives
Reasons window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except ACTIVE_OVERLAP,
       SEQUESTERED_RELEASED

Cases
| case                                                                  | severity        | display      |
|-----------------------------------------------------------------------|-----------------|--------------|
| inside the hard window after the documented end                       | contraindicated | interruptive |
| the same after a short course (ACUTE_COURSE), or with a negative test | major           | interruptive |
| only an assumed end, an order or a depot without injection reaches    | major           | interruptive |
| a short course or an assumed end, and a negative test                 | moderate        | interruptive |

Timeline
| time             | event                          | finding                                            |
|------------------|--------------------------------|----------------------------------------------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days   |                                                    |
| 2026-03-10 12:00 | report otc ranitidine, ongoing |                                                    |
| 2026-04-14 12:00 | fill ntx_ldn 4.5 mg, 30 days   | WR-02 contraindicated, not before 2026-04-15 17:45 |
| 2026-04-15 17:45 | hand over ntx_ldn              | WR-02 withdrawn                                    |

Timeline: taken as needed, so that it may last 30 days
| time             | event                                   | finding                                  |
|------------------|-----------------------------------------|------------------------------------------|
| 2026-04-01 09:00 | fill hydrocodone_ir, 10 days, as needed |                                          |
| 2026-04-26 09:00 | fill ntx_ldn 4.5 mg, 30 days            | WR-02 major, not before 2026-05-15 09:00 |

Timeline: a short course, then a negative challenge
| time             | event                        | finding                                     |
|------------------|------------------------------|---------------------------------------------|
| 2026-03-01 09:00 | fill codeine, 3 days         |                                             |
| 2026-03-08 09:00 | fill ntx_oral 50 mg, 30 days | WR-02 major, not before 2026-03-18 09:00    |
| 2026-03-11 10:00 | naloxone challenge negative  | WR-02 moderate, not before 2026-03-18 09:00 |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.findings.wording import hours_text, utc_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Severity
from rx_clinical.rules.rule import Family, Rule
from rx_clinical.rules.withdrawal.engine import decide_conflicts, opioid_conflicts
from rx_clinical.rules.withdrawal.window_check import WindowCheck


def rate(check: WindowCheck) -> Severity | None:
    """Rate a start before the end of the hard window, but not before a documented end (WR-01).

    An assumed end or a short course never contraindicates; a negative test takes one step, not below moderate.
    """
    if check.attested or check.in_supply or check.at >= check.hard_end:
        return None
    certain = check.documented and not check.short_course
    if check.negative_test is not None:
        return Severity.MAJOR if certain else Severity.MODERATE
    return Severity.CONTRAINDICATED if certain else Severity.MAJOR


def headline(antagonist: str, opioid: str, check: WindowCheck) -> str:
    """Name both medicines, and how far apart they are."""
    if not check.documented:
        return f"{antagonist} may meet {opioid}, possible until {utc_text(check.end)}: precipitated opioid withdrawal."
    return (
        f"{antagonist} starts {hours_text(check.at - check.end)} h after the end of the known supply of {opioid}, "
        f"inside the {hours_text(check.window.lengths.hard)} h that must pass: precipitated opioid withdrawal."
    )


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per antagonist start and opioid."""
    return decide_conflicts(context, RULE.id, rate, headline)


RULE = Rule(
    "WR-02",
    Family.WITHDRAWAL,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=opioid_conflicts,
)
