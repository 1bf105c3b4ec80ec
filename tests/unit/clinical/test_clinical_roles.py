"""What a medicine is to the rules follows from its codes, form and route."""

from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import Medicine

from tests.lib.clinical.kit import at, fill
from tests.lib.clinical.table_kit import copy_of_the_tables, drop_row, set_cell

BEGUN = at("2026-04-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


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
    assert roles.precipitant_codes == ("42347",)


@pytest.mark.parametrize("route", ["topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"])
def test_a_local_route_interacts_with_nothing(catalogue, route):
    assert catalogue.roles(Medicine(ingredients=("6135",), route=route)).none


@pytest.mark.parametrize("route", ["oral", "transdermal", None, "unheard-of"])
def test_every_other_route_counts_as_systemic(catalogue, route):
    assert catalogue.roles(Medicine(ingredients=("6135",), route=route)).precipitant_codes == ("6135",)


def test_loperamide_is_an_opioid_only_above_the_misuse_dose(catalogue):
    assert opioids(catalogue, ingredients=("6468",), daily_dose_mg=Decimal(16)) == []
    assert opioids(catalogue, ingredients=("6468",), daily_dose_mg=Decimal("16.1")) == [("6468", "opioid_unknown")]


@pytest.mark.parametrize("form_key", ["naloxone_rescue", "methylnaltrexone", "naloxegol", "naldemedine", "alvimopan"])
def test_rescue_and_gut_antagonists_block_nothing(catalogue, form_key):
    assert catalogue.roles(Medicine(form_key=form_key)).antagonist is None


@pytest.mark.parametrize(
    ("dose", "tier"),
    [("0", "unknown_dose"), ("0.25", "uldn_trial"), ("0.26", "uldn_untested"), ("0.99", "uldn_untested"),
     ("1", "ldn"), ("5", "ldn"), ("5.1", "intermediate"), ("24.9", "intermediate"),
     ("25", "standard"), ("50", "standard"), ("50.1", "high"), (None, "unknown_dose")],
)  # fmt: skip
def test_tiers_by_daily_dose(catalogue, dose, tier):
    assert catalogue.tier_of(None if dose is None else Decimal(dose)).name == tier


def test_the_class_row_stands_in_where_a_pair_has_no_row_of_its_own(catalogue):
    names = {row.name for row in catalogue.prolonging["5489"].values()}
    assert names == {
        *("ketoconazole", "itraconazole", "voriconazole", "posaconazole"),
        *("clarithromycin", "nefazodone", "ritonavir", "atazanavir"),
    }
    assert "85762" not in catalogue.prolonging["6813"]  # ritonavir has its own row with methadone: it induces


def test_what_does_not_lengthen_stands_under_the_rule_that_speaks_of_it(catalogue):
    directions = {
        rule: {row.direction for rows in objects.values() for row in rows}
        for rule, objects in catalogue.effects.items()
    }
    assert directions == {"PK-02": {"exposure_only"}, "PK-03": {"prodrug_block"}, "IN-01": {"shorten"}}
    assert all(
        row.precipitant_code for objects in catalogue.effects.values() for rows in objects.values() for row in rows
    )


def test_only_a_short_course_of_ritonavir_beside_methadone_is_too_short_to_induce(catalogue):
    assert catalogue.short_courses == {"85762": {"6813"}}


def test_a_multiplier_of_one_lengthens_nothing(tmp_path):
    folder = copy_of_the_tables(tmp_path)
    set_cell(
        folder,
        "perpetrators.csv",
        {"perpetrator_rxnorm": "9143", "victim_rxnorm": "6813"},
        "t_half_multiplier_used",
        "1.0",
    )
    assert "9143" not in Catalogue(folder).prolonging["6813"]


@pytest.mark.parametrize(
    ("stated", "counterpart"),
    [({"form_key": "ntx_ldn"}, "ntx_ldn"), ({"ingredients": ("7243",)}, "7243")],
)
def test_an_antagonist_is_named_by_its_form_and_else_by_its_code(catalogue, stated, counterpart):
    assert catalogue.roles(Medicine(**stated)).antagonist.counterpart == counterpart


LOPERAMIDE = {"ingredients": ("6468",), "form_key": "loperamide"}


@pytest.mark.parametrize("order", [(False, True), (True, False)])
def test_one_medicine_used_as_told_and_misused_is_read_both_ways(catalogue, order):
    medicine = Medicine(**LOPERAMIDE)
    read = {misuse: len(catalogue.roles(medicine, misuse=misuse).opioids) for misuse in order}
    assert read == {False: 0, True: 1}


def test_each_ruleset_reads_a_medicine_by_its_own_tables(catalogue, tmp_path):
    folder = copy_of_the_tables(tmp_path)
    drop_row(folder, "form_traits.csv", {"form_key": "loperamide"})
    without, medicine = Catalogue(folder), Medicine(**LOPERAMIDE, daily_dose_mg=Decimal(100))
    for _ in range(2):
        assert len(catalogue.roles(medicine).opioids) == 1
        assert without.roles(medicine).opioids == ()


@pytest.mark.parametrize(
    "stated",
    [
        {"form_key": "loperamide"},  # a row of drugs.csv
        {"form_key": "compounding_api"},  # a form without one
        {"product_code": "259255"},
        {"ingredients": ("723",)},
        {"ingredients": ("6813", "99999999")},  # the opioid that the text names is coded
        {"ingredients": ("7243", "99999999")},
    ],
)
def test_a_text_adds_nothing_to_what_codes_tell(catalogue, stated):
    assert not catalogue.names_what_codes_lack(Medicine(text="methadone, never with naltrexone", **stated))


@pytest.mark.parametrize(
    "stated",
    [{}, {"form_key": "methadone_orall"}, {"ingredients": ("99999999",)}, {"ingredients": ("723", "99999999")}],
)
def test_a_text_that_names_what_no_code_tells_is_looked_at(catalogue, stated):
    assert catalogue.names_what_codes_lack(Medicine(text="methadone 10 mg", **stated))


def test_a_medicine_that_was_read_is_the_same_medicine(catalogue):
    read, unread = Medicine(**LOPERAMIDE), Medicine(**LOPERAMIDE)
    catalogue.roles(read)
    assert (read, repr(read)) == (unread, repr(unread))


@pytest.mark.parametrize(
    ("stated", "form_key", "depot", "extended_release"),
    [
        ({"form_key": "ntx_er_contrave"}, "ntx_er_contrave", False, True),
        ({"form_key": "ntx_oral"}, "ntx_oral", False, False),
        ({"form_key": "ntx_depot"}, "ntx_depot", True, False),
        ({"ingredients": ("7243",), "route": "im"}, "ntx_depot", True, False),
        ({"ingredients": ("7243",), "route": "sc"}, "ntx_depot", True, False),
        ({"ingredients": ("7243",), "route": "oral"}, None, False, False),
        ({"ingredients": ("7243",)}, None, False, False),
        ({"ingredients": ("31479",), "route": "oral"}, "nalmefene", False, False),
    ],
)
def test_form_and_route_tell_tablets_from_depots(catalogue, stated, form_key, depot, extended_release):
    read = catalogue.roles(Medicine(**stated)).antagonist
    assert (read.form_key, read.depot, read.extended_release) == (form_key, depot, extended_release)


@pytest.mark.parametrize("route", ["iv", "im", "sc", "nasal_local"])
@pytest.mark.parametrize("stated", [{"form_key": "nalmefene"}, {"ingredients": ("31479",)}, {"ingredients": ("7242",)}])
def test_what_is_injected_or_sprayed_in_an_emergency_blocks_nothing_later(catalogue, stated, route):
    assert catalogue.roles(Medicine(route=route, **stated)).antagonist is None


@pytest.mark.parametrize(
    ("stated", "reported_only", "until_removed"),
    [
        ({"form_key": "oxycodone_ir"}, False, False),
        ({"form_key": "kratom"}, True, False),
        ({"form_key": "bup_implant"}, False, True),
        ({"form_key": "loperamide", "daily_dose_mg": Decimal(100)}, True, False),
    ],
)
def test_an_opioid_known_from_reports_alone_or_in_place_until_removed(catalogue, stated, reported_only, until_removed):
    (read,) = catalogue.roles(Medicine(**stated)).opioids
    assert (read.non_prescription, read.until_removed) == (reported_only, until_removed)


@pytest.mark.parametrize(
    ("stated", "hidden"),
    [
        ({"form_key": "ntx_er_contrave"}, True),
        ({"product_code": "1551468"}, True),
        ({"product_code": "863849"}, False),  # sequestered: another rule speaks of it
        ({"form_key": "ntx_oral"}, False),
        ({"form_key": "ntx_ldn"}, False),
        ({"ingredients": ("7243",)}, False),
    ],
)
def test_a_form_hides_its_antagonist_where_every_product_of_it_does(catalogue, stated, hidden):
    assert catalogue.roles(Medicine(**stated)).hidden is hidden


@pytest.mark.parametrize(("code", "form_key"), [("6468", "loperamide"), ("29899", "methylnaltrexone")])
def test_an_order_by_ingredient_and_a_fill_by_form_are_of_one_medicine(catalogue, code, form_key):
    by_code, by_form = catalogue.roles(Medicine(ingredients=(code,))), catalogue.roles(Medicine(form_key=form_key))
    assert by_code == by_form
    assert by_code.supply_key == ((code, ""),)


def test_loperamide_that_is_misused_does_not_stay_in_the_gut(catalogue):
    told, misused = (catalogue.roles(Medicine(**LOPERAMIDE), misuse=misuse).gut_opioids for misuse in (False, True))
    assert ([form.form_key for form in told], misused) == (["loperamide"], ())


@pytest.mark.parametrize(
    ("stated", "sequestered", "antagonist"),
    [
        ({"product_code": "863849"}, True, False),
        ({"ingredients": ("7052", "7243"), "form_key": "morphine_er"}, True, False),
        ({"ingredients": ("7052",), "form_key": "morphine_er"}, False, False),
        ({"ingredients": ("7052", "161"), "form_key": "morphine_er"}, False, False),
        ({"ingredients": ("7052", "7243")}, False, True),  # of an unknown form: what is inside may act
    ],
)
def test_naltrexone_in_morphine_capsules_is_sequestered(catalogue, stated, sequestered, antagonist):
    roles = catalogue.roles(Medicine(**stated))
    assert (roles.sequestered, roles.antagonist is not None) == (sequestered, antagonist)


@pytest.mark.parametrize(
    ("code", "route", "acts", "asked"),
    [
        ("3008", "oral", True, ()),
        ("3008", None, True, ("cyclosporine",)),
        ("3008", "ophthalmic", False, ()),
        ("6135", None, True, ("ketoconazole",)),
        ("6135", "topical", False, ()),
        ("9143", None, True, ()),  # ranitidine is sold in no local form
    ],
)
def test_a_route_is_asked_for_where_it_decides(catalogue, code, route, acts, asked):
    roles = catalogue.roles(Medicine(ingredients=(code,), route=route))
    assert (bool(roles.precipitant_codes or roles.partners), roles.route_open) == (acts, asked)


def test_the_product_tells_the_route_that_a_source_leaves_out(catalogue):
    tablet = catalogue.roles(Medicine(product_code="897685"))  # verapamil, compounded for the skin too
    assert (tablet.precipitant_codes, tablet.route_open) == (("11170",), ())


def test_a_negative_control_plays_no_role(catalogue):
    famotidine, ranitidine = "4278", "9143"
    assert catalogue.roles(Medicine(ingredients=(famotidine,))).none
    changes = catalogue.classifier.changes_opioids
    assert (changes(famotidine), changes(ranitidine)) == (False, True)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"ingredients": ("161", "7804")}, [("7804", "opioid_unknown")]),  # whatever stands before it
        ({"ingredients": ("6378",), "form_key": "levorphanol_patch"}, [("6378", "opioid_unknown")]),
        (
            {"ingredients": ("6378", "7804"), "form_key": "oxycodone_ir"},
            [("6378", "levorphanol_oral"), ("7804", "oxycodone_ir")],
        ),
    ],
)
def test_each_opioid_of_a_medicine_is_read_in_its_own_form(catalogue, stated, expected):
    assert opioids(catalogue, **stated) == expected


def test_a_form_with_one_product_that_shows_its_antagonist_hides_none(catalogue, tmp_path):
    folder = copy_of_the_tables(tmp_path)
    set_cell(folder, "products.csv", {"rxnorm_code": "2570392"}, "hidden_naltrexone", "n")
    lybalvi = Medicine(form_key="samidorphan")
    assert catalogue.roles(lybalvi).hidden
    assert not Catalogue(folder).roles(lybalvi).hidden


def test_an_unknown_form_of_a_known_medicine_is_not_cleared_where_its_text_names_an_opioid(catalogue):
    unknown = Medicine(coded=False, ingredients=("723",), form_key="methadone_orall", text="methadone 10 mg")

    assert len(findings(catalogue, "DQ-03", fill("f", BEGUN, unknown))) == 1


def test_what_a_medicine_is_does_not_depend_on_how_many_were_asked_before(monkeypatch):
    monkeypatch.setattr("rx_clinical.catalogue.classifier._CACHE_LIMIT", 2)
    monkeypatch.setattr("rx_clinical.catalogue.catalogue._MEDICINES_REMEMBERED", 2)
    small = Catalogue()
    asked = [Medicine(form_key=form_key) for form_key in ("methadone_oral", "ntx_ldn", "kratom", "methadone_oral")]
    read = [small.roles(one) for one in asked]
    assert read[0] == read[3]
    assert [one.form.form_key for roles in read for one in roles.opioids] == [
        "methadone_oral",
        "kratom",
        "methadone_oral",
    ]
    assert read[1].antagonist.form_key == "ntx_ldn"
