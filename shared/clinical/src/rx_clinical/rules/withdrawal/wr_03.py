"""WR-03: short-acting opioid, past the label interval but inside the two-week opioid-free time.

When   a systemic antagonist starts
  and  the opioid is short-acting
  and  hard window <= time since the end < 336 h
   or  the recorded supply still fires, and a valid attestation without the stock accounted for is past its own window
Then   major (moderate with a negative test or challenge): hold, or a documented clinician decision with a naloxone
       challenge
Source SEED2 (two weeks from any narcotic), VIV1 (7-10 days)
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; tests, challenges and attestations
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; whether the patient takes what was supplied; tramadol, fentanyl and kratom, which urine panels miss
Reasons window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except ACTIVE_OVERLAP,
       SEQUESTERED_RELEASED

Cases
| case                                                                                   | severity | display      |
|----------------------------------------------------------------------------------------|----------|--------------|
| short-acting, hard window <= time since the documented or possible end < 336 h         | major    | interruptive |
| attested dose past its own 336 h, stock not accounted for, recorded supply still fires | major    | interruptive |
| short-acting as above, with a negative test or challenge                               | moderate | interruptive |
| long-acting or depot: there is no time between the hard window and the 336 h           | none     | WR-02        |

Timeline
| time             | event                           | finding                                     |
|------------------|---------------------------------|---------------------------------------------|
| 2026-03-01 09:00 | fill codeine, 3 days            |                                             |
| 2026-03-14 09:00 | fill ntx_ldn 4.5 mg, 30 days    | WR-03 major, not before 2026-03-18 09:00    |
| 2026-03-14 12:00 | urine test negative for codeine | WR-03 moderate, not before 2026-03-18 09:00 |
| 2026-03-18 09:00 | hand over ntx_ldn               | WR-03 withdrawn                             |

Timeline: an attested last dose; its own window is over, the recorded supply is not
| time             | event                                             | finding                                  |
|------------------|---------------------------------------------------|------------------------------------------|
| 2026-03-01 09:00 | fill oxycodone_ir, 30 days                        |                                          |
| 2026-03-21 09:00 | attest last dose of oxycodone at 2026-03-05 20:00 |                                          |
| 2026-03-21 10:00 | fill ntx_oral 50 mg, 30 days                      | WR-03 major, not before 2026-03-19 20:00 |
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
    """Rate a start between the hard window and the end of the two weeks, or past an attested dose alone.

    Documented and assumed ends rate alike; a negative test takes one step.
    """
    late = check.short_acting and check.hard_end <= check.at < check.policy_end
    if not (check.attested or late):
        return None
    return Severity.MAJOR if check.negative_test is None else Severity.MODERATE


def headline(antagonist: str, opioid: str, check: WindowCheck) -> str:
    """Name both medicines, and how far apart they are."""
    if check.attested:
        return (
            f"{antagonist} starts {hours_text(check.at - check.end)} h after the attested last dose of {opioid}; the "
            "recorded supply says later, and tablets may be left."
        )
    end = "the known supply" if check.documented else f"the possible supply ({utc_text(check.end)})"
    return (
        f"{antagonist} starts {hours_text(check.at - check.end)} h after the end of {end} of {opioid}: past the "
        f"label interval, but inside the {hours_text(check.window.lengths.policy)} h without any opioid."
    )


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per antagonist start and opioid."""
    return decide_conflicts(context, RULE.id, rate, headline)


RULE = Rule(
    "WR-03",
    Family.WITHDRAWAL,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=opioid_conflicts,
)
