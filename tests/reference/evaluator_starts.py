"""Earliest start of an antagonist after opioid exposures (3.2).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass
from datetime import datetime

from tests.reference.evaluator_evidence import attested_time, stock_is_accounted_for, valid_attestation
from tests.reference.evaluator_findings import hides_its_antagonist
from tests.reference.evaluator_interacting import Extension
from tests.reference.evaluator_supply import Exposure, later
from tests.reference.evaluator_tables import FOREVER, NALTREXONE, Span
from tests.reference.evaluator_window_lengths import earliest_start_extension, hard_window, policy_window, window_codes


@dataclass(eq=False)
class Start:
    """possible_end (or attested end) + Wp of one exposure."""

    exposure: Exposure
    time: datetime
    counting: Extension


def possible_or_attested_end(patient, exposure, exposures, *, only_accounted=False):
    attestation = valid_attestation(patient, exposure, exposures)
    if attestation is not None and (stock_is_accounted_for(attestation) or not only_accounted):
        return attested_time(attestation)
    return exposure.possible_end


def window_end(part, end, counting):
    return later(end, policy_window(part, counting.multiplier))


def start_after(patient, exposure, exposures, *, only_accounted=False):
    end = possible_or_attested_end(patient, exposure, exposures, only_accounted=only_accounted)
    counting = earliest_start_extension(patient, exposure.part, end)
    return Start(exposure, window_end(exposure.part, end, counting), counting)


def start_after_judgement(patient, exposure, exposures, event, verdicts):
    """The same where the exposure fires: a start that has passed already is none to tell.

    What began after the two weeks counts for the judgement alone; then its window is the one to wait for.
    """
    start = start_after(patient, exposure, exposures)
    judged = [verdict.counting for verdict in verdicts if verdict.counting is not None]
    if start.time > event.time or not judged:
        return start
    end = possible_or_attested_end(patient, exposure, exposures)
    return latest([Start(exposure, window_end(exposure.part, end, counting), counting) for counting in judged])


def codes_seen(patient, exposure, exposures):
    """Where its last dose is attested, the end is neither assumed nor open."""
    attested = valid_attestation(patient, exposure, exposures) is not None
    return exposure.codes - {"SUPPLY_END_ASSUMED", "ONGOING_NO_END"} if attested else exposure.codes


def latest(starts):
    """ES = max over all exposures seen; FOREVER if one has no end."""
    return max(starts, key=lambda start: start.time)


def start_fields(start):
    if start.time == FOREVER:
        return {"earliest_start": None, "no_start_time_reason": "ONGOING_NO_END"}
    return {"earliest_start": start.time, "no_start_time_reason": None}


def start_codes(start):
    """Codes of the window that the earliest start of this form comes from."""
    part, multiplier = start.exposure.part, start.counting.multiplier
    codes = window_codes(part, start.counting)
    if start.time == FOREVER:
        return codes | {"ONGOING_NO_END"}
    if policy_window(part, multiplier) > hard_window(part, multiplier):
        codes.add("TWO_WEEK_WASHOUT")
    return codes


def by_form(exposures):
    forms = {}
    for exposure in exposures:
        forms.setdefault((exposure.part.ingredient, exposure.part.form), []).append(exposure)
    return forms


def antagonist_codes(event, parts):
    """`parts`: the events that the daily dose is made of."""
    codes = {"HIDDEN_ANTAGONIST"} if hides_its_antagonist(event.anchor) else set()
    by_dose = event.part.ingredient == NALTREXONE and event.part.kind != "D"
    unknown = by_dose and any(part.dose is None for part in (event, *parts))
    return codes | ({"DOSE_UNKNOWN"} if unknown else set())


def span_of(opioid):
    """The begin of an opioid event as a span, for the order of two facts."""
    return Span(opioid.begin, opioid.begin)
