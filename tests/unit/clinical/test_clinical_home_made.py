"""Low doses from tablets and liquids made at home, and the numbers in the text of every compounding rule."""

import re
from decimal import Decimal

import pytest
from rx_clinical.model.findings import Display, Severity, Urgency

from tests.lib.clinical.compounding_facts import NEW_YEAR, batch, found, request, rules, taken, unit, weighed
from tests.lib.clinical.kit import fill, report


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
