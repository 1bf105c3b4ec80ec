"""The plain finding, and the codes and conditions that every finding rests on.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re

from tests.reference.evaluator_doses import spaces_by_hours
from tests.reference.evaluator_facts import names_antagonist
from tests.reference.evaluator_tables import FOREVER, days, hours, rows

SEVERITIES = ["contraindicated", "major", "moderate", "info"]
LONGEST_WINDOW = max(hours(float(r["hard_window_h_no_perpetrator"] or 0)) for r in rows("drugs.csv"))
HEADS_WITHOUT_DISEASE = {"no", "none", "not", "false", "never", "negative", "absent", "normal", "without"}
ENDS_OF_DISEASE = {"resolved", "ended"}


def at_most(severity, limit):
    """The milder of both."""
    return max(severity, limit, key=SEVERITIES.index)


def one_step_lower(severity):
    """3.5: never below moderate."""
    return at_most({"contraindicated": "major", "major": "moderate"}.get(severity, severity), severity)


def finding(rule, severity, anchor, counterpart, display="interruptive", **other):
    """A plain finding; `anchor` is an event with an anchor fact, `counterpart` a medicine part, a text or None."""
    fact = getattr(anchor, "anchor", anchor)
    found = {
        "rule": rule,
        "severity": severity,
        "display": display,
        "reason_codes": set(),
        "anchor_event_id": fact.id,
        "counterpart": getattr(counterpart, "counterpart", counterpart),
        "counterpart_key": counterpart,
        "earliest_start": None,
        "no_start_time_reason": "NOT_APPLICABLE",
        "ends_at": None,
        "urgency": "WITH_PATIENT" if getattr(anchor, "with_patient", False) else "CAN_STOP",
        "requires_confirmation": False,
        "max_bud": None,
        "max_days_supply": None,
        "anchor_key": fact.key,
    }
    found |= other
    whole_days = fact.type == "compound_request"  # a beyond-use date counts days: a date is exact there
    own = any(one.dates_used for one in getattr(anchor, "facts", [fact]))  # of a supply seen twice both
    if rule[:2] in {"DQ", "CP"} and not whole_days and getattr(anchor, "dates_used", own):
        found["reason_codes"] = {*found["reason_codes"], "TIME_IMPRECISE"}
    return found


# --- what every window finding carries


def hides_its_antagonist(fact):
    """HIDDEN_ANTAGONIST: the product name does not contain the antagonist's name."""
    if fact.has("product"):
        return not names_antagonist(fact.get("product").lower())
    return fact.medicine.sequestered or fact.medicine.form in {"ntx_er_contrave", "samidorphan"}


def late_codes(anchor_steps, basis):
    """3.1: a fact in the basis, the anchor's own steps apart, recorded later than the anchor's latest step."""
    newest = max(fact.recorded for fact in anchor_steps)
    late = any(fact.recorded > newest for fact in basis if fact not in anchor_steps)
    return {"RE_EVALUATED_LATE_EVENT"} if late else set()


def common_codes(patient, anchor_time, anchor_steps, basis):
    """Codes that depend on the basis alone."""
    everything = [*anchor_steps, *basis]
    codes = late_codes(anchor_steps, basis)
    codes |= {"TIME_IMPRECISE"} if any(fact.dates_used for fact in everything) else set()
    codes |= {"HISTORY_SHORT"} if history_is_short(patient, anchor_time) else set()
    codes |= {"HEPATIC_RENAL"} if holds(patient, "liver", FOREVER - days(1), FOREVER - days(1)) else set()
    codes |= {"HOUR_SPACING_UNSAFE"} if any(spaces_by_hours(fact.text) for fact in everything) else set()
    return codes


def history_is_short(patient, anchor_time):
    """Known history is shorter than the longest window that could apply; unknown history is short."""
    return patient.known_since is None or patient.known_since > anchor_time - LONGEST_WINDOW


def negated(value):
    words = re.findall(r"[a-z]+", value.lower())
    return not words or words[0] in HEADS_WITHOUT_DISEASE or bool(ENDS_OF_DISEASE & set(words))


def condition_times(patient, kind):
    """(begin, end, value, fact) of each patient fact of a kind: it holds until one takes the kind back (settled)."""
    lasting = {"pregnancy": days(300), "breastfeeding": days(365)}.get(kind)
    facts = [fact for fact in patient.of_type("patient_fact") if fact.get("kind") == kind]
    found = []
    for number, fact in enumerate(facts):
        end = next((one.span.start for one in facts[number + 1 :] if negated(one.get("value", ""))), FOREVER)
        if lasting is not None:
            end = min(end, fact.span.end + lasting)
        found.append((fact.span.start, end, fact.get("value", ""), fact))
    return found


def holds(patient, kind, begin, end):
    """Values of a kind that are not negated at some time in [begin, end]."""
    return [
        (value, fact)
        for since, until, value, fact in condition_times(patient, kind)
        if since <= end and begin < until and not negated(value)
    ]
