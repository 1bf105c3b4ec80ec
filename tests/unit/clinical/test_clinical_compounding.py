"""Compounded naltrexone: how long it may be used, what is in it, what its text says, and batches that failed."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.tables import TABLES, TableError
from rx_clinical.model.facts import (
    BatchRecord,
    CapsuleWeights,
    CompoundRequest,
    DispensedUnit,
    Moment,
    PatientFact,
    Void,
    event_key,
)
from rx_clinical.model.findings import Display, Severity, Urgency
from rx_clinical.rules.compounding.strengths import strengths
from rx_contracts.wire.finding_messages import finding_document

from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine, order, oxycodone, report

NEW_YEAR = at("2026-01-01T09:00")


def request(preparation="capsule", bud=None, time=NEW_YEAR, **stated):
    given = {name: Decimal(value) for name, value in stated.items() if name.endswith(("_mg", "_ml", "supply"))}
    powder = {"api_source": "naltrexone HCl bulk powder"}
    requested = date.fromisoformat(bud) if bud else None
    return CompoundRequest(
        preparation=preparation, requested_bud=requested, **(powder | stated | given), **envelope("R", time)
    )


def batch(event_id="B-17", bud="2026-06-29", **stated):
    return BatchRecord(bud=date.fromisoformat(bud), **stated, **envelope(event_id, NEW_YEAR))


def unit(reference="U-1", on="2026-01-05", days="30"):
    return DispensedUnit(
        reference=reference, dispensed_on=date.fromisoformat(on), days_supply=Decimal(days) if days else None
    )


def allergy(value, event_id="A"):
    return PatientFact(kind="allergy", value=value, **envelope(event_id, NEW_YEAR))


def found(catalogue, *facts, rule=None):
    findings = assess(History(facts=facts), catalogue).findings
    return [finding for finding in findings if finding.rule.startswith(rule or "CP-")]


def rules(catalogue, *facts):
    return [finding.rule for finding in found(catalogue, *facts)]


# How long it may be used


@pytest.mark.parametrize(
    ("preparation", "stated", "last"),
    [
        ("capsule", {}, "2026-06-29"),
        ("Capsules, size 3", {}, "2026-06-29"),
        ("gel capsule", {}, "2026-06-29"),
        ("troche", {}, "2026-06-29"),
        ("powder", {}, "2026-06-29"),
        ("anhydrous cream", {}, "2026-06-29"),
        ("cream", {"vehicle": "anhydrous base"}, "2026-06-29"),
        ("oil suspension", {}, "2026-03-31"),
        ("suspension", {"vehicle": "MCT oil", "preserved": True}, "2026-03-31"),
        ("oral solution", {"vehicle": "anhydrous glycerol"}, "2026-03-31"),
        ("oral solution", {"preserved": True}, "2026-02-04"),
        ("cream", {"preserved": True}, "2026-02-04"),
        ("cream", {"vehicle": "almond oil", "preserved": True}, "2026-02-04"),
        ("gel", {"vehicle": "aqueous base with methylparaben"}, "2026-02-04"),
        ("anhydrous cream", {"vehicle": "water", "preserved": True}, "2026-02-04"),
        ("oral solution", {"preserved": False, "storage": "refrigerator"}, "2026-01-14"),
        ("oral solution", {"preserved": True, "vehicle": "preservative-free water"}, "2026-01-14"),
        ("cream", {}, "2026-01-14"),
        ("capsule", {"vehicle": "water"}, "2026-01-14"),
        ("oral liquid", {"strength_mg_per_ml": "1", "preserved": True, "storage": "room temperature"}, "2026-01-30"),
        ("oral liquid", {"strength_mg_per_ml": "1", "preserved": True, "storage": "2-8 C"}, "2026-02-04"),
        ("oral liquid", {"strength_mg_per_ml": "1", "preserved": True, "storage": "room or fridge"}, "2026-01-30"),
        ("oral liquid", {"strength_mg_per_ml": "1", "preserved": True}, "2026-01-30"),
        ("oral liquid", {"strength_mg_per_ml": "1"}, "2026-01-14"),
        ("cream", {"strength_mg_per_ml": "1", "preserved": True}, "2026-02-04"),
        (
            "solution",
            {"vehicle": "ascorbic acid 0.5 %, preservative 0.1 %, glycerol 20 %", "strength_mg_per_ml": "0.5"},
            "2026-01-30",
        ),
        ("pellet", {"preserved": True}, "2026-01-14"),
        ("", {}, "2026-01-14"),
    ],
)  # fmt: skip
def test_the_day_of_compounding_is_day_one_and_the_last_usable_day_passes(catalogue, preparation, stated, last):
    last_day = date.fromisoformat(last)
    too_late = last_day.fromordinal(last_day.toordinal() + 1)

    assert "CP-03" not in rules(catalogue, request(preparation, last, **stated))
    (finding,) = found(catalogue, request(preparation, too_late.isoformat(), **stated), rule="CP-03")

    assert finding.max_bud == last_day
    assert (finding.severity, finding.display, finding.reason_codes) == (
        Severity.MAJOR,
        Display.INTERRUPTIVE,
        ("BUD_OVER_LIMIT",),
    )
    assert (finding.anchor_event_id, finding.counterpart, finding.earliest_start_time) == ("R", None, None)
    assert finding.urgency is Urgency.CAN_STOP


def test_one_year_of_capsules_is_cut_to_180_days_and_can_be_counted_again(catalogue):
    (finding,) = found(catalogue, request(bud="2027-01-01", strength_mg="4.50", quantity=Decimal(90)))

    document = finding_document(finding)
    assert (document["max_bud"], document["max_days_supply"]) == ("2026-06-29", None)
    assert "2026-01-01 + (180 - 1) days = 2026-06-29" in finding.text
    assert "never a beyond-use date" in finding.text
    assert "naltrexone 4.5 mg capsule" in finding.text
    assert any("earliest expiry of any component" in assumed for assumed in finding.assumptions)
    assert {"BUD1", "BUD2", "BUD3"} <= set(finding.sources)


def test_what_was_assumed_about_a_preparation_is_said(catalogue):
    unknown, unnamed, kept = (
        found(catalogue, one, rule="CP-03")[0].text
        for one in (
            request("pellet", "2026-06-01"),
            request("", "2026-06-01"),
            request("oral solution", "2026-06-01", storage="room"),
        )
    )
    assert "preparation 'pellet' is not known: the shortest limit counts" in unknown
    assert "14 days" in unknown
    assert "no preparation is named" in unnamed
    assert "counted as not preserved" in kept
    assert "storage is stated as 'room': the limit holds in the refrigerator only" in kept


def test_no_beyond_use_date_asked_for_is_none_too_late(catalogue):
    assert rules(catalogue, request()) == []


def test_the_day_of_compounding_is_the_local_date(catalogue):
    late_evening = replace(
        request(bud="2026-06-30"), occurred=Moment.instant(at("2026-01-02T04:00"), "America/New_York")
    )
    next_day = replace(late_evening, occurred=Moment.instant(at("2026-01-02T04:00"), "Europe/Berlin"))
    nowhere = replace(late_evening, occurred=Moment.instant(at("2026-01-02T04:00"), "Mars/Olympus"))

    assert [finding.max_bud for finding in found(catalogue, late_evening)] == [date(2026, 6, 29)]
    assert found(catalogue, next_day) == []
    assert found(catalogue, nowhere) == []


def test_a_date_without_clock_time_is_exact_for_whole_days(catalogue):
    dated = replace(request(bud="2027-01-01"), occurred=Moment.local_date(date(2026, 1, 1), "America/New_York"))
    (finding,) = found(catalogue, dated)
    assert finding.max_bud == date(2026, 6, 29)
    assert finding.reason_codes == ("BUD_OVER_LIMIT",)


def test_the_end_of_the_calendar_is_no_error(catalogue):
    end = datetime(9999, 12, 30, tzinfo=UTC)
    assert rules(catalogue, request(bud="9999-12-31", time=end, days_supply="1e30")) == []


# How much may be supplied


@pytest.mark.parametrize(
    ("days", "longest"),
    [("29", None), ("30", None), ("30.5", 30), ("31", 30), ("1e30", 30), (None, None), ("0", None)],
)
def test_the_last_dose_may_be_taken_on_the_beyond_use_date_and_not_after_it(catalogue, days, longest):
    stated = {"days_supply": days} if days else {}
    findings = found(catalogue, request(bud="2026-01-30", **stated))

    assert [finding.rule for finding in findings] == (["CP-04"] if longest else [])
    assert [finding.max_days_supply for finding in findings] == ([longest] if longest else [])


def test_a_supply_is_held_to_the_limit_not_to_the_date_asked_for(catalogue):
    too_much, none_asked = request(bud="2027-01-01", days_supply="365"), request(days_supply="181")
    (late, long) = found(catalogue, too_much)
    assert (late.rule, late.max_bud, late.max_days_supply) == ("CP-03", date(2026, 6, 29), None)
    assert (long.rule, long.max_bud, long.max_days_supply) == ("CP-04", None, 180)
    assert "2026-01-01 + 365 days - 1 = 2026-12-31, after the beyond-use date 2026-06-29" in long.text
    assert long.reason_codes == ("SUPPLY_BEYOND_BUD",)
    assert [finding.max_days_supply for finding in found(catalogue, none_asked)] == [180]


def test_a_beyond_use_date_before_the_day_of_dispensing_leaves_no_days(catalogue):
    (finding,) = found(catalogue, request(bud="2025-12-31"))
    assert (finding.rule, finding.max_days_supply) == ("CP-04", 0)
    assert finding_document(finding)["max_days_supply"] == 0
    assert "dispensed 2026-01-01, after the beyond-use date 2025-12-31" in finding.text


def test_each_dispensed_unit_of_a_batch_is_held_to_its_beyond_use_date(catalogue):
    units = (unit("U-1", "2026-05-31"), unit("U-2", "2026-06-01"), unit("U-3", "2026-06-29", None),
             unit("U-4", "2026-06-30", None))  # fmt: skip
    findings = found(catalogue, batch(product="naltrexone 4.5 mg capsule", dispensed=units))

    assert {(one.counterpart, one.max_days_supply) for one in findings} == {("U-2", 29), ("U-4", 0)}
    assert {one.rule for one in findings} == {"CP-04"}
    assert {one.urgency for one in findings} == {Urgency.WITH_PATIENT}
    assert {one.anchor_event_id for one in findings} == {"B-17"}
    assert "batch B-17 (naltrexone 4.5 mg capsule), unit U-2" in next(
        one.text for one in findings if one.counterpart == "U-2"
    )


# What is in it


@pytest.mark.parametrize(
    "filler",
    ["microcrystalline cellulose", "Avicel PH-105", "MCC", "Avicel (microcrystalline cellulose), PH-101/102",
     "", "none", "N/A", "Cellulose, Microcrystalline NF", "cellulose microcrystalline",
     "microcrystalline cellulose and no other additives",
     "Avicel; no calcium carbonate", "Avicel, lactose free", "not applicable"],
)  # fmt: skip
def test_microcrystalline_cellulose_or_no_filler_raises_nothing(catalogue, filler):
    assert rules(catalogue, request(filler=filler)) == []


@pytest.mark.parametrize(
    ("filler", "said", "overridden"),
    [
        ("calcium carbonate", "calcium carbonate is refused: it reduces the absorption", False),
        ("Sodium Bicarbonate", "bicarbonate is refused: it is not inert", False),
        ("Methocel K100M", "is refused: it is a slow-release matrix", False),
        ("hypromellose E4M", "is refused: it is a slow-release matrix", False),
        ("Avicel + HPMC matrix", "hpmc matrix is refused", False),
        ("MCC / CaCO3", "caco3 is refused", False),
        ("calcium carbonate lactose", "is refused", False),
        ("mannitol", "mannitol is no microcrystalline cellulose (it is in no list)", False),
        ("lactose and mannitol", "mannitol is no microcrystalline cellulose", False),
        ("sucrose", "only by a pharmacist's override with an allergy check", True),
        ("lactose monohydrate", "only by a pharmacist's override with an allergy check", True),
    ],
)
def test_any_other_filler_stops_the_request_and_says_why(catalogue, filler, said, overridden):
    (finding,) = found(catalogue, request(filler=filler))
    assert (finding.rule, finding.severity, finding.display) == ("CP-01", Severity.MAJOR, Display.INTERRUPTIVE)
    assert said in finding.text
    assert finding.requires_confirmation is overridden
    assert finding.recommended_actions == ("Change filler",)
    assert "SEED4" in finding.sources


@pytest.mark.parametrize(
    ("allergen", "stated", "flagged"),
    [
        ("lactose intolerance", {"api_source": "naltrexone 50 mg tablets"}, ["lactose"]),
        ("dyes", {"api_source": "tablets"}, ["dye"]),
        ("HPMC", {"api_source": "50 mg tabs"}, ["hypromellose"]),
        ("lactose", {"api_source": "bulk powder"}, []),
        ("lactose", {"api_source": ""}, ["lactose"]),
        ("lactose", {"filler": "lactose"}, [None, "lactose"]),
        ("sucrose", {"filler": "sugar"}, [None, "sucrose"]),
        ("sucrose", {"preparation": "oral solution", "vehicle": "simple syrup"}, ["sucrose"]),
        ("sucrose", {"preparation": "oral solution", "vehicle": "sugar-free syrup"}, []),
        ("gelatin", {}, ["gelatin"]),
        ("gelatin", {"preparation": "HPMC capsule"}, []),
        ("hypromellose", {"preparation": "vegetable capsule"}, ["hypromellose"]),
        ("gelatin", {"preparation": "cream"}, []),
        ("no lactose allergy", {"api_source": "tablets"}, []),
        ("penicillin", {"api_source": "tablets"}, []),
    ],
)
def test_an_allergy_meets_what_the_preparation_brings(catalogue, allergen, stated, flagged):
    findings = found(catalogue, allergy(allergen), request(**stated))
    assert sorted(one.counterpart or "" for one in findings) == [name or "" for name in flagged]
    assert {one.rule for one in findings} <= {"CP-01"}
    for one in findings:
        assert allergen in one.text or "An allergy is on record" in one.text


def test_an_allergy_recorded_after_the_request_is_told_as_late(catalogue):
    late = PatientFact(kind="allergy", value="gelatin", **envelope("A", at("2026-02-01T09:00")))
    (finding,) = found(catalogue, late, request())
    assert "RE_EVALUATED_LATE_EVENT" in finding.reason_codes
    assert {basis.role for basis in finding.basis} == {"deficient", "patient"}


# Batches


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


def weighed(least="180", mean="200", most="220", rsd="6"):
    return CapsuleWeights(
        count=30, target_mg=Decimal(200), mean_mg=Decimal(mean), min_mg=Decimal(least), max_mg=Decimal(most),
        rsd_pct=Decimal(rsd),
    )  # fmt: skip


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


# What its text says


def taken(text, directions="", dose="4.5", form="ntx_ldn", **changes):
    return medicine("7243", form, text=text, directions=directions, dose=dose, **changes)


@pytest.mark.parametrize(
    ("product", "written"),
    [
        (taken("LDN 5.0 mg capsule", dose="5"), "5.0 mg"),
        (taken("LDN 4.50mg capsule"), "4.50mg"),
        (taken("LDN5.0mg", dose="5"), "5.0mg"),
        (taken("naltrexone .5 mg capsule", dose="0.5"), ".5 mg"),
        (taken("naltrexone 0,5 mg capsule", dose="0.5"), "0,5 mg"),
        (taken("naltrexone 0,125 mg", dose="0.125"), "0,125 mg"),
        (taken("naltrexone 0.50-1 mg", dose=None), "0.50-1 mg"),
        (taken("naltrexone 1.0 mg/mL", dose="3"), "1.0 mg"),
        (taken("LDN", "take .5 mg at bedtime", "0.5"), ".5 mg"),
        (taken("LDN", "take 1.0 tab"), "1.0 tab"),
        (taken("LDN", "take ,5 mg", "0.5"), ",5 mg"),
        (taken("LDN .5 nightly", dose="0.5"), ".5"),
        (taken("LDN", "take 5.0 nightly", "5"), "5.0"),
        (taken("LDN: 0,5 nightly", dose="0.5"), "0,5"),
        (taken("LDN 500 mcg (5 mg) capsule", dose="0.5"), "500 mcg / 5 mg"),
        (taken("LDN 500 µg = 0.05 mg", dose="0.5"), "500 ug / 0.05 mg"),
        (taken("LDN 4.5 mg capsule", "take 4.5 micrograms at bedtime"), "4.5 micrograms / 4.5 mg"),
        (taken("LDN 45 mg capsule"), "45 mg"),
        (taken("LDN 0.45 mg capsule"), "0.45 mg"),
        (taken("LDN 450 mg capsule"), "450 mg"),
        (taken("LDN 4,500 mg capsule"), "4,500 mg"),
        (taken("LDN 4.5 mcg capsule"), "4.5 mcg"),
        (taken("LDN 4.5 mg capsule", "take 45 mg at bedtime"), "45 mg"),
        (taken("LDN 50 mg capsule", dose="5"), "50 mg"),
        (taken("naltrexone 50 mg tablet", "take 50 mg daily", "5", "ntx_oral"), "50 mg"),
        (taken("LDN 0.5 mg capsule", "take 2 capsules", "5"), "0.5 mg"),
    ],
)
def test_a_strength_that_may_be_misread_is_quoted_and_read_back(catalogue, product, written):
    (finding,) = found(catalogue, fill("F", NEW_YEAR, product), rule="CP-06")
    assert (finding.severity, finding.display) == (Severity.MAJOR, Display.INTERRUPTIVE)
    assert (finding.anchor_event_id, finding.counterpart) == ("F", None)
    assert f'"{written}"' in finding.text
    assert finding.recommended_actions == ("Double check",)
    if product.daily_dose_mg == Decimal("4.5"):
        assert "4.5 mg (four milligrams and five tenths of one milligram)" in finding.text


@pytest.mark.parametrize(
    "product",
    [
        taken("LDN 4.5 mg capsule"),
        taken("compounded LDN 5 mg capsule", dose="5.0"),
        taken("naltrexone 4.05 mg capsule", dose="4.05"),
        taken("naltrexone 50 mg tablet", dose="50", form="ntx_oral"),
        taken("naltrexone 50 mg tablet", dose="5", form="ntx_oral"),
        taken("naltrexone 50 mg", "dissolve 1 tablet in 50 mL water, take 5 mL", "5", "ntx_oral"),
        taken("LDN made at home", "dissolve one 50 mg tablet, use a tenth", "5"),
        taken("LDN made from naltrexone 50 mg tablets", "take 1 capsule", "5"),
        taken("Contrave ER 90/8", dose="8", form="ntx_er_contrave"),
        taken("naltrexone 380 mg", dose=None, form="ntx_depot"),
        taken("LDN", "take 0.5 mL at 8.00 pm", "0.5"),
        taken("LDN 10 mg/5 mL", "take 2.25 mL"),
        taken("LDN", "take 1.5 mg for 7 days then 3 mg", "1.5"),
        taken("LDN 500 mcg (0.5 mg) capsule", dose="0.5"),
        taken("LDN 1,000 mcg capsule", dose="1"),
        taken("LDN 500 mcg capsule", "take 2 capsules (1 mg)", "1"),
        taken("LDN 0.5 mg capsule", "take 10 capsules at bedtime", "5"),
        taken("LDN 0.5 mg capsule", "as told", "5", quantity=Decimal(300), days="30"),
        taken("LDN 1 mg/mL", "take 0.1 mL", "0.1"),
        taken("LDN 1 mg/0 mL", dose="0.1"),
        taken("LDN 5 mg per gram cream", "apply 0.1 g", "0.5"),
        taken("LDN 0.5 mg, up to 5 mg", dose="0.5"),
        taken("LDN 4.5 mg", "ICD M79.0; call 555.100.2000; at 9.30 take 1, 2 or 3 capsules"),
        taken("LDN 4.5 mg", "take 8.00 am"),
        taken("LDN 0 mg", dose="0.5"),
        taken("LDN 45 mg", dose="0"),
        taken("LDN", "take 0 capsules"),
        taken("", ""),
    ],
)
def test_ordinary_texts_are_left_alone(catalogue, product):
    assert found(catalogue, fill("F", NEW_YEAR, product), rule="CP-06") == []


@pytest.mark.parametrize(
    ("written", "dose", "read"), [("5.0 mg", "5", "50"), (".5 mg", "0.5", "5"), ("0,5 mg", "0.5", "5")]
)
def test_what_a_strength_is_easily_read_as_is_said(catalogue, written, dose, read):
    (finding,) = found(catalogue, fill("F", NEW_YEAR, taken(f"LDN {written}", dose=dose)), rule="CP-06")
    assert f"easily read as {read}" in finding.text


def test_an_order_that_was_filled_may_have_been_misread(catalogue):
    written = order("O", NEW_YEAR, taken("LDN 5.0 mg", dose="5"))
    filled = fill("F", at("2026-01-02T09:00"), taken("LDN 50 mg capsule", dose="50"), prescription=written.key)
    (finding,) = found(catalogue, written, filled, rule="CP-06")
    assert finding.anchor_event_id == "O"


def test_other_antagonists_and_opioids_have_no_tier_to_miss(catalogue):
    facts = [
        fill("S", NEW_YEAR, medicine("61381", "samidorphan", text="Lybalvi 5.0 mg", dose="10", days="30")),
        fill("O", NEW_YEAR, oxycodone(directions="take 5.0 mg")),
    ]
    assert found(catalogue, *facts) == []


def test_a_very_long_number_is_no_error(catalogue):
    long = fill("F", NEW_YEAR, taken(f"LDN {'9' * 5000}.0 mg {'1' * 5000} capsules", f"take {'8' * 5000} capsules"))
    assert len(found(catalogue, long, rule="CP-06")) == 1


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ({"preparation": "capsule 5.0 mg", "strength_mg": "5"}, "5.0 mg"),
        ({"preparation": "45 mg capsule", "strength_mg": "4.5"}, "45 mg"),
        ({"preparation": "oral solution 10 mg/mL", "strength_mg_per_ml": "1"}, "10 mg/ml"),
        ({"preparation": "oral solution 10 mg/5 mL", "strength_mg_per_ml": "20"}, "10 mg/5 ml"),
        ({"preparation": "oral solution 10 mg/5 mL", "strength_mg_per_ml": "2"}, None),
        ({"preparation": "cream 10 mg/g", "strength_mg_per_ml": "1"}, None),
        ({"preparation": "4.5 mg capsule", "strength_mg": "4.5"}, None),
        ({"preparation": "capsule", "api_source": "naltrexone 50.0 mg tablets", "strength_mg": "5"}, None),
    ],
)
def test_the_preparation_of_a_request_is_text_too(catalogue, stated, written):
    findings = found(catalogue, request(**stated), rule="CP-06")
    assert len(findings) == (1 if written else 0)
    assert all(f'"{written}"' in one.text for one in findings)


def test_strengths_are_read_with_their_unit_and_what_they_are_of():
    tablet, liquid = strengths("one 50 mg oral tablet in a 1,500 micrograms per 2 mL liquid")
    assert (tablet.mg, tablet.of_tablet, tablet.concentration) == (50, True, False)
    assert (liquid.mg, liquid.per_ml, liquid.of_tablet) == (Decimal("1.5"), Decimal("0.75"), False)


# Made at home


@pytest.mark.parametrize(
    ("product", "said"),
    [
        (taken("naltrexone 50 mg tablet", dose="24.9", form="ntx_oral"), "for 24.9 mg a day, less than 25 mg"),
        (taken("naltrexone 50 mg tablet", dose="25", form="ntx_oral"), None),
        (taken("naltrexone 50 mg tablet", dose="50", form="ntx_oral"), None),
        (taken("naltrexone", dose="3", form="ntx_oral"), "for 3 mg a day"),
        (taken("naltrexone 50 mg tablet", dose="3", form=None), "for 3 mg a day"),
        (taken("anything", dose="3", form=None, product_code="1483744"), "for 3 mg a day"),
        (taken("naltrexone 50 mg", dose="3", form=None), None),
        (taken("naltrexone 4.5 mg capsule", form="ntx_oral"), "for 4.5 mg a day"),  # a text is never the identity
        (taken("naltrexone 50 mg/mL", form="ntx_oral"), "for 4.5 mg a day"),
        (taken("naltrexone 50 mg/mL", form=None), None),
        (taken("naltrexone 4.5 mg capsule, from 50 mg tablets", form="ntx_oral"), "for 4.5 mg a day"),
        (taken("compounded LDN 4.5 mg capsule"), None),
        (taken("compounded LDN 4.5 mg capsule, from 50 mg tablets"), None),
        (taken("LDN"), None),
        (taken("naltrexone 50 mg tablet", "take 4.5 mL at bedtime", None, "ntx_oral"), "with directions in mL"),
        (taken("naltrexone 50 mg tablet", "take 1 tablet with 240 mL of water", "50", "ntx_oral"), None),
        (taken("naltrexone 1 mg/mL", "take 3 mL", "3"), None),
        (taken("LDN, home-made", dose=None), "made at home"),
        (taken("LDN", "tablet in distilled water"), "made at home"),
    ],
)
def test_tablets_for_a_low_dose_and_home_made_liquids_go_to_the_worklist(catalogue, product, said):
    findings = found(catalogue, fill("F", NEW_YEAR, product), rule="CP-08")
    assert [(one.severity, one.display) for one in findings] == ([(Severity.MODERATE, Display.QUEUE)] if said else [])
    for one in findings:
        assert said in one.text
        assert "keeps 14 days, refrigerated" in one.text
        assert one.recommended_actions == ("Offer pharmacy preparation",)
        counts = "unknown and treated as a standard dose" if product.daily_dose_mg is None else "the computed"
        assert counts in one.text


def test_reported_home_made_naltrexone_is_told_and_a_pharmacy_offered(catalogue):
    told = report("F", NEW_YEAR, taken("LDN made at home"), kind="history")
    (finding,) = found(catalogue, told)
    assert (finding.rule, finding.urgency) == ("CP-08", Urgency.WITH_PATIENT)


def test_a_request_that_says_home_made_is_told_and_distilled_water_of_a_pharmacy_is_not(catalogue):
    assert rules(catalogue, request("home-made liquid")) == ["CP-08"]
    assert rules(catalogue, request("oral solution", vehicle="distilled water")) == []


def test_no_text_ends_a_number_of_ours_in_a_zero(catalogue):
    facts = [
        request(bud="2027-01-01", strength_mg="4.50", days_supply="365.0", filler="lactose"),
        batch(potency_result_pct=Decimal("111.50"), weights=weighed(least="170.0", rsd="7.0"), dispensed=(unit(),)),
        fill("F", NEW_YEAR, taken("naltrexone 50 mg tablet", dose="4.50", form="ntx_oral")),
    ]
    findings = found(catalogue, *facts)
    assert {one.rule for one in findings} == {"CP-01", "CP-02", "CP-03", "CP-04", "CP-05", "CP-08", "CP-09"}
    assert not [one.text for one in findings if re.search(r"\d\.\d*0(?!\d)", one.text)]


# The tables


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("compounding_bud.csv", "nonaqueous_liquid,any,90", "nonaqueous_liquid,any,91", "has no 91 days"),
        ("compounding_bud.csv", '"aqueous, not preserved"', "aqueous", "has no 14 days for aqueous"),
        ("compounding_bud.csv", "nonaqueous_liquid,any,90", "aqueous_other,any,90", "class 'aqueous_other'"),
        ("compounding_bud.csv", "nonaqueous_liquid,any,90,,oral nonaqueous liquid (oil),BUD2;BUD3\n", "", "is missing"),
        ("compounding_words.csv", "troche,solid", "troche,hard", "kind 'hard'"),
        ("compounding_fillers.csv", "avicel,fine", "avicel,good", "verdict 'good'"),
        ("compounding_excipients.csv", "shell,vegan,hypromellose", "shell,vegan,tofu", "tofu is no meaning"),
        ("compounding_excipients.csv", "shell,vegan", "hull,vegan", "part 'hull'"),
    ],
)  # fmt: skip
def test_a_compounding_table_that_contradicts_another_is_refused(tmp_path, table, old, new, message):
    folder = tmp_path / "tables"
    shutil.copytree(TABLES, folder)
    text = (folder / table).read_text()
    assert text.count(old) == 1
    (folder / table).write_text(text.replace(old, new))
    with pytest.raises(TableError, match=re.escape(message)):
        Catalogue(folder)
