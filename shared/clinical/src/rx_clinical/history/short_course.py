"""Short courses (ACUTE_COURSE): at most a week of a short-acting opioid in three months, and no other opioid."""

from datetime import datetime, timedelta

from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import begun_first, lengths, stated_supply
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.facts import Fill, Moment
from rx_clinical.model.washout import later


def is_short_course(context: RuleContext, window: WashoutWindow, end: datetime, moment: Moment) -> bool:
    """Return True if the only opioid use before the antagonist was a short course that ended long enough ago.

    All short-acting fills that begin in the three months before, and any earlier fill whose supply extends into them,
    add up to at most a week of documented days; none lacks its days supply; there is no other class of opioid, no
    report and no order without a fill; and the end lies at least three days back, as does the recorded end if an
    attestation leaves tablets unaccounted for. The figures are those of policy.csv (`acute_*`).
    """
    policy, at = context.catalogue.policy, moment.earliest
    period = window.period.recorded or window.period
    if at < later(max(end, period.documented_end or end), policy.acute_elapsed):
        return False
    if not any(isinstance(entry.fact, Fill) for entry in period.entries):
        return False
    total = timedelta(0)
    for exposure in context.opioids:
        taken = _documented(exposure, moment, policy, drug_class=window.opioid.form.drug_class)
        if taken is None:
            return False
        total += taken
    return total <= policy.acute_days


def _documented(exposure: OpioidExposure, moment: Moment, policy: Policy, *, drug_class: str) -> timedelta | None:
    """Return the documented supply of an opioid in the look-back period; None if it excludes a short course."""
    since = later(moment.earliest, -policy.acute_lookback)
    total = timedelta(0)
    form = exposure.opioid.form
    same = form.acting is Acting.SHORT and form.drug_class == drug_class
    for period in (*exposure.supply.periods, *exposure.given.periods):
        entry = period.entries[-1]
        if period.possible_end < since or not begun_first(entry.begin, moment):
            continue
        if not same:
            return None
        if isinstance(entry.fact, Fill):
            if any(stated_supply(sighting.medicine) is None for sighting in entry.seen):
                return None
            total += lengths(entry, None, policy)[0][1]
    for period in exposure.others:
        if period.possible_end < since or not begun_first(period.begin, moment):
            continue
        return None  # an order without a fill, a report, a depot or a positive test
    return total
