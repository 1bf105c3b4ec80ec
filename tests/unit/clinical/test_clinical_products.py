"""A product is what its code says, in every written form, and never what its text says."""

import pytest
from rx_clinical.catalogue.products import NDC, RXNORM, normal_ndc


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("0615-8579-39", "00615-8579-39"),
        ("63481-623-70", "63481-0623-70"),
        ("50090-6820-0", "50090-6820-00"),
        ("12496-1202-03", "12496-1202-03"),
        ("00615857939", "00615-8579-39"),
        (" 0615-8579-39 ", "00615-8579-39"),
        ("0615857939", None),  # ten digits fit three package codes
        ("615-8579-39", None),
        ("4-4-2", None),
        ("", None),
    ],
)
def test_ndc_in_every_written_form(written, normal):
    assert normal_ndc(written) == normal


def test_one_package_code_in_three_spellings_is_one_product(catalogue):
    codes = ["12496-1202-3", "12496-1202-03", "12496120203"]
    assert {catalogue.code_product([(NDC, code)]).product_code for code in codes} == {"1010603"}


@pytest.mark.parametrize(
    ("code", "form_key", "strength"),
    [
        ("864706", "methadone_oral", 10),
        ("864769", "methadone_oral", 2),  # 10 mg/5 mL
        ("991147", "methadone_oral", 10),  # 10 mg/mL: fivefold
        ("2639032", "bup_depot_weekly_brixadi", 24),
        ("2639044", "bup_depot_monthly_brixadi", 128),
        ("1551468", "ntx_er_contrave", 8),
        ("863848", "morphine_er", 20),  # a code that stands in the notes of its brand
        ("904882", "bup_td", None),
        ("637213", "ntx_depot", 380),
        ("2570399", "samidorphan", 10),  # known by its name alone
        ("1087459", "hydrocodone_er_cough", 2),  # of a salt
    ],
)
def test_products_by_rxnorm_code(catalogue, code, form_key, strength):
    coded = catalogue.code_product([(RXNORM, code)])
    assert (coded.form_key, coded.strength_mg, coded.relevant) == (form_key, strength, True)


def test_the_wrong_code_for_the_naltrexone_injection_is_unknown(catalogue):
    assert catalogue.code_product([(RXNORM, "1116442")]) is None


def test_sequestered_naltrexone_is_added_to_the_codes_that_omit_it(catalogue):
    assert catalogue.code_product([(RXNORM, "863849")]).ingredients == ("7052", "7243")


def test_ingredient_and_salt_codes_are_known(catalogue):
    coded = catalogue.code_product([(RXNORM, "218337")])
    assert (coded.ingredients, coded.relevant) == (("6813",), True)
    assert catalogue.is_relevant(["218337"], None)
    assert catalogue.code_product([(RXNORM, "6378")]).form_key == "levorphanol_oral"
    assert catalogue.code_product([(RXNORM, "10582")]).relevant  # thyroid hormone: an LDN partner


def test_a_known_code_without_a_role_is_not_relevant(catalogue):
    assert catalogue.code_product([(RXNORM, "259255")]).relevant is False


def test_an_unknown_code_is_unknown_and_a_known_one_beside_it_counts(catalogue):
    assert catalogue.code_product([(RXNORM, "999999999"), ("urn:site", "X1")]) is None
    assert catalogue.code_product([("urn:site", "X1"), (RXNORM, "864706")]).product_code == "864706"


def test_where_codes_disagree_the_one_that_matters_wins(catalogue):
    assert catalogue.code_product([(RXNORM, "259255"), (RXNORM, "864706")]).product_code == "864706"


@pytest.mark.parametrize("codes", [["6813", "864706"], ["864706", "6813"]])
def test_a_product_beside_its_ingredient_tells_strength_and_form(catalogue, codes):
    coded = catalogue.code_product([(RXNORM, code) for code in codes])
    assert (coded.product_code, coded.form_key, coded.strength_mg) == ("864706", "methadone_oral", 10)


@pytest.mark.parametrize(
    ("code", "ingredient"),
    [("2570399", "61381"), ("1087459", "5489")],  # olanzapine beside samidorphan; a salt of hydrocodone
)
def test_an_ingredient_that_a_product_names_without_a_code_is_found_by_its_name(catalogue, code, ingredient):
    assert catalogue.code_product([(RXNORM, code)]).ingredients == (ingredient,)
