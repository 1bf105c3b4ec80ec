"""Rules of withdrawal for ultra-low doses, kind U (3.3 rows 3 and 4, section 3.4).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass
from decimal import Decimal

from tests.reference.evaluator_doses import antagonist_end, facts_of_parts
from tests.reference.evaluator_evidence import attested_time, stock_is_accounted_for, valid_attestation
from tests.reference.evaluator_facts import documented_supply
from tests.reference.evaluator_findings import common_codes, finding
from tests.reference.evaluator_starts import (
    Start,
    antagonist_codes,
    latest,
    span_of,
    start_after,
    start_codes,
    start_fields,
    window_end,
)
from tests.reference.evaluator_supply import Exposure, later
from tests.reference.evaluator_tables import FOREVER, Span, days, hours
from tests.reference.evaluator_window_lengths import form_codes, judging_extension, window_codes


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
        codes = form_codes(part) | antagonist_codes(event, parts)
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
        known_end = later(antagonist_end(patient, event, documented_supply), hours(24))
        by_assumption = documented is None or event.kind == "order" or exposure.begin >= known_end
        return [contact_by(exposure, start, proof, by_assumption=by_assumption)]
    certain = False
    if documented is not None:
        # The window that the judgement found holds for the start too, where it is the longer one.
        counting = start.counting if a < documented else judging_extension(patient, part, documented, a)
        certain = a < window_end(part, documented, counting)
        judged = Start(exposure, window_end(part, possible, counting), counting)
        start = judged if certain and judged.time >= start.time else start
    return [contact_by(exposure, start, proof, by_assumption=not certain)] if certain or a < start.time else []


def contact_by(exposure, start, proof, *, by_assumption):
    codes = window_codes(exposure.part, start.counting)
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
