"""A short course: at most a week of short-acting opioid in three months, and nothing else (ACUTE_COURSE)."""

from datetime import timedelta

from rx_clinical.drugs import Acting
from rx_clinical.exposures import OpioidHistory
from rx_clinical.facts import Fill, Moment
from rx_clinical.picture import Picture
from rx_clinical.policy import Policy
from rx_clinical.roles import Opioid
from rx_clinical.spans import Span, begun_first, stated_supply, supplied
from rx_clinical.windows import later


def is_acute(picture: Picture, opioid: Opioid, span: Span, moment: Moment) -> bool:
    """Nothing but a short course ended, long enough before the antagonist.

    All short-acting fills with a begin in the three months before, and any earlier fill whose supply reaches into
    them, add up to at most a week of documented days; none lacks its days supply; there is no other class of opioid,
    no report and no order without a fill; and the documented end lies at least three days back.
    """
    policy, at = picture.catalogue.policy, moment.earliest
    if span.documented_end is None or at < later(span.documented_end, policy.acute_elapsed):
        return False
    if not any(isinstance(entry.fact, Fill) for entry in span.entries):
        return False
    total = timedelta(0)
    for course in picture.opioids:
        taken = _documented(course.history, moment, policy)
        if taken is None or (taken > timedelta(0) and course.opioid.form.drug_class != opioid.form.drug_class):
            return False
        total += taken
    return total <= policy.acute_days


def _documented(history: OpioidHistory, moment: Moment, policy: Policy) -> timedelta | None:
    """Documented time that an opioid was supplied for in the look-back; None where it rules a short course out."""
    since = later(moment.earliest, -policy.acute_lookback)
    total = timedelta(0)
    short = history.opioid.form.acting is Acting.SHORT
    for span in (*history.supply.spans, *history.given.spans):
        entry = span.entries[-1]
        reaches_in = span.documented_end is None or span.documented_end >= since
        if not reaches_in or not begun_first(entry.begin, moment):
            continue
        if not short:
            return None
        if isinstance(entry.fact, Fill):
            if stated_supply(entry.medicine) is None:
                return None
            total += supplied(entry, None, policy)[0]
    for span in history.others:
        if span.possible_end < since or not begun_first(span.begin, moment):
            continue
        return None  # an order without a fill, a report, a depot, a positive test
    return total
