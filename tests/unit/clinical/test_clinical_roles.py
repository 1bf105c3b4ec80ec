"""What a medicine is to the rules follows from its codes, form and route."""

from decimal import Decimal

import pytest
from rx_clinical.facts import Medicine


def opioids(catalogue, **medicine):
    return [opioid.key for opioid in catalogue.roles(Medicine(**medicine)).opioids]


def test_a_given_form_wins(catalogue):
    assert opioids(catalogue, ingredients=("7804",), form_key="oxycodone_er", product_code="1049621") == [
        ("7804", "oxycodone_er")
    ]


def test_without_a_form_the_product_tells_it_and_else_the_only_row(catalogue):
    assert opioids(catalogue, ingredients=("7804",), product_code="1049621") == [("7804", "oxycodone_ir")]
    assert opioids(catalogue, ingredients=("6378",)) == [("6378", "levorphanol_oral")]


def test_an_unknown_or_unlisted_form_is_the_unknown_opioid_under_its_own_name(catalogue):
    for form_key in (None, "oxycodone_nasal"):
        medicine = Medicine(ingredients=("7804",), form_key=form_key)
        (opioid,) = catalogue.roles(medicine).opioids
        assert (opioid.key, opioid.name) == (("7804", "opioid_unknown"), "oxycodone")


def test_a_deterrent_or_sequestered_antagonist_beside_an_opioid_is_none(catalogue):
    for ingredients, form_key in ((("1819", "7242"), "bup_sl"), (("7052", "7243"), "morphine_er")):
        roles = catalogue.roles(Medicine(ingredients=ingredients, form_key=form_key))
        assert roles.antagonist is None
        assert len(roles.opioids) == 1


def test_contrave_is_an_antagonist_and_an_interacting_medicine(catalogue):
    roles = catalogue.roles(Medicine(product_code="1551468"))
    assert roles.antagonist.form_key == "ntx_er_contrave"
    assert roles.interacting == ("42347",)


@pytest.mark.parametrize("route", ["topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"])
def test_a_local_route_interacts_with_nothing(catalogue, route):
    assert catalogue.roles(Medicine(ingredients=("6135",), route=route)).none


@pytest.mark.parametrize("route", ["oral", "transdermal", None, "unheard-of"])
def test_every_other_route_counts_as_systemic(catalogue, route):
    assert catalogue.roles(Medicine(ingredients=("6135",), route=route)).interacting == ("6135",)


def test_loperamide_is_an_opioid_only_above_the_misuse_dose(catalogue):
    assert opioids(catalogue, ingredients=("6468",), daily_dose_mg=Decimal(16)) == []
    assert opioids(catalogue, ingredients=("6468",), daily_dose_mg=Decimal("16.1")) == [("6468", "opioid_unknown")]


@pytest.mark.parametrize("form_key", ["naloxone_rescue", "methylnaltrexone", "naloxegol", "naldemedine", "alvimopan"])
def test_rescue_and_gut_antagonists_block_nothing(catalogue, form_key):
    assert catalogue.roles(Medicine(form_key=form_key)).antagonist is None


@pytest.mark.parametrize(
    ("dose", "tier"),
    [("0.25", "uldn_trial"), ("0.26", "uldn_untested"), ("0.99", "uldn_untested"), ("1", "ldn"), ("5", "ldn"),
     ("5.1", "intermediate"), ("24.9", "intermediate"),
     ("25", "standard"), ("50", "standard"), ("50.1", "high"), (None, "unknown_dose")],
)  # fmt: skip
def test_tiers_by_daily_dose(catalogue, dose, tier):
    assert catalogue.tier_of(None if dose is None else Decimal(dose)).name == tier


def test_the_class_row_stands_in_where_a_pair_has_no_row_of_its_own(catalogue):
    members = set(catalogue.prolonging["5489"])
    assert {"6135", "121243", "21212", "85762"} <= members  # ketoconazole, voriconazole, clarithromycin, ritonavir
    assert "*strong_cyp3a4*" not in members
    assert "85762" not in catalogue.prolonging["6813"]  # ritonavir has its own row with methadone: it induces
