"""Rules of low-dose naltrexone outside withdrawal: LD (section 4).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from decimal import Decimal

from tests.reference.evaluator_activity import antagonist_stretch
from tests.reference.evaluator_doses import daily_sum, facts_of_parts
from tests.reference.evaluator_facts import METHOTREXATE, OTHER_IMMUNOSUPPRESSANTS, THYROID, TRANSPLANT_MEDICINES
from tests.reference.evaluator_findings import finding, history_is_short, holds, late_codes, negated
from tests.reference.evaluator_interacting import taken_of
from tests.reference.evaluator_supply import later
from tests.reference.evaluator_surgery import last_dose
from tests.reference.evaluator_tables import NALTREXONE, days


def naltrexone_events(patient):
    return [e for e in patient.antagonist_events() if e.part.ingredient == NALTREXONE]


def ldn_dose(patient, event):
    """The daily dose if it is <= 5 mg, else None. Unknown is not low."""
    if event.part.kind == "D":
        return None
    dose, _ = daily_sum(patient, event, event.time)
    return dose if dose is not None and dose <= 5 else None


def of_unknown_low_dose(patient, event):
    """A compounded low-dose product of unknown dose is low-dose naltrexone all the same."""
    dose, _ = daily_sum(patient, event, event.time)
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
        for taken in taken_of(patient, code)
        if taken.begin == begin or (begin < taken.end and (taken.begin < begin or taken.begin < end))
    ]
    return met[0] if met else None


def ld_finding(patient, rule, severity, display, event, *, counterpart=None, facts=(), codes=frozenset()):
    if event.part.kind == "S":  # the other products that the daily dose is made of
        facts = [*facts, *facts_of_parts(event, daily_sum(patient, event, event.time)[1])]
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
            codes |= {"HISTORY_SHORT"} if history_is_short(patient, event.time) else set()
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
    return negated(fact.get("value", ""))
