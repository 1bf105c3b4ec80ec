"""Opioid-free evidence: what an attested last dose or a negative test changes, and why it is sometimes ignored."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Evidence, Moment, Stop
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import (
    at,
    envelope,
    fill,
    given,
    handed_over,
    ldn,
    medicine,
    methadone,
    order,
    oxycodone,
    report,
    void,
)

OXYCODONE, METHADONE = "7804", "6813"
END = at("2026-05-11T09:00")  # of ten days of oxycodone
SUPPLY = fill("O", at("2026-05-01T09:00"), oxycodone("10"))


def attested(last_dose, *, time="2026-05-20T09:00", ingredient=OXYCODONE, **changes):
    stated = {
        "kind": "clinician_attestation",
        "ingredients": (ingredient,) if ingredient else (),
        "recorded_by": "Dr A.",
        "attested_last_dose": Moment.instant(at(last_dose)) if last_dose else None,
    }
    return Evidence(**(stated | changes), **envelope("A", at(time)))


def screened(time, *, kind="naloxone_challenge", result="negative", ingredients=(), event_id="T"):
    return Evidence(kind=kind, result=result, ingredients=ingredients, recorded_by="Dr A.", **envelope(event_id, time))


def started(hours_after_end, *, event_id="L"):
    return fill(event_id, END + timedelta(hours=hours_after_end), ldn())


def findings(catalogue, *facts):
    return assess(History(facts=facts), catalogue).findings


def withdrawal(catalogue, *facts):
    found = [one for one in findings(catalogue, *facts) if one.rule.startswith("WR-")]
    return found[0] if found else None


def ignored(catalogue, *facts):
    return [one for one in findings(catalogue, *facts) if one.rule == "DQ-04"]


# Why an attestation changes nothing


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        (attested("2026-05-05T20:00", recorded_by=None), "no named clinician stands behind it"),
        (attested("2026-05-05T20:00", recorded_by=""), "no named clinician stands behind it"),
        (attested(None), "it states no last dose"),
        (attested("2026-05-05T20:00", ingredient=None), "it names no opioid"),
        (
            attested("2026-04-20T20:00"),
            "an exposure after the attested dose, or recorded after the attestation, is not covered by it",
        ),
        (
            attested("2026-05-01T09:00", time="2026-05-01T08:00"),
            "an exposure after the attested dose, or recorded after the attestation, is not covered by it",
        ),
    ],
)
def test_an_attestation_that_changes_nothing_says_why(catalogue, evidence, why):
    (found,) = ignored(catalogue, SUPPLY, started(200), evidence)
    assert (found.severity, found.display, found.anchor_event_id) == (Severity.INFO, Display.PROFILE, "A")
    assert found.text == f"The attestation changes nothing: {why}. The recorded supply stands."
    verdict = withdrawal(catalogue, SUPPLY, started(200), evidence)
    assert (verdict.rule, verdict.severity) == ("WR-02", Severity.CONTRAINDICATED)
    assert verdict.earliest_start_time == END + timedelta(hours=336)


def test_stock_not_accounted_for_helps_with_short_acting_opioids_alone(catalogue):
    facts = [fill("M", at("2026-05-01T09:00"), methadone("10")), started(400)]
    evidence = attested("2026-05-05T20:00", ingredient=METHADONE)
    (found,) = ignored(catalogue, *facts, evidence)
    assert "the stock is not accounted for and the opioid is not short-acting" in found.text
    assert ignored(catalogue, *facts, replace(evidence, stock_accounted_for=True)) == []


def test_nobody_can_attest_the_end_of_a_depot(catalogue):
    depot = given("S", at("2026-05-01T09:00"), medicine("1819", "bup_depot_monthly_sublocade", text="Sublocade"))
    evidence = attested("2026-05-05T20:00", ingredient="1819", stock_accounted_for=True)
    (found,) = ignored(catalogue, depot, started(200), evidence)
    assert "a depot goes on releasing whatever anybody attests" in found.text
    assert withdrawal(catalogue, depot, started(200), evidence).severity is Severity.CONTRAINDICATED


def test_an_attestation_entered_in_error_is_neither_used_nor_told(catalogue):
    evidence = attested("2026-05-02T09:00", stock_accounted_for=True)
    taken_back = void("V", at("2026-05-21T09:00"), of="A")
    assert ignored(catalogue, SUPPLY, started(200), attested(None), taken_back) == []
    found = withdrawal(catalogue, SUPPLY, started(200), evidence, taken_back)
    assert found.earliest_start_time == END + timedelta(hours=336)


def test_a_review_of_the_pdmp_is_recorded_and_changes_nothing(catalogue):
    review = screened(at("2026-05-20T09:00"), kind="pdmp_review", result=None)
    assert ignored(catalogue, SUPPLY, started(200), review) == []
    assert withdrawal(catalogue, SUPPLY, started(200), review).severity is Severity.CONTRAINDICATED


# What an attested last dose changes


def test_stock_seen_destroyed_moves_the_end_of_the_supply(catalogue):
    last = at("2026-05-02T09:00")
    evidence = attested("2026-05-02T09:00", stock_accounted_for=True)
    blocker = fill("L", last + timedelta(hours=336), ldn())
    assert withdrawal(catalogue, SUPPLY, blocker, evidence) is None
    sooner = withdrawal(catalogue, SUPPLY, fill("L", last + timedelta(hours=335), ldn()), evidence)
    assert (sooner.rule, sooner.severity, sooner.earliest_start_time) == ("WR-03", Severity.MAJOR, last + timedelta(14))
    assert "LAST_DOSE_ATTESTED" in sooner.reason_codes
    assert sooner.requires_confirmation


def test_disposal_without_a_stated_dose_counts_from_the_disposal(catalogue):
    disposed = attested(None, time="2026-05-04T09:00", kind="stock_disposed")
    found = withdrawal(catalogue, SUPPLY, fill("L", at("2026-05-10T09:00"), ldn()), disposed)
    assert (found.rule, found.earliest_start_time) == ("WR-02", at("2026-05-18T09:00"))
    assert ignored(catalogue, SUPPLY, started(0), disposed) == []


def test_tablets_that_may_remain_keep_the_finding_at_major(catalogue):
    evidence = attested("2026-05-02T09:00")
    late = withdrawal(catalogue, SUPPLY, fill("L", at("2026-05-20T09:00"), ldn()), evidence)
    assert (late.rule, late.severity, late.requires_confirmation) == ("WR-03", Severity.MAJOR, True)
    assert "the recorded supply says later. Confirm it." in late.text
    early = withdrawal(catalogue, SUPPLY, fill("L", at("2026-05-10T09:00"), ldn()), evidence)
    assert (early.rule, early.severity, early.requires_confirmation) == ("WR-02", Severity.CONTRAINDICATED, False)


def test_the_newest_attested_dose_counts(catalogue):
    later = replace(attested("2026-05-03T09:00", stock_accounted_for=True), **envelope("B", at("2026-05-20T10:00")))
    facts = [SUPPLY, fill("L", at("2026-05-10T09:00"), ldn()), attested("2026-05-02T09:00", stock_accounted_for=True)]
    assert withdrawal(catalogue, *facts).earliest_start_time == at("2026-05-16T09:00")
    assert withdrawal(catalogue, *facts, later).earliest_start_time == at("2026-05-17T09:00")


def test_an_order_without_a_fill_is_ended_by_no_attestation(catalogue):
    ordered = order("O", at("2026-05-01T09:00"), oxycodone("10"))
    evidence = attested("2026-05-02T09:00", stock_accounted_for=True)
    with_it = withdrawal(catalogue, ordered, started(0), evidence)
    without = withdrawal(catalogue, ordered, started(0))
    assert (with_it.rule, with_it.severity) == ("WR-02", Severity.MAJOR)
    assert with_it.earliest_start_time == without.earliest_start_time == at("2026-11-11T09:00")  # 180 d + 14 d
    assert "LAST_DOSE_ATTESTED" not in with_it.reason_codes


def test_a_restricted_source_is_ended_by_no_attestation(catalogue):
    used = report("R", at("2026-05-01T09:00"), oxycodone(None), kind="history", restricted=True)
    stopped = Stop(refers_to=used.key, **envelope("S", at("2026-05-15T09:00")))
    evidence = attested("2026-05-02T09:00", stock_accounted_for=True)
    found = withdrawal(catalogue, used, stopped, fill("L", at("2026-05-20T09:00"), ldn()), evidence)
    assert (found.rule, found.earliest_start_time) == ("WR-02", at("2026-05-29T09:00"))
    assert "LAST_DOSE_ATTESTED" not in found.reason_codes


# What a negative test changes


@pytest.mark.parametrize(
    ("hours_after_end", "severity"),
    [(167, Severity.CONTRAINDICATED), (168, Severity.MAJOR)],
)
def test_a_negative_challenge_counts_from_seven_days_after_the_supply(catalogue, hours_after_end, severity):
    test = screened(END + timedelta(hours=hours_after_end))
    found = withdrawal(catalogue, SUPPLY, test, started(200))
    assert (found.rule, found.severity) == ("WR-02", severity)
    assert ("OPIOID_FREE_EVIDENCE" in found.reason_codes) is (severity is Severity.MAJOR)


def test_a_negative_test_makes_major_moderate_and_never_less(catalogue):
    test = screened(END + timedelta(hours=200))
    found = withdrawal(catalogue, SUPPLY, test, started(250))
    assert (found.rule, found.severity) == ("WR-03", Severity.MODERATE)
    assert "A negative naloxone challenge of 2026-05-19T17:00:00Z made this one step milder" in found.text
    assert "it is not fully reliable" in found.text
    again = withdrawal(catalogue, SUPPLY, test, screened(END + timedelta(hours=210), event_id="T2"), started(250))
    assert again.severity is Severity.MODERATE


@pytest.mark.parametrize(("names", "severity"), [(OXYCODONE, Severity.MAJOR), ("7052", Severity.CONTRAINDICATED)])
def test_a_urine_test_counts_for_what_it_names(catalogue, names, severity):
    test = screened(END + timedelta(hours=190), kind="urine_drug_test", ingredients=(names,))
    assert withdrawal(catalogue, SUPPLY, test, started(200)).severity is severity


@pytest.mark.parametrize("result", ["inconclusive", None])
def test_a_result_that_is_not_negative_helps_nobody(catalogue, result):
    test = screened(END + timedelta(hours=190), result=result)
    assert withdrawal(catalogue, SUPPLY, test, started(200)).severity is Severity.CONTRAINDICATED


@pytest.mark.parametrize(("test_hours", "severity"), [(204, Severity.MAJOR), (205, Severity.CONTRAINDICATED)])
def test_a_test_with_the_hand_over_comes_too_late(catalogue, test_hours, severity):
    handed = handed_over("H", END + timedelta(hours=205), of="L")
    test = screened(END + timedelta(hours=test_hours))
    assert withdrawal(catalogue, SUPPLY, started(200), handed, test).severity is severity


@pytest.mark.parametrize(("test_hours", "severity"), [(199, Severity.MAJOR), (200, Severity.CONTRAINDICATED)])
def test_a_test_with_the_injection_comes_too_late(catalogue, test_hours, severity):
    injection = given("V", END + timedelta(hours=200), medicine("7243", "ntx_depot", text="Vivitrol"))
    test = screened(END + timedelta(hours=test_hours))
    assert withdrawal(catalogue, SUPPLY, injection, test).severity is severity


def test_no_test_makes_methadone_or_a_possible_order_milder(catalogue):
    test = screened(END + timedelta(hours=190))
    long_acting = fill("M", at("2026-05-01T09:00"), methadone("10"))
    assert withdrawal(catalogue, long_acting, test, started(200)).severity is Severity.CONTRAINDICATED
    ordered = order("O", at("2026-05-01T09:00"), oxycodone("10"))
    assert withdrawal(catalogue, ordered, test, started(200)).severity is Severity.MAJOR


def test_a_positive_test_is_an_exposure_of_its_own(catalogue):
    test = screened(at("2026-05-20T09:00"), kind="urine_drug_test", result="positive", ingredients=(OXYCODONE,))
    found = withdrawal(catalogue, test, fill("L", at("2026-05-25T09:00"), ldn()))
    assert (found.rule, found.severity, found.counterpart) == ("WR-02", Severity.CONTRAINDICATED, "opioid_unknown")
    assert found.earliest_start_time == at("2026-06-03T09:00")
    assert "OPIOID_EVIDENCE_POSITIVE" in found.reason_codes
