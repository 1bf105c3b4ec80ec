"""How long a compounded preparation may be used, and how much of it may be supplied."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rx_clinical.model.facts import Moment
from rx_clinical.model.findings import Display, Severity, Urgency
from rx_contracts.wire.finding_messages import finding_document

from tests.lib.clinical.compounding_facts import batch, found, request, rules, unit
from tests.lib.clinical.kit import at


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
