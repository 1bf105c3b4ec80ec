"""What is known about the patient, in words that people write, and what follows from it."""

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.patient import Patient
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine, oxycodone

START = at("2026-03-10T09:00")
LDN = fill("L", START, ldn())
THYROID = fill("T", at("2026-03-01T09:00"), medicine("10582", text="levothyroxine 50 mcg", days="90"))
NALTREXONE = fill("N", START, medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30"))


def fact(kind, value="", time="2026-01-01T09:00", event_id=None):
    return PatientFact(kind=kind, value=value, **envelope(event_id or f"{kind} {value} {time}", at(time)))


@pytest.fixture
def patient(catalogue):
    return lambda *facts: Patient(tuple(facts), catalogue.patient_terms)


def found(catalogue, *facts, rule, known_since=None):
    findings = assess(History(facts=facts, known_since=known_since), catalogue).findings
    return [finding for finding in findings if finding.rule == rule]


# Words


@pytest.mark.parametrize(
    ("meaning", "text", "meant"),
    [
        ("liver_failure", "Acute_Hepatitis", True),
        ("liver_failure", "ACUTE LIVER FAILURE", True),
        ("liver_failure", "hepatitis C, compensated", False),
        ("liver_failure", "decompensated", True),
        ("gut", "gi upset", True),
        ("gut", "giddy", False),  # no letter may stand beside a word
        ("gut", "stomach-ache", True),
        ("night", "can\u2019t sleep", True),
        ("crohn", "Crohn\u2019s disease", True),
        ("crohn", "Crohn's disease", True),
        ("negation", "no", True),
        ("negation", "nocturnal", False),
        ("negation", "ruled out", True),
        ("negation", "0", True),
        ("negation", "10", False),
    ],
)
def test_a_word_means_what_the_table_says_in_every_spelling(catalogue, meaning, text, meant):
    assert catalogue.patient_terms.mean(meaning, text) is meant


def test_a_meaning_that_no_row_has_is_an_error(catalogue):
    with pytest.raises(KeyError):
        catalogue.patient_terms.mean("astrology", "aries")


# What holds


def test_what_is_taken_back_holds_no_longer_and_what_is_stated_again_holds_again(patient):
    cirrhosis = fact("liver", "cirrhosis")
    ruled_out = fact("liver", "ruled out", "2026-02-01T09:00")
    hepatitis = fact("liver", "hepatitis C", "2026-03-01T09:00")
    assert patient(cirrhosis).standing("liver") == (cirrhosis,)
    assert patient(cirrhosis, ruled_out).standing("liver") == ()
    assert patient(cirrhosis, ruled_out, hepatitis).standing("liver") == (hepatitis,)
    assert patient(cirrhosis, hepatitis).standing("liver") == (cirrhosis, hepatitis)


@pytest.mark.parametrize(
    ("begin", "until", "holds"),
    [
        ("2026-05-01T09:00", "2026-05-01T09:00", True),
        ("2026-05-31T09:00", "2026-07-01T09:00", True),  # ended in between
        ("2026-06-01T08:59", "2026-06-01T09:00", True),
        ("2026-06-01T09:00", "2026-07-01T09:00", False),
        ("2025-12-31T09:00", "2026-01-01T09:00", True),
        ("2025-12-31T09:00", "2026-01-01T08:59", False),
    ],
)
def test_in_a_time_holds_what_was_known_by_its_end_and_not_taken_back_by_its_begin(patient, begin, until, holds):
    facts = (fact("pregnancy", "yes", "2026-01-01T09:00"), fact("pregnancy", "ended", "2026-06-01T09:00"))
    assert patient(*facts).standing("pregnancy", at(begin), at(until)) == (facts[:1] if holds else ())
    assert patient(*facts).standing("breastfeeding", at(begin), at(until)) == ()


def test_symptoms_said_to_be_absent_are_none(patient):
    cramps, absent = fact("symptom", "cramps"), fact("symptom", "no diarrhoea", "2026-02-01T09:00")
    assert patient(cramps, absent).symptoms("gut") == (cramps,)
    assert patient(cramps, absent).symptoms("night") == ()


def test_allergies_are_found_by_any_of_their_names(patient):
    lactose, peanuts = fact("allergy", "milk sugar"), fact("allergy", "peanuts")
    assert patient(lactose, peanuts).allergies(["dye", "lactose"]) == (lactose,)
    assert patient(lactose, fact("allergy", "none", "2026-02-01T09:00")).allergies(["lactose"]) == ()


def test_kidney_disease_among_the_symptoms_limits_windows_like_liver_disease(catalogue, patient):
    liver, kidney = fact("liver", "cirrhosis"), fact("symptom", "renal failure")
    assert patient(liver, kidney).liver == (liver, kidney)
    (blocked,) = found(catalogue, NALTREXONE, fill("O", at("2026-03-12T09:00"), oxycodone("5")), kidney, rule="BL-01")
    assert "HEPATIC_RENAL" in blocked.reason_codes
    assert any("liver or kidney disease is known" in line for line in blocked.assumptions)


# What follows


def test_periodic_paralysis_makes_an_opioid_beside_naltrexone_a_poor_choice_anyway(catalogue):
    opioid = fill("O", at("2026-03-12T09:00"), oxycodone("5"))
    (told,) = found(catalogue, NALTREXONE, opioid, fact("symptom", "hypokalaemic periodic paralysis"), rule="BL-01")
    (plain,) = found(catalogue, NALTREXONE, opioid, rule="BL-01")
    sentence = (
        "Low respiratory reserve or a slow gut is on record (periodic paralysis): opioids are a poor choice anyway."
    )
    assert sentence in told.text
    assert "poor choice" not in plain.text
    assert (told.severity, told.earliest_start_time) == (plain.severity, plain.earliest_start_time)


def test_periodic_paralysis_makes_a_thyroid_dose_that_becomes_too_much_critical(catalogue):
    (told,) = found(catalogue, THYROID, LDN, fact("symptom", "periodic paralysis"), rule="LD-01")
    (plain,) = found(catalogue, THYROID, LDN, rule="LD-01")
    assert "hyperthyroid signs are critical, mind potassium" in told.text
    assert "critical" not in plain.text


@pytest.mark.parametrize(
    ("known_since", "said"),
    [(None, True), (at("2025-12-10T09:01"), True), (at("2025-12-10T09:00"), False)],
)
def test_with_less_than_90_days_of_history_a_start_beside_thyroid_hormone_may_be_none(catalogue, known_since, said):
    (told,) = found(catalogue, THYROID, LDN, rule="LD-01", known_since=known_since)
    assert ("Start unknown: too little history is known" in told.text) is said


@pytest.mark.parametrize(
    ("value", "severity", "display"),
    [
        ("decompensated cirrhosis", Severity.CONTRAINDICATED, Display.INTERRUPTIVE),
        ("hepatitis C", Severity.MODERATE, Display.QUEUE),
    ],
)
def test_the_liver_decides_how_loud(catalogue, value, severity, display):
    (told,) = found(catalogue, LDN, fact("liver", value), rule="LD-04")
    assert (told.severity, told.display) == (severity, display)
    assert value in told.text


def test_a_liver_that_was_ruled_out_raises_nothing(catalogue):
    facts = [fact("liver", "acute hepatitis"), fact("liver", "ruled out", "2026-02-01T09:00")]
    assert found(catalogue, LDN, *facts, rule="LD-04") == []


@pytest.mark.parametrize(
    ("recorded", "counts"),
    [("2025-05-15T09:00", True), ("2025-05-14T09:00", False)],
    ids=["299 days ago", "300 days ago"],
)
def test_a_pregnancy_counts_for_300_days(catalogue, recorded, counts):
    told = found(catalogue, LDN, fact("pregnancy", "yes", recorded), rule="LD-05")
    assert [one.counterpart for one in told] == (["pregnancy"] if counts else [])
    assert all(one.severity is Severity.MAJOR and one.requires_confirmation for one in told)


@pytest.mark.parametrize(
    ("value", "raised"),
    [("2008", True), ("2008-05-01", True), ("2007", False), ("unknown", False), ("\u0662008", False)],
)
def test_who_may_be_under_18_needs_a_specialist(catalogue, value, raised):
    told = found(catalogue, LDN, fact("birth_year", value), rule="LD-06")
    assert bool(told) is raised


def test_what_is_known_holds_beside_facts_of_other_kinds(patient):
    allergy, transplant, liver = fact("allergy", "dyes"), fact("transplant", "kidney"), fact("liver", "cirrhosis")
    known = patient(allergy, transplant, liver)
    assert [known.standing(one.kind) for one in known.facts] == [(allergy,), (transplant,), (liver,)]
