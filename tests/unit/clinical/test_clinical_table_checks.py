"""One wrong cell in a copy of the tables: refused at load, and the error names the table and the row."""

import re
from decimal import Decimal

import pytest
from rx_clinical import load_catalogue
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.products import RXNORM
from rx_clinical.catalogue.tables import TableError, Tables

from tests.lib.clinical.table_kit import add_column, add_row, copy_of_the_tables, drop_column, drop_row, set_cell


@pytest.fixture
def folder(tmp_path):
    return copy_of_the_tables(tmp_path)


def refusal(folder):
    with pytest.raises(TableError) as refused:
        Catalogue(folder)
    return str(refused.value)


# One cell


DRUGS = ("drugs.csv", {"form_key": "methadone_oral"})
RANITIDINE = ("perpetrators.csv", {"perpetrator_rxnorm": "9143", "victim_rxnorm": "6813"})
TABLET = ("products.csv", {"rxnorm_code": "1483744"})
INSULIN = ("rxnorm_products.csv", {"code": "106892"})
THYROID = ("ldn_partners.csv", {"code": "10582"})
KRATOM = ("form_traits.csv", {"form_key": "kratom"})
FLOOR = ("policy.csv", {"name": "floor"})
SALT = ("ingredients.csv", {"code": "218337"})
DEPOT_REASON = ("reason_codes.csv", {"code": "DEPOT"})
LDN_FORM = ("antagonist_forms.csv", {"form_key": "ntx_ldn"})
FIRST_SOURCE = ("sources.csv", {"key": "SEED0"})


def rule(rule_id):
    return "rules.csv", {"rule_id": rule_id}


def shown_tier(name):
    return "dose_tiers.csv", {"tier": name}


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (DRUGS, "source", "MTD1;MTD99", "drugs.csv line 16 (6813): source MTD99 is not in sources.csv"),
        (DRUGS, "source", "", "(6813): no source"),
        (DRUGS, "t_half_low_h", "31", "(6813): half-lives are not in order: 31, 30, 59"),
        (DRUGS, "t_half_high_h", "29", "(6813): half-lives are not in order: 8, 30, 29"),
        (DRUGS, "t_half_high_h", "", "(6813): t_half_high_h is empty"),
        (DRUGS, "t_half_high_h", "59 h", "(6813): t_half_high_h is not a number: '59 h'"),
        (DRUGS, "t_half_high_h", "68", "hard window is 336, label and half-life give 340"),
        (DRUGS, "hard_window_h_no_perpetrator", "295", "hard window is 295, label and half-life give 336"),
        (DRUGS, "policy_floor_h", "240", "policy floor 240 h is not that of policy.csv"),
        (DRUGS, "acting", "short", "label interval 336 h does not belong to acting class short"),
        (DRUGS, "label_interval_before_naltrexone_h", "", "label interval 0 h does not belong to acting class long"),
        (DRUGS, "name", " ", "(6813): name is empty"),
        (RANITIDINE, "victim_rxnorm", "", "perpetrators.csv line 2 (9143): victim_rxnorm is empty"),
        (RANITIDINE, "t_half_multiplier_used", "x1.25", "t_half_multiplier_used is not a number: 'x1.25'"),
        (RANITIDINE, "rule", "PK-9", "perpetrators.csv line 2 (9143): rule 'PK-9' is none of"),
        (TABLET, "form_key", "ntx_orally", "form_key ntx_orally has no drug row"),
        (TABLET, "hidden_naltrexone", "yes", "hidden_naltrexone is neither y nor n: 'yes'"),
        (TABLET, "hidden_naltrexone", "", "hidden_naltrexone is empty"),
        (TABLET, "ingredients", "naltrexone(7243) 50 mg;", "ingredient '' cannot be read"),
        (TABLET, "rxnorm_code", "6813", "products.csv: ['6813'] are ingredient codes"),
        (INSULIN, "form_key", "insulin_er", "rxnorm_products.csv line 2 (106892): form_key insulin_er has no drug row"),
        (INSULIN, "ingredients", "insulin", "rxnorm_products.csv line 2 (106892): an ingredient has no code"),
        (INSULIN, "ingredients", "253181:insulin;insulin", "(106892): an ingredient has no code"),
        (THYROID, "group", "hormone", "ldn_partners.csv line 2 (10582): group 'hormone' is none of thyroid, "),
        (KRATOM, "trait", "herb", "form_traits.csv line 2 (kratom): trait 'herb' is none of non_prescription, "),
        (KRATOM, "trait", "no_drug_row", "form_traits.csv line 2 (kratom): kratom has a drug row"),
        (KRATOM, "trait", "unnamed_illicit", "form_traits.csv: not exactly one form is unnamed_illicit"),
        (KRATOM, "trait", "unknown_opioid", "form_traits.csv: not exactly one form is unknown_opioid"),
        (shown_tier("ldn"), "tier", "ldn_low", "dose_tiers.csv line 4 (ldn_low): antagonist_tiers.csv has no such"),
        (shown_tier("ldn"), "daily_dose_mg_interval", "(1, 5]", "line 4 (ldn): the interval is (1, 5], antagonist_"),
        (shown_tier("ldn"), "daily_dose_mg_interval", "(1, 5]", "antagonist_tiers.csv says [1, 5]"),
        (shown_tier("high"), "daily_dose_mg_interval", "(50, 100]", "antagonist_tiers.csv says (50, inf)"),
        (shown_tier("uldn_untested"), "daily_dose_mg_interval", "(0.25, 1]", "antagonist_tiers.csv says (0.25, 1)"),
        (shown_tier("standard"), "order_b_tail_h", "72", "dose_tiers.csv line 6 (standard): the tail is 72, antag"),
        (shown_tier("standard"), "order_b_tail_h", "72", "antagonist_tiers.csv says 96 if ER else 72"),
        (shown_tier("depot"), "order_b_tail_h", "1176 (49 d)", "the tail is 1176 (49 d), antagonist_tiers.csv says"),
        (shown_tier("ldn"), "reduced_tolerance_days_after_tail", "30", "(ldn): reduced tolerance is not that of antag"),
        (("antagonist_tiers.csv", {"tier": "ldn"}), "opioid_after", "severe", "opioid_after 'severe' is none of"),
        (LDN_FORM, "kind", "tablet", "(ntx_ldn): kind 'tablet' is none of systemic, depot, rescue"),
        (FLOOR, "unit", "weeks", "policy.csv line 3 (floor): unit 'weeks' is none of h, d"),
        (FLOOR, "value", "-336", "policy.csv line 3 (floor): value is not a finite number of zero or more"),
        (FLOOR, "value", "", "policy.csv line 3 (floor): value is empty"),
        (FLOOR, "source", "POLICY9", "policy.csv line 3 (floor): source POLICY9 is not in sources.csv"),
        (rule("WR-01"), "fires_once_per", "day", "rules.csv line 2 (WR-01): fires_once_per 'day' is none of course"),
        (rule("WR-01"), "source", "VIV9", "rules.csv line 2 (WR-01): source VIV9 is not in sources.csv"),
        (rule("WR-01"), "recommended_action", "", "rules.csv line 2 (WR-01): recommended_action is empty"),
        (rule("WR-02"), "rule_id", "WR-01", "rules.csv line 3 (WR-01): WR-01 stands twice"),
        (DEPOT_REASON, "code", "DEPOTS", "reason_codes.csv: DEPOT, DEPOTS are either listed or raised, not both"),
        (SALT, "salt_of", "", "ingredients.csv line 2 (218337): salt_of is empty"),
        (SALT, "use", "sugar", "ingredients.csv line 2 (218337): use 'sugar' is none of salt, irrelevant"),
        (FIRST_SOURCE, "key", "", "sources.csv line 2 (): key is empty"),
    ],
)  # fmt: skip
def test_one_wrong_cell_is_refused_by_table_and_row(folder, row, column, value, message):
    set_cell(folder, *row, column, value)
    assert message in refusal(folder)


# A row or a column


def test_a_rule_that_the_table_lacks_is_named(folder):
    drop_row(folder, "rules.csv", {"rule_id": "SX-01"})
    with pytest.raises(TableError, match=re.escape("rules.csv: no row for SX-01")):
        load_catalogue(folder)


def test_a_rule_that_no_file_states_is_named(folder):
    add_row(folder, "rules.csv", {"rule_id": "SX-01"}, rule_id="SX-02")
    with pytest.raises(TableError, match=re.escape("rules.csv: no rule file has RULE = Rule(...) for SX-02")):
        load_catalogue(folder)


def test_a_reason_code_that_the_table_lacks_is_named(folder):
    drop_row(folder, "reason_codes.csv", {"code": "HALF_LIFE_EXTENDED"})
    message = refusal(folder)
    assert message.startswith("reason_codes.csv: ")
    assert message.startswith("reason_codes.csv: HALF_LIFE_EXTENDED ")


@pytest.mark.parametrize(
    ("trait", "message"),
    [
        ("unnamed_illicit", "form_traits.csv: not exactly one form is unnamed_illicit"),
        ("unknown_opioid", "form_traits.csv: not exactly one form is unknown_opioid"),
    ],
)
def test_a_form_must_stand_in_for_what_is_not_named(folder, trait, message):
    drop_row(folder, "form_traits.csv", {"trait": trait})
    assert message in refusal(folder)


def test_a_number_of_the_policy_that_is_missing_is_named(folder):
    drop_row(folder, "policy.csv", {"name": "acute_days"})
    assert refusal(folder) == "policy.csv: missing or unknown ['acute_days']"


def test_an_antagonist_without_its_row_of_forms_is_named(folder):
    drop_row(folder, "antagonist_forms.csv", {"form_key": "ntx_depot"})
    assert refusal(folder) == "antagonist_forms.csv and drugs.csv differ in ['ntx_depot']"


@pytest.mark.parametrize(
    ("table", "column"),
    [("drugs.csv", "t_half_high_h"), ("perpetrators.csv", "rule"), ("products.csv", "hidden_naltrexone")],
)
def test_a_missing_column_is_named(folder, table, column):
    drop_column(folder, table, column)
    message = refusal(folder)
    assert message.startswith(f"{table} line ")
    assert message.endswith(f"column {column} is missing")


def test_a_column_that_nobody_reads_is_passed_over(folder):
    add_column(folder, "sources.csv", "source", "read in a library")
    assert Catalogue(folder).sources == Catalogue().sources


def test_a_number_of_the_ruleset_that_is_none_is_refused(folder):
    (folder / "ruleset_seq.txt").write_text("seven\n")
    assert refusal(folder).startswith("ruleset_seq.txt: ")


def test_a_table_that_is_no_text_is_refused_by_name(folder):
    (folder / "names.csv").write_bytes(b"term,role\n\xff\xfe,opioid\n")
    assert refusal(folder).startswith("names.csv: ")


def test_a_quote_in_the_middle_of_a_cell_is_refused_by_table(folder):
    (folder / "names.csv").write_text('term,role,names_antagonist,source\n"morphine"x,opioid,n,OCDS\n')
    assert refusal(folder).startswith("names.csv: ")


# What the tables then mean


def test_an_ingredient_that_the_table_calls_irrelevant_is_known(folder):
    add_row(folder, "ingredients.csv", {"code": "161"}, code="9900001", name="placebo")
    assert Catalogue().code_product([(RXNORM, "9900001")]) is None
    known = Catalogue(folder).code_product([(RXNORM, "9900001")])
    assert (known.ingredients, known.relevant) == (("9900001",), False)


def test_a_pair_with_a_row_of_its_own_does_not_take_that_of_its_class(folder):
    like = {"perpetrator_rxnorm": "6135", "victim_rxnorm": "7804"}
    own = {"victim_rxnorm": "5489", "victim": "hydrocodone", "strength": "moderate", "t_half_multiplier_used": "1.5"}
    by_class = Catalogue().prolonging["5489"]["6135"]
    add_row(folder, "perpetrators.csv", like, **own)
    by_pair = Catalogue(folder).prolonging["5489"]["6135"]
    assert (by_class.multiplier, by_class.strength) == (2, "strong")
    assert (by_pair.multiplier, by_pair.strength) == (Decimal("1.5"), "moderate")


def test_more_doses_than_are_remembered_keep_their_tier(catalogue):
    doses = [Decimal(number) / 100 for number in range(1, 5200, 2)]
    read_twice = [(catalogue.tier_of(dose).name, catalogue.tier_of(dose).name) for dose in doses]
    for dose, names in zip(doses, read_twice, strict=True):
        (expected,) = [tier.name for tier in catalogue.tiers.values() if tier.holds(dose)]
        assert names == (expected, expected)


def test_the_only_row_of_a_table_is_refused_for_an_unknown_source(folder):
    (folder / "one.csv").write_text("key,source\nonly,VIV9\n", encoding="utf-8")

    with pytest.raises(TableError, match=r"one\.csv line 2 .*: source VIV9 is not in sources\.csv"):
        Tables(folder).rows("one.csv")


def test_the_hash_of_the_tables_tells_their_names_and_contents_apart(folder):
    hashes = [Tables(folder).content_hash()]
    for name, content in (("zz.csv", "key\na\n"), ("zz.csv", "key\nb\n"), ("zy.csv", "key\nb\n")):
        (folder / name).write_text(content, encoding="utf-8")
        hashes.append(Tables(folder).content_hash())
        (folder / name).unlink()

    assert len(set(hashes)) == 4
