"""Rules of withdrawal and blockade: WR-01 to WR-06 and BL-01 to BL-03 (3.2 to 3.6).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tests.reference import evaluator_facts as facts_of
from tests.reference import evaluator_supply as supply_of
from tests.reference.evaluator_facts import FOREVER, NALTREXONE, NO_TIME, Span, days, hours
from tests.reference.evaluator_supply import FLOOR, AntagonistEvent, Exposure, later

SEVERITIES = ["contraindicated", "major", "moderate", "info"]
LONGEST_WINDOW = max(hours(float(r["hard_window_h_no_perpetrator"] or 0)) for r in facts_of.rows("drugs.csv"))
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


# --- dose sums and tiers (1.3)


@dataclass(frozen=True)
class Tier:
    name: str
    tail: timedelta
    opioid_after: str  # severity of BL-01
    reduced_tolerance: bool  # BL-03

    @property
    def is_ultra_low(self):
        return self.name in {"uldn_trial", "uldn_untested"}


def tier_of(part, dose):
    """1.3 and rows 11 to 17; the tail of > 50 mg, ER and unknown is 96 h."""
    fixed = {"samidorphan": ("samidorphan", 120), facts_of.NALMEFENE: ("nalmefene", 72)}.get(part.ingredient)
    if fixed is not None or dose is None:
        name, tail_h = fixed or ("unknown_dose", 96)
        return Tier(name, hours(tail_h), "contraindicated", reduced_tolerance=True)
    if dose < 1:
        name = "uldn_trial" if dose <= Decimal("0.25") else "uldn_untested"
        return Tier(name, hours(24), "major", reduced_tolerance=False)
    if dose <= 5:
        return Tier("ldn", hours(72), "major", reduced_tolerance=False)
    extended_release = part.form == "ntx_er_contrave"
    name = "intermediate" if dose < 25 else "standard" if dose <= 50 else "high"
    tail = hours(96) if extended_release or name == "high" else hours(72)
    return Tier(name, tail, "contraindicated", reduced_tolerance=True)


def naltrexone_tablet_components(patient):
    return [
        component
        for component in patient.antagonist_parts()
        if component[1] == NALTREXONE and component[2] != "ntx_depot"
    ]


def newest_active(patient, component, moment):
    """What sets the dose of one form at a time: the newest fill alone; without one the newest order or report.

    A dose given on a date without clock time counts through that date (settled).
    """
    events = [e for e in patient.antagonist_events_of(component) if e.time <= moment]
    fills = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)
    active = [e for e in fills[-1:] if moment < antagonist_end(patient, e)]
    if not active:
        others = sorted((e for e in events if e.kind in {"order", "report", "given"}), key=lambda e: e.anchor.tie_order)
        active = [e for e in others if moment < antagonist_end(patient, e)]
    return active[-1] if active else None


def dose_parts(patient, event, moment):
    """1.3: the events whose doses add up: of the form judged its own, of every other form what is active then.

    An order or report of a form that is supplied at a higher or unknown dose does not lower it.
    """
    own, others = event, []
    for component in naltrexone_tablet_components(patient):
        newest = newest_active(patient, component, moment)
        if newest is None or newest.anchor is event.anchor:
            continue
        if component[2] != event.part.form:
            others.append(newest)
        elif event.kind in {"order", "report"} and event.dose is not None:
            own = newest if newest.dose is None or newest.dose > event.dose else event
    return [own, *others]


def daily_sum(patient, event, moment):
    """1.3: the daily sum over the forms whose supplies are active at the time judged; None if one dose is unknown.

    Returns (dose or None, the events that it is made of).
    """
    parts = dose_parts(patient, event, moment)
    doses = [part.dose for part in parts]
    return (None if None in doses else sum(doses)), parts


def facts_of_parts(event, parts):
    """The facts of the other products that were added."""
    return [fact for part in parts if part.anchor is not event.anchor for fact in part.facts]


def tier_at(patient, event, moment):
    """The tier of an antagonist event at a time, and the events that the dose is made of."""
    if event.part.ingredient != NALTREXONE or event.part.kind == "D":
        return tier_of(event.part, None), [event]
    dose, parts = daily_sum(patient, event, moment)
    return tier_of(event.part, dose), parts


def antagonist_end(patient, event, length_of=facts_of.possible_supply):
    """Possible end of the supply of one antagonist event (tablets, not depots), stacked on what came before it."""
    if event.kind == "supply":
        component = ("antagonist", event.part.ingredient, event.part.form)
        before = [s for s in patient.chain_supplies(component) if s.tie_order <= event.supply.tie_order]
        return supply_of.chain(before, length_of)[-1].end
    if event.kind == "given":
        return event.span.end
    if event.kind == "report":
        documented, possible = supply_of.report_ends(event.anchor, event.part.form, event.stops)
        return possible if length_of is facts_of.possible_supply else documented
    return possible_order_supply_end(event)


def possible_order_supply_end(event):
    """3.2: an unfilled antagonist order counts for its days supply (missing 30 d) from written, not past its end."""
    end = event.span.end + facts_of.possible_supply(event.anchor, event.part.form)
    # Peripheral ones are judged as interacting medicines are (settled).
    ended = None if event.part.kind == "P" else supply_of.order_end(event.anchor, event.stops)
    return end if ended is None else max(min(end, ended), event.span.start)


# --- hours-based spacing (3.6)

DOSING_INTERVAL = re.compile(r"\b(every|q)\s*\d{1,2}(\s*(-|to)\s*\d{1,2})?\s*(h|hr|hrs|hours?)\b")
SPACING = re.compile(r"\b(\d{1,3})(\s*(-|to)\s*\d{1,3})?\s*(h|hr|hrs|hours?)\b")


def spaces_by_hours(text):
    """3.6: the detector, on lower-cased product text and directions."""
    text = DOSING_INTERVAL.sub("", text)
    if not facts_of.names(text, {"opioid"}) or not facts_of.names(text, {"antagonist"}):
        return False
    for match in SPACING.finditer(text):
        near = text[max(0, match.start() - 40) : match.end() + 40]
        nearer = text[max(0, match.start() - 30) : match.end() + 30]
        cue = re.search("after|before|apart|between|wait", near)
        negated = re.search("do not|don't|never|avoid", nearer)
        if int(match.group(1)) < 336 and cue and not negated:
            return True
    return False


# --- what every window finding carries


def hides_its_antagonist(fact):
    """HIDDEN_ANTAGONIST: the product name does not contain the antagonist's name."""
    if fact.has("product"):
        return not facts_of.names_antagonist(fact.get("product").lower())
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


# --- evidence, section 3.5


def attested_time(fact):
    if fact.has("attested_last_dose_at"):
        return fact.time("attested_last_dose_at").end
    return fact.span.end if fact.get("kind") == "stock_disposed" else None


def stock_is_accounted_for(fact):
    """Stock returned or destroyed (also as stock_disposed)."""
    return fact.get("kind") == "stock_disposed" or fact.true("stock_accounted_for")


def attestations(patient):
    kinds = {"clinician_attestation", "stock_disposed"}
    return [fact for fact in patient.of_type("evidence") if fact.get("kind") in kinds]


def covers(attestation, exposure):
    """Occurred <= attested time and recorded <= the attestation's, every step of the exposure."""
    at = attested_time(attestation)
    return all(fact.span.end <= at and fact.recorded <= attestation.recorded for fact in exposure.facts)


def ingredients_named(fact):
    return {facts_of.SALTS.get(str(code), str(code)) for code in fact.list("ingredients")}


def can_rest_on(attestation, exposure):
    """Any form but depots if the stock is accounted for; else short-acting only. Never POSSIBLE or restricted."""
    if exposure.part.acting == "depot" or exposure.kind in {"order", "positive"} or exposure.restricted:
        return False
    return stock_is_accounted_for(attestation) or exposure.part.acting == "short"


def valid_attestation(patient, exposure, exposures):
    """The attestation that moves the end of this exposure, None if there is none. `exposures` are all those seen."""
    code = exposure.part.ingredient
    valid = []
    for fact in attestations(patient):
        if not fact.has("recorded_by") or attested_time(fact) is None or code not in ingredients_named(fact):
            continue
        same = [other for other in exposures if other.part.ingredient == code]
        if can_rest_on(fact, exposure) and all(covers(fact, other) for other in same):
            valid.append(fact)
    return max(valid, key=lambda f: (attested_time(f), not stock_is_accounted_for(f)), default=None)


def negative_evidence(patient, exposure, end, event):
    """A negative test >= 168 h after the end and before any hand-over; recorded short-acting supply only."""
    recorded = exposure.kind == "supply" and exposure.part.acting == "short" and not exposure.restricted
    if not recorded or end == FOREVER:
        return None
    handed = handed_to_patient(event)
    for fact in patient.of_type("evidence"):
        if fact.get("result") != "negative" or fact.get("kind") not in {"naloxone_challenge", "urine_drug_test"}:
            continue
        names_it = fact.get("kind") == "naloxone_challenge" or exposure.part.ingredient in ingredients_named(fact)
        in_time = fact.span.start >= end + hours(168) and (handed is None or fact.span.end < handed)
        if names_it and in_time:
            return fact
    return None


def handed_to_patient(event):
    """When the antagonist came to the patient, None if it has not."""
    if event.kind in {"given", "report"}:
        return event.time
    handed = event.supply.hand_overs if event.supply is not None else []
    return min((fact.span.start for fact in handed), default=None)


# --- judgements of one exposure (3.3 rows 5 to 10)


@dataclass(eq=False)
class Verdict:
    row: int
    rule: str
    severity: str
    exposure: Exposure
    codes: set = field(default_factory=set)
    facts: list = field(default_factory=list)
    counting: supply_of.Extension | None = None  # of the judgement

    @property
    def rank(self):
        return (SEVERITIES.index(self.severity), self.row)


def documented_judgement(patient, exposure, end, event, acute, *, accounted=True):
    """Rows 5, 6 and 7, against the documented (or attested) end. `accounted`: nothing is left behind that end."""
    part, a = exposure.part, event.time
    if end == FOREVER or a < end:
        return Verdict(5, "WR-01", "contraindicated", exposure, {"ACTIVE_OVERLAP"})
    counting = supply_of.judging_extension(patient, part, end, a)
    codes, facts = supply_of.window_codes(part, counting), list(counting.facts)
    elapsed = a - end
    if elapsed < supply_of.hard_window(part, counting.multiplier):
        is_acute = part.opioid_class in acute and exposure.kind == "supply" and part.acting == "short"
        is_acute = is_acute and a - (end if accounted else max(end, exposure.documented_end)) >= hours(72)
        severity = "major" if is_acute else "contraindicated"
        codes |= {"ACUTE_COURSE"} if is_acute else set()
        return Verdict(6, "WR-02", severity, exposure, codes, facts, counting)
    if part.acting == "short" and elapsed < FLOOR:
        return Verdict(7, "WR-03", "major", exposure, codes, facts, counting)
    return None


def assumed_judgement(patient, exposure, event):
    """Row 8: only possible_end or a POSSIBLE order reaches; at most major."""
    part, a, end = exposure.part, event.time, exposure.possible_end
    if exposure.documented_end is not None and end <= exposure.documented_end:
        return None
    counting = supply_of.judging_extension(patient, part, end, a)
    codes, facts = supply_of.window_codes(part, counting), list(counting.facts)
    if a < end or a - end < supply_of.hard_window(part, counting.multiplier):
        return Verdict(8, "WR-02", "major", exposure, set() if a < end else codes, facts, counting)
    if part.acting == "short" and a - end < FLOOR:
        return Verdict(8, "WR-03", "major", exposure, codes, facts, counting)
    return None


def recorded_judgements(patient, exposure, event, acute):
    verdicts = []
    if exposure.documented_end is not None:
        verdicts.append(documented_judgement(patient, exposure, exposure.documented_end, event, acute))
    verdicts.append(assumed_judgement(patient, exposure, event))
    return [verdict for verdict in verdicts if verdict is not None]


def judgements(patient, exposure, exposures, event, acute):
    """All judgements of one exposure that fire, evidence considered."""
    attestation = valid_attestation(patient, exposure, exposures)
    if attestation is None:
        verdicts = recorded_judgements(patient, exposure, event, acute)
        base = exposure.documented_end
    else:
        base = attested_time(attestation)
        verdicts = attested_judgements(patient, exposure, event, acute, attestation)
    if base is not None:
        lower_by_negative_evidence(patient, exposure, base, event, verdicts)
    return verdicts


def attested_judgements(patient, exposure, event, acute, attestation):
    """3.5: the attested time replaces the end; stock not accounted for: the recorded supply keeps major (row 9)."""
    end = attested_time(attestation)
    recorded_says_later = exposure.possible_end > end
    accounted = stock_is_accounted_for(attestation)
    verdict = documented_judgement(patient, exposure, end, event, acute, accounted=accounted)
    if stock_is_accounted_for(attestation):
        verdicts = [verdict] if verdict else []
    else:
        recorded = recorded_judgements(patient, exposure, event, acute)
        if verdict is None and recorded:
            codes = set().union(*(other.codes for other in recorded)) - {"ACTIVE_OVERLAP"}
            facts = [fact for other in recorded for fact in other.facts]
            verdict = Verdict(9, "WR-03", "major", exposure, codes, facts)
        verdicts = [verdict] if verdict else []
    for found in verdicts:
        found.facts.append(attestation)
        if recorded_says_later:
            found.codes.add("LAST_DOSE_ATTESTED")
    return verdicts


def lower_by_negative_evidence(patient, exposure, base, event, verdicts):
    test = negative_evidence(patient, exposure, base, event)
    for verdict in verdicts:
        if test is not None and verdict.rule in {"WR-02", "WR-03"}:
            verdict.severity = one_step_lower(verdict.severity)
            verdict.codes.add("OPIOID_FREE_EVIDENCE")
            verdict.facts.append(test)


def acute_course(patient, exposures, a):
    """ACUTE_COURSE (3.2), apart from the 72 h after documented_end that each exposure must show.

    Returns the one opioid class that may show it, in a set.
    """
    begin, classes = a - days(90), set()

    def reaches(exposure):
        return exposure.begin <= a and exposure.possible_end >= begin

    for exposure in exposures:
        if reaches(exposure):
            if exposure.part.acting != "short" or exposure.kind in {"order", "report"}:
                return set()
            classes.add(exposure.part.opioid_class)
    total, fills = NO_TIME, 0
    for chain in short_fill_chains(patient, a):
        ends = supply_of.chain(chain, facts_of.possible_supply)
        for supply, link in zip(chain, ends, strict=True):
            if supply.begin < begin and link.end < begin:
                continue
            if any(facts_of.stated_supply_h(fill, supply.form) is None for fill in supply.sightings):
                return set()
            total += supply.documented()[1]
            fills += 1
    return classes if fills > 0 and total <= days(7) and len(classes) == 1 else set()


def short_fill_chains(patient, a):
    chains = []
    for component, part in patient.opioid_parts().items():
        if part.acting == "short":
            chains.append([supply for supply in patient.chain_supplies(component) if supply.begin <= a])
    return chains


# --- earliest start (3.2)


@dataclass(eq=False)
class Start:
    """possible_end (or attested end) + Wp of one exposure."""

    exposure: Exposure
    time: datetime
    counting: supply_of.Extension


def possible_or_attested_end(patient, exposure, exposures, *, only_accounted=False):
    attestation = valid_attestation(patient, exposure, exposures)
    if attestation is not None and (stock_is_accounted_for(attestation) or not only_accounted):
        return attested_time(attestation)
    return exposure.possible_end


def window_end(part, end, counting):
    return later(end, supply_of.policy_window(part, counting.multiplier))


def start_after(patient, exposure, exposures, *, only_accounted=False):
    end = possible_or_attested_end(patient, exposure, exposures, only_accounted=only_accounted)
    counting = supply_of.earliest_start_extension(patient, exposure.part, end)
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
    codes = supply_of.window_codes(part, start.counting)
    if start.time == FOREVER:
        return codes | {"ONGOING_NO_END"}
    if supply_of.policy_window(part, multiplier) > supply_of.hard_window(part, multiplier):
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


# --- withdrawal: S and D (rows 5 to 10)


def withdrawal(patient):
    findings = []
    for event in patient.antagonist_events():
        if event.part.kind in {"S", "D"}:
            tier, parts = (None, []) if event.part.kind == "D" else tier_at(patient, event, event.time)
            if tier is not None and tier.is_ultra_low:
                findings += ultra_low_dose(patient, event, parts)
            else:
                findings += opioid_first(patient, event, parts)
    return findings


def opioid_first(patient, event, parts):
    exposures = patient.exposures(lambda opioid: span_of(opioid).may_be_at_or_before(event.span))
    if not exposures:
        return []
    acute = acute_course(patient, exposures, event.time)
    fired = {exposure: judgements(patient, exposure, exposures, event, acute) for exposure in exposures}
    starts = {
        exposure: start_after_judgement(patient, exposure, exposures, event, fired[exposure]) for exposure in fired
    }
    overall = latest(list(starts.values()))
    findings = []
    for group in by_form(exposures).values():
        verdicts = [verdict for exposure in group for verdict in fired[exposure]]
        if not verdicts:
            continue  # row 10
        worst = min(verdicts, key=lambda verdict: verdict.rank)
        own_start = latest([starts[exposure] for exposure in group])
        codes = supply_of.form_codes(group[0].part) | start_codes(own_start) | antagonist_codes(event, parts)
        for verdict in verdicts:
            codes |= verdict.codes | codes_seen(patient, verdict.exposure, exposures)
        if "ACUTE_COURSE" not in worst.codes:
            codes -= {"ACUTE_COURSE"}  # an earlier end of the chain had it
        codes |= codes_seen(patient, own_start.exposure, exposures)
        codes |= {"ONGOING_NO_END"} if overall.time == FOREVER else set()
        basis = [fact for verdict in verdicts for fact in (*verdict.exposure.facts, *verdict.facts)]
        basis += [*own_start.exposure.facts, *own_start.counting.facts, *facts_of_parts(event, parts)]
        basis += [*overall.exposure.facts, *overall.counting.facts]
        codes |= common_codes(patient, event.time, event.facts, basis)
        fields = start_fields(overall)
        findings.append(
            finding(
                worst.rule,
                worst.severity,
                event,
                group[0].part,
                reason_codes=codes,
                ends_at=fields["earliest_start"],
                requires_confirmation="LAST_DOSE_ATTESTED" in codes and worst.severity != "contraindicated",
                **fields,
            )
        )
    return findings


def span_of(opioid):
    """The begin of an opioid event as a span, for the order of two facts."""
    return Span(opioid.begin, opioid.begin)


# --- ultra-low dose: U (rows 3 and 4, section 3.4)


@dataclass(eq=False)
class UltraLowContact:
    """One way an opioid form meets an ultra-low dose."""

    exposure: Exposure
    by_assumption: bool
    start: Start
    facts: list
    codes: set

    @property
    def extended(self):
        return self.start.counting.multiplier > 1


def ultra_low_dose(patient, event, parts):
    dose = sum(part.dose for part in parts)
    end = later(antagonist_end(patient, event), hours(24))

    def seen(opioid):
        return span_of(opioid).may_be_at_or_before(event.span) or opioid.begin < end

    exposures = patient.exposures(seen)
    contacts = [c for exposure in exposures for c in contact(patient, event, exposure, exposures)]
    if not contacts:
        return []
    starts = [start_after(patient, exposure, exposures, only_accounted=True) for exposure in exposures]
    overall = latest([*(c.start for c in contacts), *starts])
    confirmed, void, proof = confirmation_state(patient, event, dose, contacts)
    findings = []
    forms = {}
    for found in contacts:
        forms.setdefault((found.exposure.part.ingredient, found.exposure.part.form), []).append(found)
    for group in forms.values():
        part = group[0].exposure.part
        codes = supply_of.form_codes(part) | antagonist_codes(event, parts)
        codes |= {"DOSE_ABOVE_TRIAL_EVIDENCE"} if dose > Decimal("0.25") else set()
        basis = facts_of_parts(event, parts)
        for found in group:
            codes |= found.codes | found.exposure.codes
            basis += [*found.exposure.facts, *found.facts]
        if dose > Decimal("0.25") and (has_no_confirm_path(part) or any(found.extended for found in group)):
            severity = "major" if all(found.by_assumption for found in group) else "contraindicated"
            basis += [*overall.exposure.facts, *overall.counting.facts]
            codes |= {"ULDN_ABOVE_0_25_LONG_HALF_LIFE"}
            codes |= {"TWO_WEEK_WASHOUT"} & set().union(*(start_codes(found.start) for found in group))
            codes |= {"ONGOING_NO_END"} if overall.time == FOREVER else set()
            codes |= common_codes(patient, event.time, event.facts, basis)
            fields = start_fields(overall) | {"ends_at": start_fields(overall)["earliest_start"]}
            findings.append(finding("WR-06", severity, event, part, reason_codes=codes, **fields))
        else:
            severity = "moderate" if confirmed else "major"
            basis += proof
            codes |= {"ULDN_CONFIRMED"} if confirmed else {"ULDN_CLINICIAN_CONFIRM"}
            codes |= {"CONFIRMATION_VOID"} if void else set()
            codes |= common_codes(patient, event.time, event.facts, basis)
            findings.append(
                finding(
                    "WR-05",
                    severity,
                    event,
                    part,
                    reason_codes=codes,
                    no_start_time_reason="CONCURRENT_BY_INTENT",
                    requires_confirmation=not confirmed,
                )
            )
    return findings


def has_no_confirm_path(part):
    """Row 3: long, partial, mixed, depot, kratom."""
    return part.acting != "short" or part.opioid_class in {"partial_agonist", "mixed_agonist_antagonist"}


def contact(patient, event, exposure, exposures):
    """Rows 3 and 4: inside Wp, or opioid begun inside the supply or its 24 h tail."""
    part, a = exposure.part, event.time
    attestation = valid_attestation(patient, exposure, exposures)
    documented, possible, proof = exposure.documented_end, exposure.possible_end, []
    if attestation is not None and stock_is_accounted_for(attestation):
        documented = possible = attested_time(attestation)
        proof = [attestation]
    start = start_after(patient, exposure, exposures, only_accounted=True)
    if not Span(exposure.begin, exposure.begin).may_be_at_or_before(event.span):
        known_end = later(antagonist_end(patient, event, facts_of.documented_supply), hours(24))
        by_assumption = documented is None or event.kind == "order" or exposure.begin >= known_end
        return [contact_by(exposure, start, proof, by_assumption=by_assumption)]
    certain = False
    if documented is not None:
        # The window that the judgement found holds for the start too, where it is the longer one.
        counting = start.counting if a < documented else supply_of.judging_extension(patient, part, documented, a)
        certain = a < window_end(part, documented, counting)
        judged = Start(exposure, window_end(part, possible, counting), counting)
        start = judged if certain and judged.time >= start.time else start
    return [contact_by(exposure, start, proof, by_assumption=not certain)] if certain or a < start.time else []


def contact_by(exposure, start, proof, *, by_assumption):
    codes = supply_of.window_codes(exposure.part, start.counting)
    return UltraLowContact(exposure, by_assumption, start, [*start.counting.facts, *proof], codes)


def confirmation_state(patient, event, dose, contacts):
    """(a valid confirmation holds, an earlier one is void, its facts)."""
    people = [fact for fact in patient.of_type("confirm") if fact.has("recorded_by")]
    prescribers = [fact for fact in people if fact.get("by") == "prescriber"]
    pharmacists = [fact for fact in people if fact.get("by") == "pharmacist"]
    covering = {fact for fact in people if still_covers(fact, event, dose, contacts)}
    for prescriber in prescribers:
        for pharmacist in pharmacists:
            in_order = prescriber.span.start <= pharmacist.span.start
            if in_order and prescriber in covering and pharmacist in covering:
                return True, False, [prescriber, pharmacist]
    last = max([event.time, *(found.exposure.event.begin for found in contacts)])
    void = [fact for fact in (*prescribers, *pharmacists) if fact not in covering and fact.span.start <= last]
    return False, bool(void), void


def still_covers(confirm, event, dose, contacts):
    """Valid 90 days, the same naltrexone dose, the opioids and forms, each opioid dose up to +25 %; unknown voids."""
    if confirm.number("daily_dose_mg") != dose:
        return False
    opioids = newest_before_and_all_after(event, contacts)
    return all(covers_opioid(confirm, opioid, max(event.time, opioid.begin)) for opioid in opioids)


def newest_before_and_all_after(event, contacts):
    """The opioid events that a confirmation must cover: of a form the newest at the antagonist time, and later ones."""
    events = list(dict.fromkeys(found.exposure.event for found in contacts))
    after = [opioid for opioid in events if opioid.begin > event.time]
    newest = {}
    for opioid in sorted((o for o in events if o.begin <= event.time), key=lambda o: o.tie_order):
        newest[opioid.part.ingredient, opioid.part.form] = opioid
    return [*newest.values(), *after]


def covers_opioid(confirm, opioid, moment):
    listed = {str(entry.get("form_key")): entry.get("daily_dose_mg") for entry in confirm.list("opioids")}
    allowed = listed.get(opioid.part.form)
    if allowed in (None, "") or opioid.dose is None or moment >= confirm.span.end + days(90):
        return False
    return opioid.dose <= Decimal(str(allowed)) * Decimal("1.25")


# --- blockade (rows 11 to 18)


@dataclass(eq=False)
class Block:
    """What one antagonist does to an opioid begun at one time."""

    row: int
    rule: str
    severity: str
    ends_at: datetime
    event: AntagonistEvent
    facts: list
    codes: set

    @property
    def rank(self):
        return (SEVERITIES.index(self.severity), self.row, -self.ends_at.timestamp())


BLOCK_CODES = {
    "BL-01": {"BLOCKADE_ACTIVE", "OVERCOMING_BLOCKADE_OVERDOSE", "RESTART_AFTER_WINDOW"},
    "BL-02": {"BLOCKADE_WANING", "REDUCED_TOLERANCE", "RESTART_AFTER_WINDOW"},
    "BL-03": {"REDUCED_TOLERANCE", "RESTART_AFTER_WINDOW"},
}


def blockade(patient):
    findings = []
    for opioid in patient.opioid_events():
        findings += antagonist_first(patient, opioid)
    return findings


def antagonist_first(patient, opioid):
    x = opioid.begin
    before = [e for e in patient.antagonist_events() if e.part.kind in {"S", "D"} and e.comes_before(x)]
    forms = {}
    for event in before:
        forms.setdefault((event.part.ingredient, event.part.form), []).append(event)
    findings = []
    for events in forms.values():
        tier, parts = blocking_dose(patient, events, x)
        if tier.is_ultra_low:
            continue  # WR-05 and WR-06 stand for it
        blocks = [block for block in blocks_of(patient, events, x, tier) if block is not None]
        if blocks:
            for block in blocks:
                if opioid.is_order or block.event.kind == "order":
                    block.severity = at_most(block.severity, "major")  # row 18
            findings.append(blockade_finding(patient, opioid, blocks, parts))
    return findings


def blocking_dose(patient, events, x):
    """The tier that counts at x: of a form what is still supplied, fills and injections before reports and orders."""
    seen = [*newest_fill(events), *newest_given(events)]
    seen += [event for event in events if event.kind not in {"supply", "given"}]

    def weight(event):
        active = x < (antagonist_end(patient, event) if event.part.kind == "S" else depot_until(event))
        place = event.supply.tie_order if event.supply is not None else event.anchor.tie_order
        return (active, event.kind not in {"order", "report"}, place)

    return tier_at(patient, max(seen, key=weight), x)


def newest_fill(events):
    return sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)[-1:]


def newest_given(events):
    return sorted((e for e in events if e.kind == "given"), key=lambda e: e.anchor.tie_order)[-1:]


def blockade_finding(patient, opioid, blocks, parts):
    """Of all blocks by one form the worst rule, its latest end, and the codes of all."""
    x = opioid.begin
    rule = min(blocks, key=lambda block: block.rank).rule
    severity = min((block.severity for block in blocks), key=SEVERITIES.index)
    block = max((block for block in blocks if block.rule == rule), key=lambda block: block.ends_at)
    exposures = patient.exposures(lambda other: other.begin <= x)
    overall = latest([start_after(patient, exposure, exposures, only_accounted=True) for exposure in exposures])
    own = by_form(exposures)[opioid.part.ingredient, opioid.part.form]
    own = [exposure for exposure in own if opioid.anchor in exposure.facts] or own  # the exposure of the anchor
    own_start = latest([start_after(patient, exposure, exposures, only_accounted=True) for exposure in own])
    codes = BLOCK_CODES[rule].union(*(one.codes for one in blocks)) | supply_of.form_codes(opioid.part)
    codes |= antagonist_codes(block.event, parts)
    codes |= start_codes(own_start) | own_start.exposure.codes
    codes |= {"ONGOING_NO_END"} if overall.time == FOREVER else set()
    basis = [fact for one in blocks for fact in one.facts] + facts_of_parts(block.event, parts)
    basis += [*own_start.exposure.facts, *own_start.counting.facts]
    basis += [*overall.exposure.facts, *overall.counting.facts]
    codes |= common_codes(patient, x, opioid.facts, basis)
    display = "queue" if block.rule == "BL-03" else "interruptive"
    fields = start_fields(overall)
    ends_at = None if block.ends_at == FOREVER else block.ends_at
    counterpart = block.event.part
    return finding(rule, severity, opioid, counterpart, display, reason_codes=codes, ends_at=ends_at, **fields)


def blocks_of(patient, events, x, tier):
    """Every block of one antagonist form: its chain of fills, the newest dose, and each report and order apart."""
    given = newest_given(events)
    if events[0].part.kind == "D":
        return [depot_block(event, x) for event in (*given, *(e for e in events if e.kind != "given"))]
    blocks = []
    fills = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)
    if fills:
        links = supply_of.chain([event.supply for event in fills], facts_of.possible_supply)
        run = fills[-len(links[-1].run) :]
        known = supply_of.chain([event.supply for event in fills], facts_of.documented_supply)[-1]
        facts = [fact for event in run for fact in event.facts]
        codes = supply_of.chain_codes(known, links[-1])
        blocks.append(
            tablet_block(fills[-1], x, tier, end=links[-1].end, known_end=known.end, facts=facts, codes=codes)
        )
    for event in (*given, *(e for e in events if e.kind in {"order", "report"})):
        end = antagonist_end(patient, event)
        known = antagonist_end(patient, event, facts_of.documented_supply)
        codes = {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
        codes |= {"SUPPLY_END_ASSUMED"} if event.kind == "report" and known < end else set()
        blocks.append(tablet_block(event, x, tier, end=end, known_end=known, facts=event.facts, codes=codes))
    return blocks


def tablet_block(event, x, tier, *, end, known_end, facts, codes):
    """Rows 11, 12, 13 and 17 for tablets: inside the supply, inside the tail, and 720 h after it."""
    tail_end = later(end, tier.tail)
    if x < end:
        row = 12 if tier.name == "ldn" else 11
        # section 7, 27: documented_end decides contraindicated, the assumption still gives major
        severity = tier.opioid_after if x < known_end else at_most(tier.opioid_after, "major")
        return Block(row, "BL-01", severity, tail_end, event, facts, codes)
    if x < tail_end:
        return Block(13, "BL-02", "major", tail_end, event, facts, codes)
    if tier.reduced_tolerance and x < later(tail_end, hours(720)):
        return Block(17, "BL-03", "moderate", later(tail_end, hours(720)), event, facts, codes)
    return None


def depot_base(event):
    """From the injection, or from the fill; blockade ends use the end of a local date. (base, unconfirmed).

    Reported use: the last injection may lie as late as the end of what is reported.
    """
    if event.kind == "depot":
        return max(fill.span.end for fill in event.supply.sightings), True
    if event.kind == "report":
        return supply_of.report_ends(event.anchor, event.part.form, event.stops)[0], False
    return event.span.end, event.kind == "order"


def depot_until(event):
    """How late its injection may lie."""
    base, unconfirmed = depot_base(event)
    return later(base, days(30)) if unconfirmed else base


def depot_block(event, x):
    """Rows 14 to 17: 672 h, to 1,200 h, and 720 h more; without an administration the injection may be 30 d later."""
    base, unconfirmed = depot_base(event)
    codes = {"ADMINISTRATION_UNCONFIRMED"} if event.kind == "depot" else set()
    codes |= {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
    shift = days(30) if unconfirmed else NO_TIME
    first, sure, waning = later(base, hours(672)), later(base, hours(672) + shift), later(base, hours(1200) + shift)
    if event.kind == "order":
        ended = supply_of.order_end(event.anchor, event.stops)
        if ended is not None and ended + hours(672) < sure:
            # not past its end: an order ended before the possible injection blocks as if injected at its end
            sure, waning = ended + hours(672), ended + hours(1200)
            first = min(first, sure)
    if event.kind == "report" and not event.stops and not event.anchor.true("ongoing"):
        first = later(event.span.end, hours(672))  # certain is only the month after the begin of what is reported
    if x < first and event.kind != "order":  # nothing is certain about an injection that was ordered
        return Block(14, "BL-01", "contraindicated", first, event, event.facts, codes)
    if x < sure:
        return Block(15, "BL-01", "major", sure, event, event.facts, codes)
    if x < waning:
        return Block(16, "BL-02", "major", waning, event, event.facts, codes)
    if x < later(waning, hours(720)):
        return Block(17, "BL-03", "moderate", later(waning, hours(720)), event, event.facts, codes)
    return None
