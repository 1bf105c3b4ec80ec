"""Compounded batches: potency, recalls, capsule weights and revisions."""

from dataclasses import replace
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Void, event_key
from rx_clinical.model.findings import Display, Severity, Urgency

from tests.lib.clinical.compounding_facts import NEW_YEAR, batch, found, request, rules, unit, weighed
from tests.lib.clinical.kit import at, envelope, fill, ldn, oxycodone


@pytest.mark.parametrize(
    ("result", "fails"),
    [
        ("89.99", True),
        ("90", False),
        ("90.0", False),
        ("100", False),
        ("110.0", False),
        ("110.01", True),
        (None, False),
    ],
)
def test_potency_passes_on_both_limits_and_is_compared_unrounded(catalogue, result, fails):
    findings = found(catalogue, batch(potency_result_pct=Decimal(result) if result else None))
    assert [one.rule for one in findings] == (["CP-02"] if fails else [])
    for one in findings:
        assert (one.severity, one.display) == (Severity.CONTRAINDICATED, Display.INTERRUPTIVE)
        assert (one.urgency, one.anchor_event_id) == (Urgency.CAN_STOP, "B-17")
        assert f"potency {result} %" in one.text
        assert "Dispense none" in one.text
        assert "Quarantine, trace, notify" in one.recommended_actions


def test_a_failed_potency_finds_every_dispensed_unit(catalogue):
    failed = batch(potency_result_pct=Decimal(85), dispensed=(unit("U-1"), unit("U-2")))
    findings = found(catalogue, failed)
    assert [(one.rule, one.counterpart) for one in findings if one.rule == "CP-02"] == [("CP-02", None)]
    assert {one.counterpart for one in findings if one.rule == "CP-09"} == {"U-1", "U-2"}
    assert {one.urgency for one in findings} == {Urgency.WITH_PATIENT}
    assert "Units dispensed of it: 2. Recall them." in findings[0].text
    assert len({one.finding_id for one in findings}) == 3


@pytest.mark.parametrize(("status", "count"), [("none", 0), ("", 0), ("closed", 0), ("open", 1), ("class II", 1)])
def test_an_open_recall_raises_one_finding_a_unit(catalogue, status, count):
    findings = found(catalogue, batch(recall_status=status, dispensed=(unit(),)))
    assert [(one.rule, one.severity, one.display) for one in findings] == [
        ("CP-09", Severity.MAJOR, Display.INTERRUPTIVE)
    ] * count
    assert all("batch B-17 is recalled: unit U-1, dispensed 2026-01-05" in one.text for one in findings)


def test_a_recall_without_dispensed_units_concerns_nobody_and_one_with_a_failed_potency_says_both(catalogue):
    assert found(catalogue, batch(recall_status="open")) == []
    both = batch(recall_status="open", potency_result_pct=Decimal(120), dispensed=(unit(),))
    (recall,) = found(catalogue, both, rule="CP-09")
    assert "recalled, its potency is outside its limits" in recall.text
    (failed,) = found(catalogue, replace(both, recall_status="none"), rule="CP-09")
    assert "is of a potency outside its limits" in failed.text


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (weighed(), None),
        (weighed(least="179.9"), "lightest 179.9 mg, outside 200 mg +/- 10 % = 180-220 mg"),
        (weighed(most="220.1"), "heaviest 220.1 mg"),
        (weighed(mean="179"), "mean 179 mg"),
        (weighed(rsd="6.0"), None),
        (weighed(rsd="6.01"), "relative standard deviation 6.01 %, above 6 %"),
        (None, None),
    ],
)
def test_capsules_may_weigh_ten_percent_more_or_less_and_vary_by_six(catalogue, weights, said):
    findings = found(catalogue, batch(weights=weights))
    assert [(one.rule, one.severity, one.display) for one in findings] == (
        [("CP-05", Severity.MAJOR, Display.QUEUE)] if said else []
    )
    assert all(said in one.text and "30 capsules weighed" in one.text for one in findings)


def test_the_newest_revision_of_a_batch_counts_and_a_void_takes_it_back(catalogue):
    failed = batch(potency_result_pct=Decimal(85))
    corrected = replace(batch(potency_result_pct=Decimal(95)), revision=(2, 0))
    voided = Void(refers_to=event_key("test", "B-17"), **envelope("V", NEW_YEAR))
    assert rules(catalogue, corrected, failed, failed) == []
    assert rules(catalogue, failed) == ["CP-02"]
    assert rules(catalogue, failed, voided) == []


def test_preparations_move_no_horizon(catalogue):
    old = [fill("L", at("2020-01-01T09:00"), ldn()), fill("O", at("2020-01-10T09:00"), oxycodone())]
    before = assess(History(facts=old), catalogue).findings
    assert before
    assert set(before) <= set(assess(History(facts=[*old, request(), batch()]), catalogue).findings)
