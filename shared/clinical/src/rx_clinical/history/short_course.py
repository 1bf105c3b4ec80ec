"""A short course: at most a week of short-acting opioid in three months, and nothing else (ACUTE_COURSE)."""

from datetime import datetime, timedelta

from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.history.context import Picture, Reach
from rx_clinical.history.exposure_period import begun_first, lengths, stated_supply
from rx_clinical.history.opioid_exposure import OpioidHistory
from rx_clinical.model.facts import Fill, Moment
from rx_clinical.model.washout import later


def is_acute(picture: Picture, reach: Reach, end: datetime, moment: Moment) -> bool:
    """Nothing but a short course ended, long enough before the antagonist.

    All short-acting fills with a begin in the three months before, and any earlier fill whose supply reaches into
    them, add up to at most a week of documented days; none lacks its days supply; there is no other class of opioid,
    no report and no order without a fill; and the end that is judged lies at least three days back, as does the
    recorded one where an attestation left tablets unaccounted for.
    """
    policy, at = picture.catalogue.policy, moment.earliest
    span = reach.span.recorded or reach.span
    if at < later(max(end, span.documented_end or end), policy.acute_elapsed):
        return False
    if not any(isinstance(entry.fact, Fill) for entry in span.entries):
        return False
    total = timedelta(0)
    for course in picture.opioids:
        taken = _documented(course.history, moment, policy, drug_class=reach.opioid.form.drug_class)
        if taken is None:
            return False
        total += taken
    return total <= policy.acute_days


def _documented(history: OpioidHistory, moment: Moment, policy: Policy, *, drug_class: str) -> timedelta | None:
    """Documented time that an opioid was supplied for in the look-back; None where it rules a short course out."""
    since = later(moment.earliest, -policy.acute_lookback)
    total = timedelta(0)
    form = history.opioid.form
    same = form.acting is Acting.SHORT and form.drug_class == drug_class
    for span in (*history.supply.spans, *history.given.spans):
        entry = span.entries[-1]
        if span.possible_end < since or not begun_first(entry.begin, moment):
            continue
        if not same:
            return None
        if isinstance(entry.fact, Fill):
            if any(stated_supply(one.medicine) is None for one in entry.seen):
                return None
            total += lengths(entry, None, policy)[0][1]
    for span in history.others:
        if span.possible_end < since or not begun_first(span.begin, moment):
            continue
        return None  # an order without a fill, a report, a depot, a positive test
    return total
