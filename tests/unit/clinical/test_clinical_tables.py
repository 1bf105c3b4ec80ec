"""The tables are checked as a whole: a wrong figure, code or source never reaches a patient."""

import re
import shutil

import pytest
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.tables import TABLES, TableError, Tables
from rx_clinical.model.reasons import FORMER_CODES


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(TABLES, tmp_path / "tables")
    return tmp_path / "tables"


def change(folder, table, old, new):
    path = folder / table
    text = path.read_text()
    assert text.count(old) == 1, "the test must change exactly one place"
    path.write_text(text.replace(old, new))


def test_the_shipped_tables_load():
    catalogue = Catalogue()
    assert len(catalogue.drugs) == 63
    assert len(catalogue.ruleset_version) == 32
    assert catalogue.ruleset_seq >= 1


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("drugs.csv", "8,30,59,24-48 (repeated)", "8,70,59,24-48 (repeated)", r"drugs.csv line 16 .*not in order"),
        ("drugs.csv", "7-day (Butrans),long,20", "7-day (Butrans),longish,20", "acting 'longish'"),
        ("drugs.csv", "48,72,96,48-72,336,336,480", "48,72,96,48-72,336,336,481", "hard window is 481.*give 480"),
        ("drugs.csv", "2.5,3,4,4-6,240", "2.5,3,4,4-6,336", "label interval 336 h does not belong"),
        ("drugs.csv", "3.8,4.2,5,4-6,240,336,240,1,", "3.8,4.2,NaN,4-6,240,336,240,1,", "t_half_high_h is not"),
        ("drugs.csv", "codeine_er_cough,ER", "codeine,ER", "codeine stands twice"),
        ("drugs.csv", "OCDS;RXMAP;LEV1;LEV2", "OCDS;RXMAP;LEV1;LEV9", "source LEV9 is not in sources.csv"),
        ("perpetrators.csv", "9143,ranitidine,6813", "9143,ranitidine,6814", "victim 6814 is not in drugs.csv"),
        ("perpetrators.csv", "4278,famotidine,6813,methadone,none", "4278,famotidine,6813,methadone,maybe", "'maybe'"),
        ("products.csv", "fentanyl 0.05 mg/h,fentanyl_td", "fentanyl 0.05 mg/h,fentanyl_xr", "fentanyl_xr has no"),
        ("products.csv", "864712,SBD", "864708,SBD", "864708 stands twice"),
        ("products.csv", "50090-6820-0", "50090-68200", "NDC '50090-68200' has no known form"),
        ("products.csv", "opium(7676)", "poppy juice", "ingredient 'poppy juice' is in no table"),
        ("rxnorm_products.csv", ",tramadol_ir,50", ",tramadol_er,50", "products.csv says tramadol_ir"),
        ("policy.csv", "floor,336,h", "flour,336,h", "missing or unknown"),
        ("policy.csv", "floor,336,h", "floor,337,h", "floor 336 h is not that of policy.csv"),
        ("reason_codes.csv", "ACTIVE_OVERLAP,", "ACTIVE_LAP,", "ACTIVE_OVERLAP"),
        ("antagonist_tiers.csv", "standard,", "normal,", "antagonist_tiers.csv has no such tier"),
        ("antagonist_forms.csv", "ntx_ldn,", "ntx_low,", "differ in"),
        ("form_traits.csv", "kratom_7oh,", "kratom_8oh,", "kratom_8oh has no drug row"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself_is_refused_and_the_row_is_named(folder, table, old, new, message):
    change(folder, table, old, new)
    with pytest.raises(TableError, match=message):
        Catalogue(folder)


@pytest.mark.parametrize("table", ["drugs.csv", "rules.csv", "ruleset_seq.txt"])
def test_a_missing_table_is_refused_by_name(folder, table):
    (folder / table).unlink()
    with pytest.raises(TableError, match=table):
        Catalogue(folder)


def test_a_row_with_a_cell_too_many_is_refused(folder):
    (folder / "form_traits.csv").write_text("form_key,trait,meaning,source\nkratom,non_prescription,x,POLICY,more\n")
    with pytest.raises(TableError, match="line 2"):
        Catalogue(folder)


def test_any_changed_byte_is_another_ruleset(folder):
    before = Catalogue(folder).ruleset_version
    change(folder, "sources.csv", "seed article 003 (invisible pain 2023)", "seed article 3 (invisible pain 2023)")
    assert Catalogue(folder).ruleset_version != before


def test_every_former_reason_code_is_an_alias_that_names_its_present_code():
    rows = {row.text("code"): row for row in Tables().rows("reason_codes.csv")}
    assert {code for code, row in rows.items() if row.text("meaning").startswith("Former name")} == FORMER_CODES.keys()
    for code, present in FORMER_CODES.items():
        assert rows[code].text("group") == "alias"
        assert rows[code].text("meaning") == f"Former name of reason code {present}"


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
