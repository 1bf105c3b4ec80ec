"""Lengths of windows and the codes that explain them (3.2).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from datetime import timedelta
from decimal import Decimal

from tests.reference.evaluator_interacting import NO_EXTENSION, extension
from tests.reference.evaluator_supply import FLOOR
from tests.reference.evaluator_tables import FOREVER, hours


def whole_minutes_up(length_h):
    """The length of a window is rounded up to a whole minute."""
    minutes = Decimal(length_h) * 60
    whole = int(minutes)
    return timedelta(minutes=whole if whole == minutes else whole + 1)


def label_interval(part):
    """L = 240 h short, 336 h else."""
    return hours(240) if part.acting == "short" else hours(336)


def five_half_lives(part, multiplier):
    return whole_minutes_up(5 * Decimal(part.row["t_half_high_h"]) * multiplier)


def hard_window(part, multiplier):
    """Wh = max(L, k x t_half_adj)."""
    return max(label_interval(part), five_half_lives(part, multiplier))


def policy_window(part, multiplier):
    """Wp = max(336 h, Wh)."""
    return max(FLOOR, hard_window(part, multiplier))


def judging_extension(patient, part, end, antagonist_time):
    """It counts for a judgement if its interval meets [supply end, antagonist time]."""
    if end == FOREVER or antagonist_time < end:
        return NO_EXTENSION
    return extension(patient, part.ingredient, end, antagonist_time)


def earliest_start_extension(patient, part, end):
    """It counts if its interval meets [possible_end, possible_end + Wp]: begin with 1, recompute until stable."""
    if end == FOREVER:
        return NO_EXTENSION
    counting = NO_EXTENSION
    while True:
        again = extension(patient, part.ingredient, end, end + policy_window(part, counting.multiplier))
        if again.multiplier == counting.multiplier:
            return again
        counting = again


def window_codes(part, counting):
    """Reason codes of group window for one window, and those of the medicines that made it."""
    codes = set(counting.codes)
    label, hard = label_interval(part), hard_window(part, counting.multiplier)
    if hard > label:
        codes.add("FIVE_HALF_LIVES")
    else:
        codes.add("LABEL_7_10_DAYS" if part.acting == "short" else "LABEL_2_WEEKS")
    if hard > hard_window(part, Decimal(1)):
        codes.add("HALF_LIFE_EXTENDED")
    return codes


def form_codes(part):
    """Reason codes that say what kind of opioid it is."""
    codes = {"LONG_HALF_LIFE"} if Decimal(part.row["t_half_high_h"]) >= 24 else set()
    codes |= {"long": {"LONG_ACTING_FORM"}, "depot": {"DEPOT"}}.get(part.acting, set())
    classes = {"partial_agonist": {"PARTIAL_AGONIST"}, "mixed_agonist_antagonist": {"MIXED_AGONIST"}}
    return codes | classes.get(part.opioid_class, set())
