"""WR-05: naltrexone below 1 mg a day beside an opioid, on purpose or not: the confirm path.

When   the daily naltrexone of all products is below 1 mg
  and  a systemic opioid is inside its window at that time, or begins inside the supply or the 24 h after it
  and  WR-06 does not apply
Then   major until prescriber and pharmacist have both confirmed this dose beside these opioids; moderate while that
       holds: for 90 days, for the same naltrexone dose, the same opioid forms, each opioid dose up to +25 %
Source SEED0, SEED2 (practice), UL1, UL2 (trials in micrograms), UL3
"""

from rx_clinical.confirmations import State
from rx_clinical.findings import Severity

RULE = "WR-05"


def severity(state: State) -> Severity:
    """Moderate while both halves of the confirmation hold."""
    return Severity.MODERATE if state is State.CONFIRMED else Severity.MAJOR
