"""WR-06: more than 0.25 mg and less than 1 mg of naltrexone a day beside an opioid that has no confirm path.

When   as WR-05, and the daily naltrexone is above 0.25 mg
  and  the opioid is long-acting, a depot, a partial or mixed agonist, kratom, or lengthened by an interacting medicine
Then   contraindicated; major where an assumption alone carries it. No confirmation changes it
Source UL4 (0.125-0.25 mg beside methadone, inpatient, is the only range tested), SEED3
"""

from decimal import Decimal

from rx_clinical.drugs import Acting, DrugForm
from rx_clinical.findings import Severity
from rx_clinical.policy import Policy

RULE = "WR-06"
_NO_PATH = frozenset({"partial_agonist", "mixed_agonist_antagonist"})


def applies(daily_dose_mg: Decimal | None, form: DrugForm, *, extended: bool, policy: Policy) -> bool:
    """No confirm path for this dose beside this opioid."""
    if daily_dose_mg is None or daily_dose_mg <= policy.trial_dose:
        return False
    return form.acting is not Acting.SHORT or form.drug_class in _NO_PATH or extended


def severity(*, documented: bool) -> Severity:
    """At most major where an assumption alone carries it."""
    return Severity.CONTRAINDICATED if documented else Severity.MAJOR
