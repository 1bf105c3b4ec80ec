"""What every finding carries: its identity, why it gives no start, and what it rests on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import Evidence, Fill, Medicine, Moment, PatientFact, Report
from rx_clinical.model.findings import NoStartTime

from tests.lib.clinical.kit import at, envelope, fill, given, ldn, medicine, methadone, order, oxycodone, report
from tests.lib.clinical.table_kit import copy_of_the_tables, set_cell

BEGUN = at("2026-04-01T09:00")
LATER = at("2026-06-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")
OXYCODONE = fill("o", at("2026-04-01T09:00"), oxycodone())
LDN = fill("n", at("2026-04-05T09:00"), ldn())


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


def basis_of(found):
    return [one.event_id for one in found.basis]


def finding(catalogue, rule, *facts):
    (found,) = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == rule]
    return found


def test_a_finding_has_an_identity_of_sixteen_bytes(catalogue):
    assert len(finding(catalogue, "WR-01", OXYCODONE, LDN).finding_id) == 16


def test_a_rule_without_a_start_says_that_there_is_none_to_give(catalogue):
    assert finding(catalogue, "LD-10", LDN).no_start_time_reason is NoStartTime.NOT_APPLICABLE
    assert finding(catalogue, "WR-01", OXYCODONE, LDN).no_start_time_reason is None


def test_a_finding_asks_for_a_confirmation_only_where_its_rule_does(catalogue):
    transplant = PatientFact(kind="transplant", value="kidney", **envelope("t", at("2026-01-01T09:00")))
    assert finding(catalogue, "LD-02", transplant, LDN).requires_confirmation
    assert not finding(catalogue, "LD-10", transplant, LDN).requires_confirmation


def test_the_sources_of_the_interacting_medicine_that_lengthens_the_window_are_named(catalogue):
    cimetidine = fill("c", at("2026-03-10T09:00"), medicine("2541", text="cimetidine", days="30"))
    found = finding(catalogue, "WR-01", fill("m", at("2026-03-10T09:00"), methadone()), cimetidine, LDN)
    of_the_interaction = set(catalogue.prolonging["6813"]["2541"].sources)
    assert not of_the_interaction <= {*catalogue.rules["WR-01"].sources, *catalogue.drugs["methadone_oral"].sources}
    assert of_the_interaction <= set(found.sources)


def test_each_assumption_is_told_where_its_reason_holds_and_nowhere_else(catalogue):
    said = {
        "SUPPLY_END_ASSUMED": "taken as needed, without days supply",
        "UNFILLED_PRESCRIPTION": "ordered without a fill seen",
        "ADMINISTRATION_UNCONFIRMED": "depot dispensed without an injection seen",
        "ONGOING_NO_END": "use without a recorded stop",
        "TIME_IMPRECISE": "a date without clock time",
        "DOSE_UNKNOWN": "antagonist dose missing",
        "HEPATIC_RENAL": "liver or kidney disease is known",
        "HISTORY_SHORT": "history is not known to be complete for the 300 days",
        "RESTRICTED_SOURCE": "a restricted source counts in full",
    }
    before = at("2026-03-20T09:00")
    programme = {"kind": "history", "source_kind": "OPIOID_TREATMENT_PROGRAM", "site": "programme"}
    findings = [
        one
        for beside, known_since in (
            ([OXYCODONE], None),
            ([fill("o", before, oxycodone(None))], at("2020-01-01T00:00")),
            ([order("o", before, oxycodone())], None),
            ([fill("d", before, medicine("7243", "ntx_depot", text="Vivitrol 380 mg")), OXYCODONE], None),
            ([report("r", before, methadone(None))], None),
            ([report("r", before, methadone(None), **programme)], None),
            ([replace(OXYCODONE, occurred=Moment.local_date(date(2026, 4, 1), "America/New_York"))], None),
            ([OXYCODONE, fill("n0", before, ldn(None))], None),
            ([OXYCODONE, PatientFact(kind="liver", value="cirrhosis", **envelope("l", before))], None),
        )
        for one in assess(History(facts=[*beside, LDN], known_since=known_since), catalogue).findings
    ]
    told = [{code for code, text in said.items() if any(text in line for line in one.assumptions)} for one in findings]
    assert told == [said.keys() & set(one.reason_codes) for one in findings]
    assert set.union(*told) == said.keys()


BEFORE = at("2026-03-20T09:00")
RANITIDINE = fill("r", BEFORE, medicine("9143", text="ranitidine", days="30"))
CIMETIDINE = fill("c", BEFORE, medicine("2541", text="cimetidine", days="30"))
KETOCONAZOLE = fill("k", BEFORE, medicine("6135", text="ketoconazole", days="30", route="oral"))
METHADONE = fill("m", BEFORE, methadone())
FORTNIGHT = {"LABEL_7_10_DAYS", "TWO_WEEK_WASHOUT"}
LONG = {"LONG_ACTING_FORM", "LONG_HALF_LIFE"}
LENGTHENED = {"FIVE_HALF_LIVES", "HALF_LIFE_EXTENDED"}


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        ([fill("o", BEFORE, oxycodone("30"))], FORTNIGHT),
        ([fill("o", BEFORE, oxycodone("30")), KETOCONAZOLE], FORTNIGHT),  # ten half-lives are still short
        ([report("o", BEFORE, oxycodone(None))], {"LABEL_7_10_DAYS"}),  # no end, no start to set
        ([METHADONE], LONG | {"LABEL_2_WEEKS"}),
        ([METHADONE, RANITIDINE], LONG | LENGTHENED | {"EVIDENCE_SINGLE_REPORT"}),
        ([METHADONE, CIMETIDINE], LONG | LENGTHENED),
        (
            [METHADONE, RANITIDINE, CIMETIDINE],
            LONG | LENGTHENED | {"EVIDENCE_SINGLE_REPORT", "MULTIPLE_PERPETRATORS"},
        ),
        ([fill("b", BEFORE, medicine("1841", "butorphanol", days="30"))], FORTNIGHT | {"MIXED_AGONIST"}),
        ([fill("b", BEFORE, medicine("1819", "bup_sl", days="30"))], LONG | {"LABEL_2_WEEKS", "PARTIAL_AGONIST"}),
        (
            [given("s", BEFORE, medicine("1819", "bup_depot_monthly_sublocade"))],
            {"DEPOT", "FIVE_HALF_LIVES", "LONG_HALF_LIFE", "PARTIAL_AGONIST"},
        ),
        (
            [Evidence(kind="urine_drug_test", result="positive", **envelope("u", at("2026-04-01T09:00")))],
            LONG | {"LABEL_2_WEEKS"},
        ),
        (
            [report("k", BEFORE, Medicine(form_key="kratom"), kind="supplement")],
            LONG | {"LABEL_2_WEEKS", "NON_PRESCRIPTION_OPIOID", "PARTIAL_AGONIST"},
        ),
    ],
)
def test_the_reasons_of_a_window_are_those_that_hold_and_no_other(catalogue, facts, reasons):
    of_windows = {
        *("LONG_HALF_LIFE", "LONG_ACTING_FORM", "DEPOT", "NON_PRESCRIPTION_OPIOID", "PARTIAL_AGONIST", "MIXED_AGONIST"),
        *("FIVE_HALF_LIVES", "LABEL_7_10_DAYS", "LABEL_2_WEEKS", "TWO_WEEK_WASHOUT", "HALF_LIFE_EXTENDED"),
        *("MULTIPLE_PERPETRATORS", "EVIDENCE_SINGLE_REPORT"),
    }
    (found,) = [one for one in assess(History(facts=[*facts, LDN]), catalogue).findings if one.arithmetic]
    assert of_windows & set(found.reason_codes) == reasons


@pytest.mark.parametrize(("from_h", "is_long"), [("5", True), ("5.01", False)])
def test_a_half_life_is_long_from_the_length_that_the_policy_names(tmp_path, from_h, is_long):
    folder = copy_of_the_tables(tmp_path)
    set_cell(folder, "policy.csv", {"name": "long_half_life"}, "value", from_h)
    found = finding(Catalogue(folder), "WR-01", OXYCODONE, LDN)
    assert ("LONG_HALF_LIFE" in found.reason_codes) is is_long


def test_a_fill_is_whole_and_its_days_are_those_of_the_order_where_nothing_else_is_stated(catalogue):
    tablets = oxycodone("10", quantity=Decimal(15))
    whole = Fill(medicine=tablets, **envelope("o", at("2026-04-01T09:00")))
    part = replace(whole, partial=True, quantity_prescribed=Decimal(30))
    ends = {
        name: finding(catalogue, "WR-01", fact, LDN).arithmetic[0].supply_end
        for name, fact in (("whole", whole), ("part", part))
    }
    assert ends == {"whole": at("2026-04-11T09:00"), "part": at("2026-04-06T09:00")}
    assert "SUPPLY_END_ASSUMED" not in finding(catalogue, "WR-01", whole, LDN).reason_codes


def test_use_that_is_not_said_to_go_on_has_an_end(catalogue):
    used = Report(medicine=oxycodone("10"), kind="history", **envelope("o", at("2026-04-01T09:00")))
    assert "ONGOING_NO_END" not in finding(catalogue, "WR-01", used, LDN).reason_codes
    assert "ONGOING_NO_END" in finding(catalogue, "WR-01", replace(used, ongoing=True), LDN).reason_codes


def test_a_report_is_open_to_other_sites_and_tells_of_no_misuse_where_nothing_else_is_stated(catalogue):
    used = Report(medicine=methadone(None), kind="history", **envelope("m", BEFORE, site="elsewhere"))
    assert finding(catalogue, "WR-02", used, LDN).counterpart == "methadone_oral"
    loperamide = medicine("6468", "loperamide", text="loperamide", dose="8")
    bought = Report(medicine=loperamide, kind="otc", **envelope("l", BEFORE))
    told = [
        {one.rule for one in assess(History(facts=[one_report, LDN]), catalogue).findings}
        for one_report in (bought, replace(bought, misuse=True))
    ]
    assert ["WR-02" in rules for rules in told] == [False, True]


@pytest.mark.parametrize(
    ("opioids", "about_its_end"),
    [
        ([report("m", BEFORE, methadone(None))], {"ONGOING_NO_END"}),
        ([fill("o", BEFORE, oxycodone("10", as_needed=True))], {"SUPPLY_END_ASSUMED"}),
        ([fill(name, BEFORE, oxycodone("30")) for name in ("o1", "o2")], {"REFILL_STACKED"}),
        (
            [fill(name, BEFORE, oxycodone("90")) for name in ("o1", "o2", "o3")],
            {"REFILL_STACKED", "REFILL_STACK_CAPPED"},
        ),
        (
            [report("m", BEFORE, methadone(None), kind="history", source_kind="OPIOID_TREATMENT_PROGRAM", site="x")],
            {"ONGOING_NO_END", "RESTRICTED_SOURCE"},
        ),
    ],
)
def test_beside_an_antagonist_of_the_gut_nothing_is_said_about_the_end_of_a_supply(catalogue, opioids, about_its_end):
    peripheral = fill("p", at("2026-04-05T09:00"), medicine("29899", "methylnaltrexone", days="10"))
    (waits,) = [one for one in assess(History(facts=[*opioids, LDN]), catalogue).findings if one.arithmetic]
    meets = finding(catalogue, "OT-02", *opioids, peripheral)
    assert about_its_end <= set(waits.reason_codes)
    assert set(meets.reason_codes) == about_its_end & {"RESTRICTED_SOURCE"}


def test_one_product_of_unknown_dose_leaves_the_daily_sum_unknown(catalogue):
    beside = fill("n0", BEFORE, medicine("7243", "ntx_oral", text="naltrexone", days="60"))
    assert "DOSE_UNKNOWN" in finding(catalogue, "WR-01", OXYCODONE, beside, LDN).reason_codes
    assert "DOSE_UNKNOWN" not in finding(catalogue, "WR-01", OXYCODONE, LDN).reason_codes


def test_an_ultra_low_dose_has_no_start_because_both_are_meant_to_be_taken_together(catalogue):
    ultra_low = ldn("0.5")
    beside_oxycodone = findings(catalogue, "WR-05", fill("o", BEGUN, oxycodone("30")), fill("n", BEGUN, ultra_low))
    beside_ongoing_methadone = findings(
        catalogue, "WR-06", report("m", BEGUN, methadone(None)), fill("n", LATER, ultra_low)
    )

    assert [one.no_start_time_reason for one in beside_oxycodone] == [NoStartTime.CONCURRENT_BY_INTENT]
    assert [one.no_start_time_reason for one in beside_ongoing_methadone] == [NoStartTime.ONGOING_NO_END]


def test_two_records_of_one_transplant_are_one_finding(catalogue):
    recorded = [PatientFact(kind="transplant", value="kidney", **envelope(name, BEGUN)) for name in ("t1", "t2")]

    assert len(findings(catalogue, "LD-02", *recorded, fill("n", LATER, ldn()))) == 1


def test_a_fill_is_a_whole_one_unless_its_source_says_that_it_is_partial(catalogue):
    dispensed = oxycodone("30", quantity=Decimal(10))
    opioid = fill("o", BEGUN, dispensed, quantity_prescribed=Decimal(30))

    (found,) = findings(catalogue, "WR-01", opioid, fill("n", at("2026-04-20T09:00"), ldn()))

    assert "SUPPLY_END_ASSUMED" not in found.reason_codes
    assert found.earliest_start_time == at("2026-05-15T09:00")


def test_a_finding_about_a_supply_seen_twice_hangs_on_the_sighting_that_lasts_longest_and_names_each_once(catalogue):
    numbers = {"rx_number": "7", "fill_number": "1"}
    shorter = fill("shorter", BEGUN, ldn(days="10"), **numbers)
    longer = fill("longer", at("2026-04-01T10:00"), ldn(days="30"), **numbers)
    opioid = fill("o", at("2026-03-30T09:00"), oxycodone("10"))

    (found,) = findings(catalogue, "WR-01", opioid, shorter, longer)

    assert found.anchor_event_id == "longer"
    assert sorted(basis_of(found)) == ["longer", "o", "shorter"]


def test_what_is_beside_naltrexone_in_two_supplies_is_told_of_the_first(catalogue):
    methotrexate = medicine("6851", text="methotrexate 2.5 mg tablet", days="5", route="oral")
    supplies = [
        fill("first", at("2026-04-03T09:00"), methotrexate),
        fill("second", at("2026-04-20T09:00"), methotrexate),
    ]

    (found,) = findings(catalogue, "LD-03", fill("n", BEGUN, ldn()), *supplies)

    assert basis_of(found) == ["n", "first"]
