"""The other rules: HN, PA, PK, IN, OT, SX, LD, DQ and CP (3.3 rows 1, 2, 19 to 24, sections 2.2, 4 and 5).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.reference import evaluator_facts as facts_of
from tests.reference import evaluator_supply as supply_of
from tests.reference import evaluator_windows as windows
from tests.reference.evaluator_facts import (
    BUPRENORPHINE,
    DRUGS,
    FENTANYL,
    FOREVER,
    INTERACTING,
    METHADONE,
    METHOTREXATE,
    NALTREXONE,
    NO_TIME,
    OTHER_IMMUNOSUPPRESSANTS,
    PERPETRATORS,
    THYROID,
    TRANSPLANT_MEDICINES,
    days,
    hours,
)
from tests.reference.evaluator_supply import later
from tests.reference.evaluator_windows import finding, holds, late_codes

MIXED_ON_AGONIST = {"7238", "1841", "8001"}  # nalbuphine, butorphanol, pentazocine
LOCAL_FORMS_TOO = {row["perpetrator_rxnorm"] for row in PERPETRATORS if row["local_forms"]} | {"3008", "42316"}  # 2.2


# --- times of activity


@dataclass(eq=False)
class Stretch:
    """One event's time of activity. `documented_end` is None where only an assumption makes it active."""

    event: object  # OpioidEvent, AntagonistEvent or ActiveTime
    begin: object
    end: object
    documented_end: object
    codes: frozenset  # reason codes of group supply
    facts: list  # of a fill those of its whole run

    @property
    def tie_order(self):
        return (self.begin, self.event.anchor.key)


def opioid_stretches(patient, part):
    """When an opioid form is active; a depot stays active for five half-lives after its injection."""
    events = [e for e in patient.opioid_events() if (e.part.ingredient, e.part.form) == (part.ingredient, part.form)]
    stretches = []
    for event, exposure in events_with_exposures(events):
        end, documented = exposure.possible_end, exposure.documented_end
        if part.acting == "depot":
            lasting = supply_of.hard_window(part, Decimal(1))
            end = later(end, lasting)
            documented = None if event.kind in {"depot", "order"} else end
        stretches.append(Stretch(event, event.begin, end, documented, frozenset(exposure.codes), exposure.facts))
    return stretches


def events_with_exposures(events):
    chained = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.tie_order)
    pairs = list(zip(chained, supply_of.chain_exposures(chained), strict=True)) if chained else []
    return pairs + [(e, supply_of.single_exposure(e)) for e in events if e.kind != "supply"]


def opioid_parts(patient):
    parts = {(e.part.ingredient, e.part.form): e.part for e in patient.opioid_events()}
    return list(parts.values())


def antagonist_stretch(patient, event):
    """From the fill (not the hand-over) to the possible end of its supply; a depot blocks 28 days."""
    if event.part.form == "ntx_depot":
        end = later(windows.depot_until(event), hours(672))
    elif event.part.kind == "P" and event.kind == "report":
        end = supply_of.report_time("", event.anchor, event.stops).end  # it lapses as interacting medicines do
    else:
        end = windows.antagonist_end(patient, event)
    codes = {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
    begin, facts = event.time, event.facts
    if event.supply is not None:
        begin = event.supply.begin
        facts = [*facts, *(fact for supply in run_of(patient, event) for fact in supply.facts)]
    return Stretch(event, begin, max(end, event.time), end, frozenset(codes), facts)


def run_of(patient, event):
    """The supplies whose left-over reaches this fill, itself included."""
    if event.kind != "supply":
        return [event.supply]
    return supply_of.chain(chain_until(patient, event), facts_of.possible_supply)[-1].run


def chain_until(patient, event):
    component = ("antagonist", event.part.ingredient, event.part.form)
    return [s for s in patient.chain_supplies(component) if s.tie_order <= event.supply.tie_order]


def later_of(one, other):
    """(later-starting side, the other side); ties by key."""
    return (one, other) if one.tie_order > other.tie_order else (other, one)


def together(one, other):
    """The later one begins before the earlier one is over; what begins at one instant is together."""
    late, early = later_of(one, other)
    return late.begin < early.end or late.begin == early.begin


def counterpart_of(event):
    part = getattr(event, "part", None)
    if part is not None:
        return part
    gut = event.anchor.medicine.gut_opioids
    return gut[0] if gut else event.code


ABOUT_ENDS = {"SUPPLY_END_ASSUMED", "ONGOING_NO_END", "REFILL_STACKED", "REFILL_STACK_CAPPED"}


def basis_codes(own_steps, facts):
    """Codes that depend on the basis: something recorded after the anchor's latest step, a local date."""
    imprecise = any(fact.dates_used for fact in (*own_steps, *facts))
    return late_codes(own_steps, facts) | ({"TIME_IMPRECISE"} if imprecise else set())


def event_pairs(ones, others):
    """(anchor, other side) of what is active together: for each anchor and other medicine the earliest pair."""
    found = {}
    for one in ones:
        for other in others:
            if together(one, other):
                anchor, active = later_of(one, other)
                held = found.get(anchor)
                if held is None or active.tie_order < held.tie_order:
                    found[anchor] = active
    return found.items()


def pair_finding(rule, severity, display, anchor, active, *, codes=frozenset()):
    """One finding on two medicines, anchored at the later-starting one; no codes about supply ends."""
    codes = set(codes) | ((anchor.codes | active.codes) - ABOUT_ENDS)
    codes |= basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
    return finding(rule, severity, anchor.event, counterpart_of(active.event), display, reason_codes=codes)


# --- PK and IN (2.2, rows 23)


@dataclass(eq=False)
class Run:
    """An opioid exposure: the fills of a chain without a gap, or one report, order, dose, depot or test."""

    stretches: list

    @property
    def first(self):
        return self.stretches[0]

    @property
    def last(self):
        return self.stretches[-1]


def opioid_runs(patient, part):
    """The exposures of one form, a chain of fills as its runs."""
    runs = []
    for stretch in opioid_stretches(patient, part):
        goes_on = stretch.event.kind == "supply" and runs and stretch.facts[0] is runs[-1].last.facts[0]
        if goes_on:
            runs[-1].stretches.append(stretch)
        else:
            runs.append(Run([stretch]))
    return runs


def interactions(patient):
    """PK-01 to PK-03, IN-01, IN-02: of the pairs that give one anchor and counterpart the worst, then the earliest."""
    rated = []
    for part in opioid_parts(patient):
        runs = opioid_runs(patient, part)
        for code in supply_of.perpetrator_codes():
            row = supply_of.pair_row(code, part.ingredient)
            if row is None:
                continue
            taken = supply_of.taken_of(patient, code)
            for medicine in taken:
                until = later(medicine.end, supply_of.carry_over(row))
                for run in runs:
                    if medicine.begin <= run.last.end and run.first.begin <= until:
                        rated += interaction(patient, row, medicine, run, taken)
    chosen = {}
    for _, found in sorted(rated, key=lambda one: one[0]):
        chosen.setdefault((found["rule"], found["anchor_key"], found["counterpart_key"]), found)
    return list(chosen.values())


def interaction(patient, row, medicine, run, taken):
    part = run.first.event.part
    found = []
    if row["direction"] == "prolong":
        claim = {"EVIDENCE_SINGLE_REPORT"} if row["evidence_level"] == "SEED_CLAIM_ONLY" else set()
        loud = interrupts(part, row, medicine, run, taken)
        severity, display = ("moderate", "interruptive") if loud else ("info", "profile")
        found.append(("PK-01", severity, display, claim))
    if row["direction"] == "exposure_only":
        found.append(("PK-02", "info", "profile", set()))
    if row["direction"] == "prodrug_block":
        found.append(("PK-03", "info", "profile", set()))
    if row["direction"] == "shorten" and not (part.ingredient == METHADONE and is_short_ritonavir(medicine, taken)):
        severity, display = inducer_severity(part, medicine, run, taken)
        found.append(("IN-01", severity, display, {"INDUCER_OWN_WITHDRAWAL"}))
        if row["rule"] == "IN-01" and part.ingredient == METHADONE and inducer_stopped(patient, medicine, run, taken):
            found.append(("IN-02", "moderate", "queue", set()))
    return [medicine_pair(one, medicine, run) for one in found]


def medicine_pair(found, medicine, run):
    """(rank, finding) of an interacting medicine and an opioid exposure."""
    rule, severity, display, codes = found
    opioid_is_later = run.first.tie_order > medicine.first.tie_order
    event, counterpart = (
        (run.first.event, medicine.first.code) if opioid_is_later else (medicine.first, run.first.event.part)
    )
    codes = codes | (run.last.codes - ABOUT_ENDS) | basis_codes(event.facts, [*run.last.facts, *medicine.facts])
    begin = max(medicine.begin, run.first.begin)
    rank = (windows.SEVERITIES.index(severity), begin, run.first.tie_order, medicine.first.tie_order)
    return rank, finding(rule, severity, event, counterpart, display, reason_codes=codes)


def known_begin(time):
    """An ongoing report without a start may be as new as the report."""
    return time.anchor.span.start if supply_of.begin_unknown(time.anchor) else time.begin


def interrupts(part, row, medicine, run, taken):
    """2.2: strong, prescribed, methadone or fentanyl, the pair begins <= 14 d after the perpetrator's first event."""
    pair_begin = max(medicine.begin, run.first.begin)
    strong = row["strength"] == "strong" and part.ingredient in {METHADONE, FENTANYL}
    return (
        strong and medicine.first.prescribed and pair_begin - min(known_begin(one.first) for one in taken) <= days(14)
    )


def inducer_severity(part, medicine, run, taken):
    """2.2: major for the first fill after 28 days without it, the pair begins within 28 days of it; else info."""
    course_begin = medicine.begin
    for other in sorted(taken, key=lambda one: one.begin, reverse=True):
        if other.begin < course_begin and later(other.end, days(28)) > course_begin:
            course_begin = other.begin
    if max(medicine.begin, run.first.begin) - course_begin > days(28):
        return "info", "profile"
    return ("major" if part.ingredient in {METHADONE, BUPRENORPHINE} else "moderate"), "interruptive"


def is_short_ritonavir(medicine, taken):
    """perpetrators.csv, last row: the ritonavir supply is <= 7 days in all."""
    if medicine.first.code != facts_of.RITONAVIR or any(one.end == FOREVER for one in taken):
        return False
    return sum((one.end - one.begin for one in taken), NO_TIME) <= days(7)


def inducer_stopped(patient, medicine, run, taken):
    """IN-02: inducer stopped within 14 days on stable methadone: on it for 14 days, and not over before the stop."""
    end = medicine.last.documented_end
    if end == FOREVER or not (medicine.last.stopped or end < patient.newest_recorded):
        return False
    resumed = any(one.begin <= end + days(14) and one.end > end for one in taken if one is not medicine)
    return not resumed and run.first.begin <= end - days(14) and run.last.end >= end


# --- PA (rows 21 and 22)


def buprenorphine_on_agonist(patient):
    """PA-01: bup_sl first fill (none in 60 d) < 24 h after long-acting, < 12 h after short-acting."""
    given = [e for e in patient.opioid_events() if e.part.form == "bup_sl" and e.kind in {"supply", "given"}]
    known = [e for e in patient.opioid_events() if e.part.form == "bup_sl" and e.kind != "order"]
    findings = []
    for event in given:
        first = first_dose(event)
        x = first.start
        if any(x - days(60) <= e.begin < x or reported_use_covers(e, x) for e in known if e is not event):
            continue
        exposures = patient.exposures(lambda other, first=first: windows.span_of(other).may_be_at_or_before(first))
        waits = {}
        for exposure in exposures:
            end = windows.possible_or_attested_end(patient, exposure, exposures)
            until = later(end, hours(24 if exposure.part.acting == "long" else 12))
            if exposure.part.opioid_class == "full_agonist" and x < until:
                waits.setdefault((exposure.part.ingredient, exposure.part.form), []).append((until, exposure))
        if not waits:
            continue
        latest = [max(own, key=lambda one: one[0]) for own in waits.values()]
        allowed = max(until for until, _ in latest)
        start = windows.start_fields(windows.Start(latest[0][1], allowed, supply_of.NO_EXTENSION))
        for _, exposure in latest:
            facts = exposure.facts
            attestation = windows.valid_attestation(patient, exposure, exposures)
            codes = {"PARTIAL_ON_FULL_AGONIST"} | windows.codes_seen(patient, exposure, exposures)
            if attestation is not None:
                facts = [*facts, attestation]
                later_recorded = exposure.possible_end > windows.attested_time(attestation)
                codes |= {"LAST_DOSE_ATTESTED"} if later_recorded else set()
            codes |= basis_codes(event.facts, facts)
            findings.append(finding("PA-01", "moderate", event, exposure.part, "queue", reason_codes=codes, **start))
    return findings


def first_dose(event):
    """When the first dose may be taken: at the hand-over, else at the fill."""
    if event.supply is None:
        return event.anchor.span
    return event.supply.handed.span if event.supply.handed is not None else event.supply.begin_span


def reported_use_covers(event, x):
    return event.kind == "report" and event.begin < x < supply_of.single_exposure(event).possible_end


def mixed_on_agonist(patient):
    """PA-02: nalbuphine, butorphanol or pentazocine while a full agonist or buprenorphine supply is active."""
    parts = opioid_parts(patient)
    mixed = [s for part in parts if part.ingredient in MIXED_ON_AGONIST for s in opioid_stretches(patient, part)]
    agonists = [part for part in parts if part.opioid_class == "full_agonist" or part.ingredient == BUPRENORPHINE]
    found = {}
    for part in agonists:
        for other in opioid_stretches(patient, part):
            for one in mixed:
                if together(one, other):
                    anchor, active = later_of(one, other)
                    rank, clash = mixed_finding(one, anchor, active)
                    found.setdefault((clash["anchor_key"], clash["counterpart_key"]), []).append((rank, clash))
    return [min(clashes, key=lambda ranked: ranked[0])[1] for clashes in found.values()]


def mixed_finding(mixed, anchor, active):
    """(rank, finding): the worst of one anchor and counterpart counts, of equals the earliest other side."""
    inpatient = mixed.event.kind == "given" and mixed.event.anchor.get("setting") == "inpatient"
    known_end = active.documented_end
    certain = known_end is not None and (anchor.begin < known_end or anchor.begin == active.begin)
    by_order = "order" in {anchor.event.kind, active.event.kind}
    severity = "moderate" if inpatient else "contraindicated" if certain and not by_order else "major"
    codes = {"MIXED_ON_FULL_AGONIST"} | anchor.codes | active.codes
    codes |= basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
    display = "profile" if inpatient else "interruptive"
    clash = finding("PA-02", severity, anchor.event, active.event.part, display, reason_codes=codes)
    return (windows.SEVERITIES.index(severity), active.tie_order), clash


# --- HN (row 19)

RELEASES = re.compile(r"\b(crush|chew|dissolv|tube|snort|inhal|inject)")
WARNS = re.compile(r"do not|don't|never|avoid")


def would_release(text):
    """SEQUESTERED_RELEASED: directions that would release it; "do not crush" up to 30 characters before would not."""
    return any(not WARNS.search(text[max(0, m.start() - 30) : m.start()]) for m in RELEASES.finditer(text))


def sequestered(patient):
    """HN-02: contraindicated by directions that release it, moderate with another opioid, else info."""
    findings = []
    events = [e for e in patient.opioid_events() if e.kind != "positive"]
    own = [e for e in events if e.anchor.medicine.sequestered and e.part.form in {"morphine_er", "oxycodone_er"}]
    for event in own:
        codes = {"HIDDEN_ANTAGONIST"} if windows.hides_its_antagonist(event.anchor) else set()
        codes |= {"UNFILLED_PRESCRIPTION"} if event.is_order else set()
        others = other_active_opioids(patient, event)
        codes |= basis_codes(event.facts, others[0].event.facts if others else [])
        if any(would_release(fact.text) for fact in event.facts):
            codes |= {"SEQUESTERED_RELEASED"}
            findings.append(finding("HN-02", "contraindicated", event, None, reason_codes=codes))
        elif others:
            findings.append(finding("HN-02", "moderate", event, None, "queue", reason_codes=codes))
        else:
            findings.append(finding("HN-02", "info", event, None, "profile", reason_codes=codes))
    return findings


def other_active_opioids(patient, event):
    """What is active of other products during this supply, the first one first."""
    mine = next(s for s in opioid_stretches(patient, event.part) if s.event is event or same(s.event, event))
    found = []
    for part in opioid_parts(patient):
        for stretch in opioid_stretches(patient, part):
            another = not stretch.event.anchor.medicine.sequestered
            if another and together(stretch, mine):
                found.append(stretch)
    return sorted(found, key=lambda stretch: stretch.tie_order)


def same(one, other):
    return one.anchor is other.anchor and one.kind == other.kind


# --- OT (rows 2 and 20)


def gut_opioid_stretches(patient, form):
    """Loperamide <= 16 mg/day or unknown, diphenoxylate: when it is taken."""
    code = DRUGS[form]["rxnorm_ingredient_code"]
    times = [t for t in supply_of.active_times(patient, code) if form in t.anchor.medicine.gut_opioids]
    return [
        Stretch(time, time.begin, time.end, time.documented_end, frozenset(), [*time.facts, *run_facts(time)])
        for time in times
    ]


def run_facts(time):
    return [fact for supply in time.run for fact in supply.facts]


def gut_opioids(patient):
    """OT-01: loperamide or diphenoxylate with S or D."""
    antagonists = {}
    for event in patient.antagonist_events():
        if event.part.kind in {"S", "D"} and not is_ultra_low(patient, event):
            stretch = antagonist_stretch(patient, event)
            antagonists.setdefault((event.part.ingredient, event.part.form), []).append(stretch)
    findings = []
    for form in ("loperamide", "diphenoxylate"):
        for stretches in antagonists.values():
            for anchor, active in event_pairs(gut_opioid_stretches(patient, form), stretches):
                codes = {"REDUCED_BENEFIT"} | basis_codes(anchor.event.facts, [*anchor.facts, *active.facts])
                counterpart = counterpart_of(active.event)
                findings.append(finding("OT-01", "info", anchor.event, counterpart, "profile", reason_codes=codes))
    return findings


def is_ultra_low(patient, event):
    if event.part.kind == "D":
        return False
    return windows.tier_at(patient, event, event.time)[0].is_ultra_low


def peripheral(patient):
    """OT-02: a peripheral antagonist with any systemic opioid; OT-03: alvimopan after more than 7 days of opioid."""
    findings, stretches = [], {}
    for event in patient.antagonist_events():
        if event.part.kind == "P":
            stretches.setdefault(event.part, []).append(antagonist_stretch(patient, event))
            if event.part.form == "alvimopan":
                findings += alvimopan(patient, event)
    contraindicated = {one["anchor_key"] for one in findings}
    for own in stretches.values():
        allowed = [stretch for stretch in own if stretch.event.anchor.key not in contraindicated]
        for part in opioid_parts(patient):
            for anchor, active in event_pairs(allowed, opioid_stretches(patient, part)):
                findings.append(pair_finding("OT-02", "info", "profile", anchor, active))
    return findings


def alvimopan(patient, event):
    """Continuous documented opioid coverage of more than 168 h, gaps up to 24 h joined, to within 24 h before it.

    Begun at an unknown time before a report: contraindicated if it would be at any of those times.
    """
    stretches = []
    for part in opioid_parts(patient):
        stretches += [s for s in opioid_stretches(patient, part) if s.documented_end is not None]
    times = [event.time]
    if supply_of.begin_unknown(event.anchor):
        ends = {s.documented_end for s in stretches}
        times = sorted({event.span.end, *(end for end in ends if event.time <= end <= event.span.end)}, reverse=True)
    for time in times:
        run = covered_up_to(time, stretches)
        if run:
            return alvimopan_findings(event, run)
    return []


def covered_up_to(time, stretches):
    run = None
    for stretch in sorted((s for s in stretches if s.begin <= time), key=lambda s: s.tie_order):
        if run is not None and stretch.begin <= later(run["end"], hours(24)):
            run["end"] = max(run["end"], stretch.documented_end)
            run["stretches"].append(stretch)
        else:
            run = {"begin": stretch.begin, "end": stretch.documented_end, "stretches": [stretch]}
    if run is None or min(run["end"], time) - run["begin"] <= hours(168) or run["end"] < time - hours(24):
        return None
    return run


def alvimopan_findings(event, run):
    findings = []
    for part in {s.event.part for s in run["stretches"]}:
        own = [s for s in run["stretches"] if s.event.part == part]
        facts = [fact for stretch in own for fact in stretch.event.facts]
        codes = basis_codes(event.facts, facts)
        codes = codes.union(*(stretch.codes - ABOUT_ENDS for stretch in own))
        findings.append(finding("OT-03", "contraindicated", event, part, reason_codes=codes))
    return findings


# --- SX (row 24)


def surgery(patient):
    """SX-01: a procedure with expected opioids before the hold of the last antagonist dose ends."""
    findings = []
    for procedure in patient.of_type("procedure"):
        when = procedure.time("procedure_at") or procedure.span
        if procedure.get("opioid_expected", "true").lower() != "true":
            continue
        begun = {}
        for event in patient.antagonist_events():
            if event.part.kind in {"S", "D"} and event.time <= when.end:
                begun.setdefault((event.part.ingredient, event.part.form), []).append(event)
        for events in begun.values():
            findings += hold(patient, procedure, when, events)
    return findings


def hold(patient, procedure, when, events):
    """The hold of one form: after what may last longest of it."""
    newest = [*windows.newest_fill(events), *windows.newest_given(events)]
    newest += [event for event in events if event.kind not in {"supply", "given"}]
    event = max(newest, key=lambda one: (last_dose(patient, one), one.time))
    tier, parts = (None, [event]) if event.part.kind == "D" else windows.tier_at(patient, event, when.start)
    length = 720 if tier is None else HOLD_HOURS.get(tier.name, 96)
    ends_at = later(last_dose(patient, event), hours(length))
    if when.start >= ends_at:
        return []
    stretch = antagonist_stretch(patient, event)
    codes = {"HOLD_BEFORE_SURGERY"} | windows.antagonist_codes(event, parts) | stretch.codes
    basis = [*stretch.facts, procedure, *windows.facts_of_parts(event, parts)]
    codes |= basis_codes(event.facts, basis)
    codes |= {"ADMINISTRATION_UNCONFIRMED"} if event.kind == "depot" else set()
    if event.kind == "supply":
        supplies = chain_until(patient, event)
        documented, possible = (
            supply_of.chain(supplies, length_of)[-1]
            for length_of in (facts_of.documented_supply, facts_of.possible_supply)
        )
        codes |= supply_of.chain_codes(documented, possible)
    if event.kind == "report" and event.part.kind == "S":
        known = windows.antagonist_end(patient, event, facts_of.documented_supply)
        codes |= {"SUPPLY_END_ASSUMED"} if known < windows.antagonist_end(patient, event) else set()
    other = {"reason_codes": codes, "ends_at": None if ends_at == FOREVER else ends_at}
    return [finding("SX-01", "major", event, procedure.id, "queue", **other)]


HOLD_HOURS = {"samidorphan": 120, "ldn": 72, "uldn_trial": 72, "uldn_untested": 72}
"""Hours after the last dose by tier, every other oral one 96; a depot 720 h after the injection."""


def last_dose(patient, event):
    return windows.depot_until(event) if event.part.kind == "D" else windows.antagonist_end(patient, event)


# --- LD (section 4)


def naltrexone_events(patient):
    return [e for e in patient.antagonist_events() if e.part.ingredient == NALTREXONE]


def ldn_dose(patient, event):
    """The daily dose if it is <= 5 mg, else None. Unknown is not low."""
    if event.part.kind == "D":
        return None
    dose, _ = windows.daily_sum(patient, event, event.time)
    return dose if dose is not None and dose <= 5 else None


def of_unknown_low_dose(patient, event):
    """A compounded low-dose product of unknown dose is low-dose naltrexone all the same."""
    dose, _ = windows.daily_sum(patient, event, event.time)
    return dose is None and event.part.form in {"ntx_ldn", "ntx_uldn"}


def is_ldn(patient, event):
    return ldn_dose(patient, event) is not None or of_unknown_low_dose(patient, event)


def supply_end(patient, event):
    return antagonist_stretch(patient, event).end


def course_of(patient, event):
    """The event that begins the course of this event: no earlier naltrexone supply (possible end + 30 d) reaches it."""
    current = event
    while True:
        reaching = [
            e
            for e in naltrexone_events(patient)
            if e.kind != "order"
            and e.tie_order < current.tie_order
            and later(last_dose(patient, e), days(30)) >= current.time
        ]
        if not reaching:
            return current
        current = min(reaching, key=lambda e: e.tie_order)


def begins_a_course(patient, event):
    own = course_of(patient, event)
    return event.kind != "report" and own.anchor is event.anchor


def partner(patient, code, begin, end):
    """The first supply that is active at some time from `begin` and before `end`, or at `begin`; None without one."""
    met = [
        taken
        for taken in supply_of.taken_of(patient, code)
        if taken.begin == begin or (begin < taken.end and (taken.begin < begin or taken.begin < end))
    ]
    return met[0] if met else None


def ld_finding(patient, rule, severity, display, event, *, counterpart=None, facts=(), codes=frozenset()):
    if event.part.kind == "S":  # the other products that the daily dose is made of
        facts = [*facts, *windows.facts_of_parts(event, windows.daily_sum(patient, event, event.time)[1])]
    codes = set(codes) | late_codes(event.facts, facts)
    codes |= {"TIME_IMPRECISE"} if any(f.dates_used for f in [*event.facts, *facts]) else set()
    confirm = severity == "major" and rule in {"LD-02", "LD-05", "LD-06"}  # section 4: "confirm"
    return finding(rule, severity, event, counterpart, display, reason_codes=codes, requires_confirmation=confirm)


def ldn(patient):
    findings = []
    for event in naltrexone_events(patient):
        findings += any_dose_rules(patient, event)
        dose = ldn_dose(patient, event)
        if dose is not None or of_unknown_low_dose(patient, event):
            findings += thyroid(patient, event, dose)
            findings += immunosuppression(patient, event)
            findings += methotrexate(patient, event)
            findings += titration(patient, event, dose) if dose is not None else []
            if begins_a_course(patient, event):  # LD-10: review at 28 days
                findings.append(ld_finding(patient, "LD-10", "info", "profile", event))
    return findings + symptoms(patient)


def thyroid(patient, event, dose):
    """LD-01: first LDN fill of a course with active systemic thyroid hormone."""
    findings = []
    if not begins_a_course(patient, event):
        return findings
    for code in THYROID:
        taken = partner(patient, code, event.span.start, event.span.end)
        if taken:
            low = dose is not None and dose <= Decimal("1.5")
            severity, display = ("info", "profile") if low else ("major", "queue")
            codes = {"THYROID_START_DOSE"}
            codes |= {"HISTORY_SHORT"} if windows.history_is_short(patient, event.time) else set()
            findings.append(
                ld_finding(patient, "LD-01", severity, display, event, counterpart=code, facts=taken.facts, codes=codes)
            )
    return findings


def immunosuppression(patient, event):
    """LD-02: transplant, cyclosporine, tacrolimus, sirolimus major; mycophenolate or azathioprine alone info."""
    end, codes, findings = supply_end(patient, event), {"TRANSPLANT_IMMUNOSUPPRESSION"}, []
    transplants = [fact for _, fact in holds(patient, "transplant", event.time, end)]
    if transplants:
        newest = transplants[-1:]
        found = ld_finding(
            patient, "LD-02", "major", "queue", event, counterpart="transplant", facts=newest, codes=codes
        )
        findings.append(found)
    for code in TRANSPLANT_MEDICINES:
        taken = partner(patient, code, event.time, end)
        if taken:
            findings.append(
                ld_finding(patient, "LD-02", "major", "queue", event, counterpart=code, facts=taken.facts, codes=codes)
            )
    if findings:
        return findings
    for code in OTHER_IMMUNOSUPPRESSANTS:
        taken = partner(patient, code, event.time, end)
        if taken:
            findings.append(
                ld_finding(patient, "LD-02", "info", "profile", event, counterpart=code, facts=taken.facts, codes=codes)
            )
    return findings


def methotrexate(patient, event):
    taken = partner(patient, METHOTREXATE, event.time, supply_end(patient, event))
    return (
        [ld_finding(patient, "LD-03", "moderate", "profile", event, counterpart=METHOTREXATE, facts=taken.facts)]
        if taken
        else []
    )


def any_dose_rules(patient, event):
    """LD-04, LD-05, LD-06: naltrexone at any dose, tablets and depots."""
    end, findings = supply_end(patient, event), []
    liver = holds(patient, "liver", event.time, end)
    if liver:
        facts = [fact for _, fact in liver]
        severe = any(is_liver_failure(value) for value, _ in liver)
        severity, display = ("contraindicated", "interruptive") if severe else ("moderate", "queue")
        findings.append(ld_finding(patient, "LD-04", severity, display, event, counterpart="liver", facts=facts))
    for kind in ("pregnancy", "breastfeeding"):
        carrying = [fact for _, fact in holds(patient, kind, event.time, end)][-1:]
        if carrying:
            findings.append(ld_finding(patient, "LD-05", "major", "queue", event, counterpart=kind, facts=carrying))
    births = [fact for fact in patient.of_type("patient_fact") if fact.get("kind") == "birth_year"]
    year = re.match(r"\d{4}", births[-1].get("value", "")) if births else None
    if year and event.time.year - int(year[0]) <= 18:
        findings.append(
            ld_finding(patient, "LD-06", "major", "queue", event, counterpart="birth_year", facts=births[-1:])
        )
    return findings


def is_liver_failure(value):
    """Liver failure, acute hepatitis, decompensated cirrhosis."""
    value = value.lower()
    return "failure" in value or "decompensated" in value or ("acute" in value and "hepatitis" in value)


def titration(patient, event, dose):
    """LD-07: first fill > 4.5 mg, or step > 1.5 mg, or steps closer than 7 days; not before 90 d of history."""
    if patient.known_since is None or patient.known_since > event.time - days(90):
        return []
    if event.kind not in {"supply", "given"}:
        return []
    start = course_of(patient, event)
    course = [
        e
        for e in naltrexone_events(patient)
        if e.kind in {"supply", "given"}
        and ldn_dose(patient, e) is not None
        and e.tie_order < event.tie_order
        and course_of(patient, e).time == start.time
    ]
    fast = not course and start.anchor is event.anchor and dose > Decimal("4.5")
    level = None  # the event that the dose before began with
    for earlier in course:
        if level is None or ldn_dose(patient, earlier) != ldn_dose(patient, level):
            level = earlier
    if level is not None and dose > ldn_dose(patient, level):
        fast = dose - ldn_dose(patient, level) > Decimal("1.5") or event.time - level.time < days(7)
    return [ld_finding(patient, "LD-07", "moderate", "profile", event)] if fast else []


GUT_UPSET = re.compile(r"\bgi\b|\bgut\b|nausea|vomit|diarrh|loose stool|cramp|stomach|abdom|gastro|bowel")
EXPECTED_EFFECT = re.compile(r"vivid dream|nightmare|insomnia|sleepless|headache")


def symptoms(patient):
    """LD-08: gut upset > 14 days into the course; LD-09: dreams, insomnia, headache in its first 14 days."""
    findings = []
    for fact in patient.of_type("patient_fact"):
        if fact.get("kind") != "symptom" or negated_symptom(fact):
            continue
        low = [e for e in naltrexone_events(patient) if is_ldn(patient, e)]
        before = [e for e in low if e.time <= fact.span.start]
        if not any(in_course(patient, e, fact) for e in before):
            continue
        course = course_of(patient, before[-1]).time
        start = next(e for e in low if course_of(patient, e).time == course)  # the first low dose of it
        into = fact.span.start - course
        value = fact.get("value", "").lower().replace("_", " ")
        if GUT_UPSET.search(value) and into > days(14):
            findings.append(
                ld_finding(patient, "LD-08", "moderate", "queue", start, counterpart="symptom", facts=[fact])
            )
        if EXPECTED_EFFECT.search(value) and into <= days(14):
            findings.append(ld_finding(patient, "LD-09", "info", "profile", start, counterpart="symptom", facts=[fact]))
    # One finding a course: the first symptom of it.
    return list({(one["rule"], one["anchor_key"]): one for one in reversed(findings)}.values())


def in_course(patient, event, fact):
    return fact.span.start <= later(supply_end(patient, event), days(30))


def negated_symptom(fact):
    return windows.negated(fact.get("value", ""))


# --- DQ


def data_quality(patient):
    findings, anchors = [], patient.anchors()
    for fact in patient.of_type("prescription", "fill", "administer", "report"):
        if fact in patient.gone:
            continue
        if fact.type == "prescription" and not (supply_of.is_order(fact) and stands_without_fill(patient, fact)):
            continue
        findings += unknown_product(patient, fact)
        if fact in anchors:  # a supply seen twice lacks what its longer sighting lacks
            findings += missing_days_supply(patient, fact)
            findings += missing_dose_or_route(patient, fact)
            findings += unknown_route(patient, fact)
    findings += ignored_attestations(patient)
    if len(patient.facts) > 5000:
        codes = {"TOO_MANY_FACTS"}
        findings.append(finding("DQ-06", "moderate", patient.facts[5000], None, "queue", reason_codes=codes))
    return findings


def stands_without_fill(patient, order):
    """A fill replaces its order: what the order lacks, the fill tells or lacks itself."""
    return not all((order, component) in patient.filled_orders for component in patient.components(order)) or (
        not patient.components(order)
    )


@dataclass(frozen=True)
class Deficient:
    """A deficient event as an anchor: urgency as of its medicine."""

    anchor: object
    with_patient: bool
    dates_used: bool = False  # of the fact or a step of it


def deficient(patient, fact):
    steps = patient.steps_of(fact)
    handed = any(step.type == "handed_over" for step in steps)
    with_patient = handed or fact.type in {"administer", "report", "evidence"}
    return Deficient(fact, with_patient, any(step.dates_used for step in steps))


def missing_days_supply(patient, fact):
    """DQ-01: on a fill of an opioid, an oral antagonist or an interacting medicine (not depots, rescue, counted)."""
    medicine = fact.medicine
    forms = [part.form for part in medicine.opioids if part.acting != "depot"]
    injected = medicine.route in facts_of.INJECTED
    tablets = any(part.kind == "S" for part in medicine.antagonists) and not injected
    interacts = not medicine.local and any(code in INTERACTING for code in medicine.codes)
    if fact.type != "fill" or not (forms or tablets or interacts):
        return []
    counted = any(facts_of.stated_supply_h(fact, form) is not None for form in [*forms, ""])
    depot = any(supply_of.is_depot_form(part.form) for part in (*medicine.opioids, *medicine.antagonists))
    if counted or (depot and not forms and not tablets):
        return []
    codes = {"SUPPLY_END_ASSUMED"}
    return [finding("DQ-01", "info", deficient(patient, fact), None, "profile", reason_codes=codes)]


def missing_dose_or_route(patient, fact):
    """DQ-02: daily naltrexone dose missing (not depots), or route missing where neither route nor form tells it."""
    own = [p for p in fact.medicine.antagonists if p.ingredient == NALTREXONE and p.kind == "S"]
    if not own:
        return []
    codes = {"DOSE_UNKNOWN"} if fact.dose is None else set()
    no_route = not fact.medicine.route and not own[0].form
    if not codes and not no_route:
        return []
    return [finding("DQ-02", "moderate", deficient(patient, fact), None, "queue", reason_codes=codes)]


def unknown_product(patient, fact):
    """DQ-03: major when the display text of an unknown product contains an opioid or antagonist name."""
    text = (fact.get("product") or "").lower()
    if not fact.medicine.unknown or not facts_of.names(text, {"opioid", "antagonist"}):
        return []
    return [finding("DQ-03", "major", deficient(patient, fact), None, reason_codes={"UNKNOWN_PRODUCT"})]


def unknown_route(patient, fact):
    """DQ-07: route unknown for an ingredient that has systemic and local forms."""
    if fact.medicine.route or not any(code in LOCAL_FORMS_TOO for code in fact.medicine.codes):
        return []
    return [finding("DQ-07", "info", deficient(patient, fact), None, "profile")]


def ignored_attestations(patient):
    """DQ-04: no named clinician, not short-acting with stock unaccounted, a depot, or voided by an uncovered fill."""
    exposures = patient.exposures(lambda _: True)
    findings = []
    for fact in windows.attestations(patient):
        named = windows.ingredients_named(fact)
        own = [e for e in exposures if e.part.ingredient and e.part.ingredient in named]
        usable = fact.has("recorded_by") and windows.attested_time(fact) is not None
        supplies = [e for e in own if e.kind != "order"]  # evidence never moves a POSSIBLE order
        refused = [e for e in supplies if not windows.can_rest_on(fact, e)]
        uncovered = [e for e in own if usable and not windows.covers(fact, e)]
        if not usable or not named or refused or uncovered or (own and not supplies):
            findings.append(finding("DQ-04", "info", Deficient(fact, True, fact.dates_used), None, "profile"))
    return findings


# --- CP (section 5, and CP-06, CP-08 on naltrexone medicines)


def compounding(patient):
    findings = []
    for request in patient.of_type("compound_request"):
        findings += filler(request) + beyond_use(request) + strength_text(request, None)
    for event in patient.antagonist_events():
        if event.part.ingredient != NALTREXONE or event.part.kind == "D":
            continue
        findings += home_or_cut_tablets(event)
        if event.part.form in {"", "ntx_ldn", "ntx_uldn"}:
            findings += strength_text(event, event.dose)
    return findings


def filler(request):
    """CP-01: added filler not microcrystalline cellulose."""
    text = request.get("filler", "").lower()
    if not text or re.search(r"microcrystalline|avicel|\bmcc\b", text):
        return []
    overridable = re.search(r"lactose|sucrose", text) is not None
    return [finding("CP-01", "major", request, None, requires_confirmation=overridable)]


def beyond_use_limit(request):
    """5.1, 5.2 and compounding_limits.csv, in days; what is not known takes the shortest.

    Where preparation and vehicle disagree, water counts, then oil; a vehicle alone is enough (settled).
    """
    kind = request.get("preparation", "").lower()
    said = f"{request.get('vehicle', '')} {kind}".lower()
    solid = re.search(r"capsule|powder|troche|tablet", kind)
    spread = re.search(r"cream|gel|ointment|transdermal|topical", kind)
    liquid = re.search(r"liquid|solution|suspension|syrup|drops", kind)
    dry, oil = re.search(r"anhydrous|nonaqueous|non-aqueous", said), re.search(r"\boil", said)
    water = re.search(r"\bwater|(?<!non)(?<!non-)aqueous|syrup", said)
    if not (solid or spread or liquid or dry or oil or water):
        return 14
    if dry and not water:
        return 90 if liquid or oil else 180
    if not water and not spread and (oil or not liquid):
        return 90 if oil else 180
    if not request.true("preserved"):
        return 14
    studied = request.has("strength_mg_per_ml") and request.number("strength_mg_per_ml") == 1 and not spread
    cold = re.search(r"refrigerat|cold|2-8", request.get("storage", "").lower())
    return 30 if studied and not cold else 35


def beyond_use(request):
    """CP-03 and CP-04. The day of compounding is Day 1: BUD = compounding date + (limit - 1) days."""
    made = request.span.start.astimezone(ZoneInfo(request.zone)).date()
    latest = made + timedelta(days=beyond_use_limit(request) - 1)
    findings = []
    requested = date.fromisoformat(request.get("requested_bud")[:10]) if request.has("requested_bud") else latest
    if requested > latest:
        codes = {"BUD_OVER_LIMIT"}
        findings.append(finding("CP-03", "major", request, None, reason_codes=codes, max_bud=latest.isoformat()))
    use_by = min(requested, latest)
    supplied = int(request.number("days_supply")) if request.has("days_supply") else 1
    if made + timedelta(days=supplied - 1) > use_by:
        allowed = max((use_by - made).days + 1, 0)
        codes = {"SUPPLY_BEYOND_BUD"}
        findings.append(finding("CP-04", "major", request, None, reason_codes=codes, max_days_supply=allowed))
    return findings


TRAILING_ZERO = re.compile(r"(?<![\d.])\d+[.,]\d*0\s*(mg|mcg|ug|µg)")
NAKED_DECIMAL = re.compile(r"(?<!\d)[.,]\d+\s*(mg|mcg|ug|µg)")
DECIMAL_COMMA = re.compile(r"\d,\d{1,2}\s*(mg|mcg|ug|µg)")
STRENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*mg\b")
MICROGRAMS = re.compile(r"\d\s*(mcg|ug|µg|micrograms?)\b")


def strength_text(event, dose):
    """CP-06: trailing zero, naked decimal, mg/mcg mix, dose x10 from the intended tier; free text only."""
    fact = getattr(event, "anchor", event)
    text = fact.get("preparation", "").lower() if fact.type == "compound_request" else fact.text
    mixed = bool(STRENGTH.search(text) and MICROGRAMS.search(text))
    ambiguous = TRAILING_ZERO.search(text) or NAKED_DECIMAL.search(text) or DECIMAL_COMMA.search(text) or mixed
    strengths = [Decimal(number) for number in STRENGTH.findall(text)]
    slipped = dose is not None and dose not in strengths  # a text that states the dose too is no slip
    tenfold = slipped and any(s in {dose * 10, dose / 10} for s in strengths)
    return [finding("CP-06", "major", event, None, requires_confirmation=True)] if ambiguous or tenfold else []


def home_or_cut_tablets(event):
    """CP-08: home compounding reported, or 50 mg tablets supplied for < 25 mg/day or with mL directions."""
    fact = event.anchor
    home = fact.type == "report" and re.search(r"\bhome[ -]?(compound|made|prepar|mix)|home compounding", fact.text)
    tablets = event.part.form == "ntx_oral"
    cut = tablets and (
        (event.dose is not None and event.dose < 25) or re.search(r"\d\s*ml\b|\bml\b", fact.get("sig", "").lower())
    )
    return [finding("CP-08", "moderate", event, None, "queue")] if home or cut else []


ALL_RULES = (
    windows.withdrawal,
    windows.blockade,
    sequestered,
    buprenorphine_on_agonist,
    mixed_on_agonist,
    interactions,
    gut_opioids,
    peripheral,
    surgery,
    ldn,
    data_quality,
    compounding,
)
