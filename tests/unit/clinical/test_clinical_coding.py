"""A medicine as a source states it: by codes, ingredients and form, and never by what its text says."""

from decimal import Decimal

import pytest
from rx_clinical import code_medicine
from rx_clinical.catalogue.products import NDC, RXNORM
from rx_clinical.model.facts import Medicine

METHADONE, MORPHINE, NALTREXONE, AMOXICILLIN, UNKNOWN = "6813", "7052", "7243", "723", "99999999"
METHADONE_TABLET = (RXNORM, "864706")
EMBEDA = (RXNORM, "863849")  # a brand that also holds naltrexone, which some sources omit


def coded(catalogue, *codings, **stated):
    return code_medicine(Medicine(**stated), codings, catalogue)


def test_a_product_code_brings_ingredient_form_and_itself(catalogue):
    read = coded(catalogue, METHADONE_TABLET, text="METHADONE HCL 10 MG TAB", daily_dose_mg=Decimal(40))
    assert (read.known, read.relevant, read.unknown_codes, read.unknown_form) == (True, True, (), None)
    medicine = read.medicine
    assert (medicine.ingredients, medicine.form_key, medicine.product_code) == (
        (METHADONE,),
        "methadone_oral",
        "864706",
    )
    assert (medicine.coded, medicine.text, medicine.daily_dose_mg) == (True, "METHADONE HCL 10 MG TAB", 40)


def test_the_naltrexone_that_a_source_omits_is_added_and_what_it_states_beside_is_kept(catalogue):
    assert coded(catalogue, EMBEDA, ingredients=(MORPHINE,)).medicine.ingredients == (MORPHINE, NALTREXONE)
    assert coded(catalogue, EMBEDA, ingredients=("9143",)).medicine.ingredients == (MORPHINE, NALTREXONE, "9143")


def test_the_package_code_of_the_same_product_says_the_same(catalogue):
    by_package = coded(catalogue, (NDC, "50090-6820-0")).medicine
    by_product = coded(catalogue, (RXNORM, "1483744")).medicine
    assert by_package == by_product
    assert by_package.form_key == "ntx_oral"


def test_a_form_of_the_tables_wins_over_that_of_the_product(catalogue):
    assert coded(catalogue, METHADONE_TABLET, form_key="methadone_inj").medicine.form_key == "methadone_inj"
    assert coded(catalogue, (RXNORM, "1483744"), form_key="ntx_ldn").medicine.form_key == "ntx_ldn"


def test_a_form_that_nobody_knows_gives_way_to_that_of_the_product_and_is_named(catalogue):
    read = coded(catalogue, METHADONE_TABLET, form_key="methadone_orall")
    assert (read.medicine.form_key, read.unknown_form) == ("methadone_oral", "methadone_orall")
    assert (read.medicine.coded, read.known, read.relevant) == (True, False, True)


def test_a_form_that_nobody_knows_stays_where_no_product_has_one(catalogue):
    read = coded(catalogue, form_key="methadone_orall", text="methadone")
    assert (read.medicine.form_key, read.medicine.coded, read.known) == ("methadone_orall", False, False)


def test_a_form_alone_is_enough(catalogue):
    read = coded(catalogue, form_key="kratom")
    assert (read.medicine.coded, read.known, read.relevant) == (True, True, True)


def test_a_salt_is_an_ingredient(catalogue):
    read = coded(catalogue, ingredients=("218337",))
    assert (read.medicine.ingredients, read.known, read.relevant) == ((METHADONE,), True, True)


def test_a_medicine_without_any_code_is_not_known_whatever_its_text_says(catalogue):
    read = coded(catalogue, text="methadone 10 mg tablet")
    assert (read.medicine.coded, read.known, read.relevant, read.unknown_codes) == (False, False, False, ())


@pytest.mark.parametrize(
    ("codings", "ingredients", "unknown"),
    [
        ([(RXNORM, UNKNOWN)], (), ((RXNORM, UNKNOWN),)),
        ([(RXNORM, UNKNOWN), (NDC, "99999-9999-99")], (), ((RXNORM, UNKNOWN),)),  # one code of the product is named
        ([("urn:local", "A1"), (NDC, "99999-9999-99")], (AMOXICILLIN,), ((NDC, "99999-9999-99"),)),
        ([("urn:local", "A1")], (), (("urn:local", "A1"),)),
        ([("urn:local", "A1")], (AMOXICILLIN,), ()),  # another system's code says nothing beside a known part
        ([], (AMOXICILLIN, UNKNOWN), ((RXNORM, UNKNOWN),)),
        ([(RXNORM, UNKNOWN)], (UNKNOWN,), ((RXNORM, UNKNOWN), (RXNORM, UNKNOWN))),
        ([(RXNORM, UNKNOWN), METHADONE_TABLET], (), ()),  # codes of one product: one that is known is enough
    ],
)
def test_the_codes_that_leave_it_unknown_are_named(catalogue, codings, ingredients, unknown):
    read = coded(catalogue, *codings, ingredients=ingredients)
    assert read.unknown_codes == unknown
    assert read.known is not bool(unknown)


def test_a_part_that_matters_is_assessed_beside_one_that_nobody_knows(catalogue):
    read = coded(catalogue, ingredients=(METHADONE, UNKNOWN))
    assert (read.medicine.coded, read.known, read.relevant) == (True, False, True)
    assert read.medicine.ingredients == (METHADONE, UNKNOWN)
    assert catalogue.roles(read.medicine).opioids[0].name == "methadone"


def test_what_is_known_and_does_not_matter_may_be_passed_over(catalogue):
    read = coded(catalogue, ingredients=(AMOXICILLIN,))
    assert (read.medicine.coded, read.known, read.relevant) == (True, True, False)
