"""Evidence of being opioid-free (3.5) and judgements of one exposure (3.3 rows 5 to 10).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass, field

from tests.reference import evaluator_supply as supply_of
from tests.reference.evaluator_facts import possible_supply, stated_supply_h
from tests.reference.evaluator_findings import SEVERITIES, one_step_lower
from tests.reference.evaluator_interacting import Extension
from tests.reference.evaluator_supply import FLOOR, Exposure
from tests.reference.evaluator_tables import FOREVER, NO_TIME, SALTS, days, hours
from tests.reference.evaluator_window_lengths import hard_window, judging_extension, window_codes

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
    return {SALTS.get(str(code), str(code)) for code in fact.list("ingredients")}


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
    counting: Extension | None = None  # of the judgement

    @property
    def rank(self):
        return (SEVERITIES.index(self.severity), self.row)


def documented_judgement(patient, exposure, end, event, acute, *, accounted=True):
    """Rows 5, 6 and 7, against the documented (or attested) end. `accounted`: nothing is left behind that end."""
    part, a = exposure.part, event.time
    if end == FOREVER or a < end:
        return Verdict(5, "WR-01", "contraindicated", exposure, {"ACTIVE_OVERLAP"})
    counting = judging_extension(patient, part, end, a)
    codes, facts = window_codes(part, counting), list(counting.facts)
    elapsed = a - end
    if elapsed < hard_window(part, counting.multiplier):
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
    counting = judging_extension(patient, part, end, a)
    codes, facts = window_codes(part, counting), list(counting.facts)
    if a < end or a - end < hard_window(part, counting.multiplier):
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
        ends = supply_of.chain(chain, possible_supply)
        for supply, link in zip(chain, ends, strict=True):
            if supply.begin < begin and link.end < begin:
                continue
            if any(stated_supply_h(fill, supply.form) is None for fill in supply.sightings):
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
