"""WR-05: naltrexone below 1 mg a day beside an opioid, on purpose or not: the confirm path.

When   the daily naltrexone of all products is below 1 mg
  and  a systemic opioid is inside its window at that time, or begins inside the supply or the 24 h after it
  and  WR-06 does not apply
Then   major until a named prescriber and then a named pharmacist have confirmed this dose beside these opioids;
       moderate while that holds: for 90 days, for the same naltrexone dose, the same opioid forms, each opioid dose
       up to +25 %
Source SEED0, SEED2 (practice), UL1, UL2 (trials in micrograms), UL3
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; the daily dose of both; confirmations by prescriber and pharmacist
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; what the two who confirm have agreed with the patient; how the capsule was labelled
Reasons uldn, window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except
       ULDN_ABOVE_0_25_LONG_HALF_LIFE, TWO_WEEK_WASHOUT, ACTIVE_OVERLAP, ACUTE_COURSE, OPIOID_FREE_EVIDENCE,
       SEQUESTERED_RELEASED

Cases
| case | severity | display |
| --- | --- | --- |
| at most 0.25 mg a day beside any opioid, or below 1 mg beside a short-acting full agonist | major | interruptive |
| the same while the confirmations of both hold | moderate | interruptive |
| above 0.25 mg beside any other opioid, or a lengthened one | none | WR-06 |

Timeline
| time             | event                                               | finding        |
|------------------|-----------------------------------------------------|----------------|
| 2026-03-01 09:00 | fill oxycodone_ir 20 mg, 30 days                    |                |
| 2026-03-05 09:00 | order ntx_uldn 0.5 mg, 30 days                      | WR-05 major    |
| 2026-03-05 10:00 | confirm prescriber 0.5 mg beside oxycodone_ir 20 mg |                |
| 2026-03-05 11:00 | confirm pharmacist 0.5 mg beside oxycodone_ir 20 mg | WR-05 moderate |
| 2026-03-20 09:00 | fill oxycodone_ir 30 mg, 30 days                    | WR-05 major    |
"""

from rx_clinical.model.findings import Severity
from rx_clinical.rules.withdrawal.confirmations import State

RULE = "WR-05"


def severity(state: State) -> Severity:
    """Moderate while both halves of the confirmation hold."""
    return Severity.MODERATE if state is State.CONFIRMED else Severity.MAJOR
