"""Strengths as they are written: what may be misread, and what is left alone."""

from decimal import Decimal

import pytest
from rx_clinical.history.chart import Entry
from rx_clinical.model.facts import CompoundRequest
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.compounding.cp_06 import doubts_of
from rx_clinical.rules.compounding.strengths import ambiguities, commercial_tablets, slips, strengths

from tests.lib.clinical.compounding_facts import NEW_YEAR, found, request, taken
from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine, order, oxycodone


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


BEGUN = at("2026-04-01T09:00")


@pytest.mark.parametrize(
    ("directions", "doubted"),
    [
        ("Take 1.0 at bedtime", True),
        ("naltrexone capsule 1.0 at bedtime", True),
        ("use protocol 2.0 of the clinic", False),
        ("naltrexone by protocol 2.0 of the clinic", False),
        ("start of protocol 2.0", False),
        ("50 micrograms per mL, made from a 50 mg tablet", False),
        ("9 mg a day at most, 9000 mg in the whole bottle", False),
        ("50 micrograms or 50 mg", True),
    ],
)
def test_a_number_without_unit_is_a_strength_only_right_behind_what_makes_it_one(catalogue, directions, doubted):
    capsule = ldn(directions=directions)

    assert bool(doubts_of(Entry(fill("n", BEGUN, capsule), medicine=capsule), catalogue)) is doubted


def test_a_request_that_begins_with_the_dose_is_read_too(catalogue):
    request = CompoundRequest(preparation="dose 2.0 as a capsule", **envelope("r", BEGUN))

    assert [one.written for one in doubts_of(Entry(request), catalogue)] == ["2.0"]


@pytest.mark.parametrize(
    ("written", "read_as"), [("5.0 mg", "50"), (".5 mg", "5"), ("0,5 mg", "5"), ("12.50 mg", "1250")]
)
def test_a_doubt_says_how_the_number_may_be_read(catalogue, written, read_as):
    (doubt,) = ambiguities(f"naltrexone {written} capsule", catalogue.names)

    assert doubt.why.endswith(f"easily read as {read_as}")


@pytest.mark.parametrize(("written", "doubted"), [("45", True), ("450", True), ("4500", True), ("454.5", False)])
def test_a_strength_off_by_ten_a_hundred_or_a_thousand_is_doubted(written, doubted):
    assert bool(slips(f"naltrexone {written} mg capsule", Decimal("4.5"))) is doubted


@pytest.mark.parametrize(
    ("text", "commercial"),
    [
        ("naltrexone 50 mg tablet", True),
        ("naltrexone 4.5 mg tablet", False),
        ("naltrexone 50 mg tablet, as capsules of 4.5 mg", False),
        ("naltrexone 50 mg tablet in water, 50 mg/mL", False),
        ("naltrexone 50 mg capsule", False),
        ("naltrexone tablet", False),
    ],
)
def test_tablets_are_commercial_ones_where_the_text_says_nothing_but_fifty_milligrams(catalogue, text, commercial):
    assert commercial_tablets(medicine("7243", text=text), catalogue) is commercial
