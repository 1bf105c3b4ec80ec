"""The shipped table of RxNorm products: complete for the shipped patients, well formed, at one with its neighbours."""

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "shared/clinical/src/rx_clinical/tables"
TEN = ROOT / "cli/src/rxguard/data/synthea-ten.ndjson"
ROUTES = {
    *("oral", "iv", "im", "sc", "rectal", "sublingual", "buccal", "transdermal"),
    *("topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"),
}


def rows(name):
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PRODUCTS = rows("rxnorm_products.csv")
DRUGS = {row["form_key"]: row for row in rows("drugs.csv")}
OPIOID_CODES = {
    row["rxnorm_ingredient_code"] for row in DRUGS.values() if row["acting"] in {"short", "long", "depot"}
} - {""}


def ingredient_pairs(product):
    return [tuple(pair.split(":", 1)) for pair in product["ingredients"].split(";")]


def ingredient_codes(product):
    return {code for code, _ in ingredient_pairs(product)}


def codes_of_the_ten_patients():
    for line in TEN.read_text(encoding="utf-8").splitlines():
        for entry in json.loads(line)["entry"]:
            resource = entry["resource"]
            concept = resource.get("medicationCodeableConcept", resource.get("code", {}))
            yield from (coding["code"] for coding in concept.get("coding", []))


def test_every_code_of_the_ten_patients_is_in_the_table():
    assert set(codes_of_the_ten_patients()) - {product["code"] for product in PRODUCTS} == set()


def test_the_ten_patients_are_ten_and_carry_orders():
    assert len(TEN.read_text(encoding="utf-8").splitlines()) == 10
    assert len(list(codes_of_the_ten_patients())) > 300


def test_no_code_stands_twice_and_the_public_synthea_file_has_136():
    assert len({product["code"] for product in PRODUCTS}) == len(PRODUCTS) == 136


def test_every_product_names_its_ingredients_by_code():
    for product in PRODUCTS:
        pairs = ingredient_pairs(product)
        assert all(re.fullmatch(r"[1-9]\d*", code) and name == name.strip() != "" for code, name in pairs), product
        assert len(ingredient_codes(product)) == len(pairs), product


def test_one_ingredient_code_means_one_ingredient():
    names = {}
    for code, name in (pair for product in PRODUCTS for pair in ingredient_pairs(product)):
        assert names.setdefault(code, name) == name
    assert len(set(names.values())) == len(names)


def test_ingredients_that_our_tables_know_carry_the_name_they_have_there():
    known = {row["rxnorm_ingredient_code"]: row["name"] for row in DRUGS.values()}
    for row in rows("perpetrators.csv"):
        known.setdefault(row["perpetrator_rxnorm"], row["perpetrator"])
    for code, name in (pair for product in PRODUCTS for pair in ingredient_pairs(product)):
        assert known.get(code, name) == name


def test_a_product_has_a_form_exactly_if_it_holds_an_opioid():
    for product in PRODUCTS:
        assert bool(product["form_key"]) == bool(ingredient_codes(product) & OPIOID_CODES), product


def test_the_form_is_a_row_of_the_drug_table_for_an_ingredient_of_the_product():
    for product in PRODUCTS:
        if product["form_key"]:
            assert DRUGS[product["form_key"]]["rxnorm_ingredient_code"] in ingredient_codes(product), product


def test_extended_release_opioids_have_an_extended_release_form():
    for product in PRODUCTS:
        if product["form_key"]:
            extended = re.search(r"extended release|transdermal", product["name"], re.IGNORECASE)
            assert bool(extended) == product["form_key"].endswith(("_er", "_td")), product


def test_routes_and_strengths_can_be_read():
    for product in PRODUCTS:
        assert product["route"] in ROUTES, product
        assert product["strength"] == "" or Decimal(product["strength"]) > 0, product


def test_local_forms_are_marked_local():
    for product in PRODUCTS:
        inhaled = re.search(r"inhal|Vaginal|Intrauterine", product["name"], re.IGNORECASE)
        assert bool(inhaled) == (product["route"] in {"inhaled", "vaginal"}), product


def test_every_row_names_a_known_source_and_says_how_sure_it_is():
    keys = {row["key"] for row in rows("sources.csv")}
    for product in PRODUCTS:
        assert set(product["source"].split(";")) <= keys, product
        assert product["verification"] in {"y", "GK"}, product


def test_no_product_contradicts_the_table_of_brands():
    brands = {row["rxnorm_code"]: row for row in rows("products.csv") if row["rxnorm_code"]}
    both = [(product, brands[product["code"]]) for product in PRODUCTS if product["code"] in brands]
    assert both
    for product, brand in both:
        assert brand["form_key"] == product["form_key"]
        assert set(re.findall(r"\((\d+)\)", brand["ingredients"])) <= ingredient_codes(product)
