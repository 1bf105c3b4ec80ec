"""Edges that a history may reach: ends of the calendar, circles of merges, copies, late records, other courses."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.findings.wording import local_date_text
from rx_clinical.model.corrections import apply_merges
from rx_clinical.model.facts import Medicine, Merge, Moment, PatientFact, Procedure, Stop
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import (
    at,
    envelope,
    fill,
    given,
    handed_over,
    ldn,
    medicine,
    methadone,
    order,
    oxycodone,
    report,
    void,
)
from tests.lib.clinical.table_kit import copy_of_the_tables, set_cell

ALL_HISTORY = at("2020-01-01T00:00")
ALVIMOPAN = Medicine(form_key="alvimopan", text="alvimopan 12 mg")
NALTREXONE = medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


# Moments and dates


@pytest.mark.parametrize(("day", "zone"), [(date.max, "UTC"), (date.min, "Europe/Berlin"), (date.max, "Asia/Tokyo")])
def test_a_date_whose_day_leaves_the_calendar_is_an_error(day, zone):
    with pytest.raises(ValueError, match=f"{day} is outside the calendar"):
        Moment.local_date(day, zone)


def test_of_a_zone_that_nobody_knows_people_read_the_date_in_utc():
    late_evening = at("2026-04-15T23:30")
    assert local_date_text(late_evening, "Mars/Olympus") == local_date_text(late_evening, None) == "2026-04-16"
    assert local_date_text(at("2026-04-15T04:00"), "America/New_York") == "2026-04-15"


def test_at_the_end_of_the_calendar_there_is_no_later_date():
    assert local_date_text(at("9999-12-31T12:00"), None) == "9999-12-31"
    assert local_date_text(at("0001-01-01T12:00"), None) == "0001-01-01"


# Two records of one patient


@pytest.fixture
def records():
    """Three records with one fill each, and merges as pairs of their names."""

    def build(*merges):
        facts = {name.encode(): [fill(name, at("2026-03-01T09:00"), oxycodone())] for name in "abc"}
        for number, (source, target) in enumerate(merges):
            moment = at("2026-03-02T09:00") + timedelta(days=number)
            merge = Merge(from_patient=source.encode(), into_patient=target.encode(), **envelope(f"G{number}", moment))
            facts[source.encode()].append(merge)
        return facts

    return build


def belonging(joined):
    return {
        name.decode(): sorted(fact.event_id for fact in facts if not isinstance(fact, Merge))
        for name, facts in joined.items()
    }


def test_a_chain_of_merges_ends_at_its_last_record(records):
    assert belonging(apply_merges(records(("a", "b"), ("b", "c")))) == {"c": ["a", "b", "c"]}


def test_records_merged_in_a_circle_meet_in_the_least_of_them(records):
    assert belonging(apply_merges(records(("a", "b"), ("b", "a")))) == {"a": ["a", "b"], "c": ["c"]}
    assert belonging(apply_merges(records(("c", "b"), ("b", "c"), ("a", "c")))) == {"b": ["a", "b", "c"]}
    assert belonging(apply_merges(records(("b", "b")))) == {"a": ["a"], "b": ["b"], "c": ["c"]}


def test_of_two_merges_of_one_record_the_first_counts_and_a_void_takes_it_back(records):
    facts = records(("a", "b"), ("a", "c"))
    assert belonging(apply_merges(facts)) == {"b": ["a", "b"], "c": ["c"]}
    facts[b"a"].append(void("V", at("2026-03-09T09:00"), of="G0"))
    assert belonging(apply_merges(facts)) == {"b": ["b"], "c": ["V", "a", "c"]}


def test_two_records_without_a_merge_are_two_patients(catalogue, records):
    apart = apply_merges(records())
    apart[b"b"].append(fill("L", at("2026-03-05T09:00"), ldn()))
    assert [findings(catalogue, *facts, rule="WR-01") != [] for facts in apart.values()] == [False, True, False]


# Copies, numbers, hand-overs


@pytest.fixture
def three_are_too_many(tmp_path):
    folder = copy_of_the_tables(tmp_path)
    set_cell(folder, "policy.csv", {"name": "too_many_facts"}, "value", "3")
    return Catalogue(folder)


def test_fills_and_what_belongs_to_them_count_towards_too_many_facts(three_are_too_many):
    facts = [
        fill("F", at("2026-03-01T09:00"), oxycodone("5")),
        handed_over("H", at("2026-03-01T10:00"), of="F"),
        fill("L", at("2026-05-01T09:00"), ldn()),
    ]
    review = PatientFact(kind="symptom", value="headache", **envelope("S", at("2026-05-02T09:00")))
    assert findings(three_are_too_many, *facts, rule="DQ-06") == []
    (found,) = findings(three_are_too_many, *facts, review, rule="DQ-06")
    assert (found.severity, found.display, found.anchor_event_id) == (Severity.MODERATE, Display.QUEUE, "S")
    assert found.text == "4 facts are on record, more than 3: check the identity. Nothing was cut."


def test_copies_of_one_fact_are_not_too_many(three_are_too_many):
    facts = [fill("F", at("2026-03-01T09:00"), oxycodone("5")), fill("L", at("2026-03-03T09:00"), ldn())]
    assert findings(three_are_too_many, *facts * 10, rule="DQ-06") == []
    assert len(findings(three_are_too_many, *facts * 10, rule="WR-01")) == 1


def test_of_two_hand_overs_of_a_fill_the_later_one_counts_in_every_order(catalogue):
    opioid = fill("F", at("2026-03-01T09:00"), oxycodone("10"))
    early = handed_over("H1", at("2026-03-02T09:00"), of="F")
    late = handed_over("H2", at("2026-03-05T09:00"), of="F")
    same = handed_over("H3", at("2026-03-05T09:00"), of="F")
    blocker = fill("L", at("2026-03-16T09:00"), ldn())
    for facts in ([early, late, same], [same, late, early], [late, early, same]):
        (found,) = findings(catalogue, opioid, *facts, blocker, rule="WR-02")
        assert found.arithmetic[0].supply_end == at("2026-03-15T09:00")


def test_a_hand_over_of_an_unknown_hour_may_be_the_last_one_of_its_day(catalogue):
    opioid = fill("F", at("2026-03-01T09:00"), oxycodone("10"))
    some_time = replace(
        handed_over("H1", at("2026-03-05T00:00"), of="F"), occurred=Moment.local_date(date(2026, 3, 5), "UTC")
    )
    morning = handed_over("H2", at("2026-03-05T10:00"), of="F")
    blocker = fill("L", at("2026-03-17T09:00"), ldn())
    for facts in ([some_time, morning], [morning, some_time]):
        (found,) = findings(catalogue, opioid, *facts, blocker, rule="WR-02")
        assert found.arithmetic[0].supply_end == at("2026-03-16T00:00")
        assert "TIME_IMPRECISE" in found.reason_codes


def test_an_rx_number_that_comes_back_is_one_supply_and_the_longer_one(catalogue):
    numbers = {"rx_number": "100", "fill_number": "0"}
    first = fill("F1", at("2026-03-01T09:00"), oxycodone("10"), **numbers)
    corrected = fill("F2", at("2026-03-01T10:00"), oxycodone("20"), **numbers)
    refill = fill("F3", at("2026-03-01T10:00"), oxycodone("20"), rx_number="100", fill_number="1")
    blocker = fill("L", at("2026-03-05T09:00"), ldn())
    (one_supply,) = findings(catalogue, first, corrected, blocker, rule="WR-01")
    (two_supplies,) = findings(catalogue, first, refill, blocker, rule="WR-01")
    assert one_supply.arithmetic[0].supply_end == at("2026-03-21T10:00")
    assert two_supplies.arithmetic[0].supply_end == at("2026-03-31T09:00")
    assert "REFILL_STACKED" in two_supplies.reason_codes
    assert "REFILL_STACKED" not in one_supply.reason_codes


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


# Recorded long after it was over


@pytest.mark.parametrize(
    ("product", "ended"),
    [
        (medicine("6135", text="ketoconazole", days="10", route="oral"), "2024-01-14T09:00"),  # and 72 h of carry-over
        (medicine("10582", text="levothyroxine", days="90", route="oral"), "2024-03-31T09:00"),
        (medicine("6468", text="loperamide", days="5", dose="8"), "2024-01-06T09:00"),
        (medicine("29899", text="methylnaltrexone", days="5"), "2024-02-05T09:00"),  # and 30 days
        (ldn(days="30"), "2024-03-04T09:00"),  # 72 h of tail and 30 days after it
        (oxycodone("10"), "2024-01-25T09:00"),  # two weeks, which no multiplier lengthens
        (methadone("10"), "2024-02-29T13:00"),  # 5 x 59 h x 4
    ],
)
def test_a_fact_recorded_400_days_after_the_end_of_its_effect_is_shown_to_a_person(catalogue, product, ended):
    at_once = fill("F", at("2024-01-01T09:00"), product, recorded_at=at(ended) + timedelta(days=400))
    too_late = replace(at_once, recorded_at=at_once.recorded_at + timedelta(seconds=1))
    assert findings(catalogue, at_once, rule="DQ-05") == []
    (found,) = findings(catalogue, too_late, rule="DQ-05")
    assert (found.severity, found.display, found.anchor_event_id) == (Severity.INFO, Display.QUEUE, "F")
    assert f"its effect ended ({ended}:00Z): it was not assessed. Look at it." in found.text
    assert found.reason_codes == ("LATE_BEYOND_HORIZON",)


def test_a_medicine_of_two_roles_is_over_with_the_later_one_and_told_once(catalogue):
    contrave = medicine("7243", "ntx_er_contrave", product_code="1551468", text="Contrave", dose="16", days="30")
    recorded = at("2024-03-05T09:00") + timedelta(days=400, seconds=1)  # 31 January + 96 h of tail + 30 days
    found = findings(catalogue, fill("F", at("2024-01-01T09:00"), contrave, recorded_at=recorded), rule="DQ-05")
    assert [one.anchor_event_id for one in found] == ["F"]
    assert "its effect ended (2024-03-05T09:00:00Z)" in found[0].text


def test_a_course_of_an_interacting_medicine_that_was_over_long_ago_is_left_out(catalogue):
    opioid = fill("M", at("2026-01-01T09:00"), methadone("30"))
    past = fill("K", at("2024-06-01T09:00"), medicine("6135", text="ketoconazole", days="10", route="oral"))
    again = fill("K2", at("2026-01-20T09:00"), medicine("6135", text="ketoconazole", days="10", route="oral"))
    blocker = fill("L", at("2026-02-10T09:00"), ldn())
    (without,) = findings(catalogue, opioid, past, blocker, rule="WR-02")
    (with_it,) = findings(catalogue, opioid, past, again, blocker, rule="WR-02")
    assert (without.arithmetic[0].multiplier, with_it.arithmetic[0].multiplier) == (1, 2)
    assert [one.event_id for one in with_it.basis if one.role == "interacting"] == ["K2"]


# What a supply lacks


def test_missing_days_are_asked_for_where_they_decide_and_nowhere_else(catalogue):
    facts = [
        fill("O", at("2026-03-01T09:00"), oxycodone(None)),
        fill("K", at("2026-03-01T09:00"), medicine("6135", text="ketoconazole", route="oral")),
        fill("T", at("2026-03-01T09:00"), medicine("10582", text="levothyroxine", route="oral")),
        fill("G", at("2026-03-01T09:00"), medicine("4278", text="famotidine", route="oral")),  # a negative control
        fill("P", at("2026-03-01T09:00"), medicine("6468", text="loperamide")),
    ]
    assert {one.anchor_event_id for one in findings(catalogue, *facts, rule="DQ-01")} == {"K", "O"}


# A short course


SURGERY = fill("O", at("2026-04-20T09:00"), oxycodone("5"))
FOUR_DAYS_LATER = fill("L", at("2026-04-29T09:00"), ldn())


def short_course(catalogue, *facts):
    every = findings(catalogue, SURGERY, FOUR_DAYS_LATER, *facts, rule="WR-02")
    (found,) = [one for one in every if one.counterpart == "oxycodone_ir"]
    assert ("ACUTE_COURSE" in found.reason_codes) is (found.severity is Severity.MAJOR)
    return found.severity is Severity.MAJOR


def used(days, start="2026-04-10T09:00"):
    return report("R", at(start), oxycodone(days), kind="history", ongoing=False)


@pytest.mark.parametrize(
    ("facts", "short"),
    [
        ([], True),
        ([given("G", at("2026-04-19T09:00"), oxycodone(None))], True),  # a dose in hospital adds no days
        ([used("1")], False),  # nobody documented how much
        ([used("30", start="2025-12-01T09:00")], True),  # over before the three months
        ([used("30", start="2026-01-01T09:00")], False),  # two days of it reach into them
        ([report("R", at("2026-04-10T09:00"), medicine("2670", "codeine"), kind="history")], False),  # it goes on
        ([fill("O2", at("2026-04-12T09:00"), oxycodone("2"))], True),
        ([fill("O2", at("2026-04-12T09:00"), oxycodone("3"))], False),
        ([fill("O2", at("2026-04-12T09:00"), oxycodone(None))], False),
        ([order("P", at("2026-04-12T09:00"), medicine("2670", "codeine", days="1"))], False),
        ([given("G", at("2026-04-19T09:00"), medicine("6813", "methadone_inj"))], False),
        ([used("30", start="2026-05-01T09:00")], True),  # afterwards
    ],
)
def test_a_week_of_short_acting_opioid_and_nothing_else_is_a_short_course(catalogue, facts, short):
    assert short_course(catalogue, *facts) is short


# Reported use and orders


def test_reported_use_as_needed_may_last_a_month(catalogue):
    used = report("R", at("2026-03-01T09:00"), oxycodone("5", as_needed=True), kind="history", ongoing=False)
    stopped = Stop(refers_to=used.key, **envelope("S", at("2026-03-08T09:00")))
    blocker = fill("L", at("2026-03-25T09:00"), ldn())
    (found,) = findings(catalogue, used, blocker, rule="WR-02")
    assert (found.severity, found.earliest_start_time) == (Severity.MAJOR, at("2026-04-14T09:00"))  # 30 d + 14 d
    assert "SUPPLY_END_ASSUMED" in found.reason_codes
    assert found.arithmetic[0].supply_end == at("2026-03-06T09:00")
    assert findings(catalogue, used, stopped, blocker, rule="WR-02") == []  # a recorded end leaves nothing to assume


def test_an_interacting_medicine_that_is_only_ordered_counts_from_the_order(catalogue):
    opioid, blocker = fill("M", at("2026-03-01T09:00"), methadone("30")), fill("L", at("2026-04-15T09:00"), ldn())
    ordered = order("K", at("2026-04-01T09:00"), medicine("6135", text="ketoconazole", days="10", route="oral"))
    assert findings(catalogue, opioid, blocker, rule="WR-02") == []
    (found,) = findings(catalogue, opioid, ordered, blocker, rule="WR-02")
    assert (found.severity, found.earliest_start_time) == (Severity.CONTRAINDICATED, at("2026-04-24T23:00"))
    assert "ketoconazole counts from 2026-04-01T09:00:00Z to 2026-04-14T09:00:00Z" in found.assumptions


@pytest.mark.parametrize(
    ("product", "said"),
    [
        (medicine("4337", "fentanyl_td", dose="0.6", days="3"), "25 mcg/h x 2.4 = 60 a day (CDC 2022;"),
        (medicine("4337", "fentanyl_td", dose="0.5", days="3"), "20.8 mcg/h x 2.4 = 49.9 a day (CDC 2022;"),
        (medicine("4337", "fentanyl_tm", dose="0.4", days="3"), "400 mcg/day x 0.13 = 52 a day (CDC 2017;"),
        (medicine("7804", "oxycodone_ir", dose="20", days="3"), "20 mg/day x 1.5 = 30 a day (CDC 2022;"),
        (medicine("1819", "bup_sl", dose="16", days="3"), None),  # no factor, never added to a total
        (medicine("7804", "oxycodone_ir", days="3"), None),
    ],
)
def test_morphine_equivalents_are_information_in_the_unit_of_their_factor(catalogue, product, said):
    facts = [fill("O", at("2026-03-01T09:00"), product), fill("L", at("2026-03-02T09:00"), ldn())]
    (found,) = findings(catalogue, *facts, rule="WR-01")
    assert ("MME of" in found.text) is (said is not None)
    assert (said or "") in found.text


# Interactions that go on or end


def test_ritonavir_that_goes_on_induces_and_a_pack_of_five_days_does_not(catalogue):
    opioid = fill("M", at("2026-03-01T09:00"), methadone("60"))
    ongoing = report("R", at("2026-03-10T09:00"), medicine("85762", text="ritonavir", route="oral"), kind="history")
    pack = fill("R", at("2026-03-10T09:00"), medicine("85762", text="Paxlovid", days="5", route="oral"))
    (found,) = findings(catalogue, opioid, ongoing, rule="IN-01")
    assert (found.severity, found.reason_codes[0]) == (Severity.MAJOR, "INDUCER_OWN_WITHDRAWAL")
    assert findings(catalogue, opioid, pack, rule="IN-01") == []


def test_an_inducer_that_may_go_on_has_not_stopped(catalogue):
    opioid = fill("M", at("2026-03-01T09:00"), methadone("90"))
    wort = report("W", at("2026-03-01T09:00"), medicine("258326", text="St John's wort"), kind="supplement")
    stopped = Stop(refers_to=wort.key, **envelope("S", at("2026-04-01T09:00")))
    assert findings(catalogue, opioid, wort, rule="IN-02") == []
    (found,) = findings(catalogue, opioid, wort, stopped, rule="IN-02")
    assert (found.severity, found.display) == (Severity.MODERATE, Display.QUEUE)
    assert "ended at 2026-04-01T09:00:00Z while methadone 10 mg goes on: its level rises again" in found.text


def test_loperamide_that_ended_before_naltrexone_began_loses_nothing(catalogue):
    loperamide = fill("P", at("2026-03-01T09:00"), medicine("6468", text="loperamide 2 mg", days="5", dose="8"))
    before, beside = (fill("N", at(time), NALTREXONE) for time in ("2026-03-06T09:00", "2026-03-05T09:00"))
    assert findings(catalogue, loperamide, before, rule="OT-01") == []
    (found,) = findings(catalogue, loperamide, beside, rule="OT-01")
    assert (found.severity, found.anchor_event_id, found.counterpart) == (Severity.INFO, "N", "loperamide")


# Mixed agonists


def test_a_mixed_agonist_on_a_chain_of_fills_is_one_finding(catalogue):
    fills = [fill("M1", at("2026-03-01T09:00"), methadone("30")), fill("M2", at("2026-03-25T09:00"), methadone("30"))]
    mixed = given("N", at("2026-03-28T09:00"), medicine("7238", "nalbuphine", text="nalbuphine 10 mg"))
    (found,) = findings(catalogue, *fills, mixed, rule="PA-02")
    assert (found.severity, found.anchor_event_id, found.counterpart) == (
        Severity.CONTRAINDICATED,
        "N",
        "methadone_oral",
    )


def test_of_a_possible_and_a_recorded_supply_of_one_opioid_the_recorded_one_decides(catalogue):
    possible = order("P", at("2026-03-02T09:00"), medicine("1819", "bup_sl", text="buprenorphine", days="30"))
    recorded = fill("B", at("2026-03-01T09:00"), possible.medicine)
    mixed = given("N", at("2026-03-10T09:00"), medicine("7238", "nalbuphine", text="nalbuphine 10 mg"))
    (by_order,) = findings(catalogue, possible, mixed, rule="PA-02")
    (by_both,) = findings(catalogue, possible, recorded, mixed, rule="PA-02")
    assert (by_order.severity, by_both.severity) == (Severity.MAJOR, Severity.CONTRAINDICATED)


# Procedures


def procedure(time, **changes):
    return Procedure(planned=Moment.instant(at(time)), **({"opioid_expected": True} | changes),
                     **envelope("X", at("2026-03-02T09:00")))  # fmt: skip


@pytest.mark.parametrize(
    ("product", "time", "hold_ends"),
    [
        (NALTREXONE, "2026-04-04T08:59", "2026-04-04T09:00"),
        (NALTREXONE, "2026-04-04T09:00", None),
        (NALTREXONE, "2026-02-28T09:00", None),  # before the antagonist began
        (ldn(), "2026-04-03T08:59", "2026-04-03T09:00"),
        (ldn(), "2026-04-03T09:00", None),
        (ldn("0.5"), "2026-04-03T08:59", "2026-04-03T09:00"),  # below 1 mg a day as for low doses
        (ldn("0.5"), "2026-04-03T09:00", None),
    ],
)
def test_an_antagonist_is_held_before_a_procedure_with_opioids(catalogue, product, time, hold_ends):
    found = findings(catalogue, fill("N", at("2026-03-01T09:00"), product), procedure(time), rule="SX-01")
    assert [one.ends_at for one in found] == ([at(hold_ends)] if hold_ends else [])
    assert all((one.severity, one.display) == (Severity.MAJOR, Display.QUEUE) for one in found)


def test_a_procedure_that_is_not_said_to_need_opioids_holds_nothing(catalogue):
    without = procedure("2026-03-20T09:00", opioid_expected=False)
    unsaid = Procedure(planned=without.planned, **envelope("X", at("2026-03-02T09:00")))
    for one in (without, unsaid):
        assert findings(catalogue, fill("N", at("2026-03-01T09:00"), NALTREXONE), one, rule="SX-01") == []


@pytest.mark.parametrize(("started", "display"), [(None, Display.INTERRUPTIVE), ("2025-12-01T09:00", Display.PROFILE)])
def test_an_interacting_medicine_of_which_only_a_report_tells_may_be_as_new_as_the_report(catalogue, started, display):
    ketoconazole = medicine("6135", text="ketoconazole", route="oral", days="8")
    begun = started and Moment.instant(at(started))
    facts = [
        fill("methadone", at("2026-01-01T08:00"), methadone("10")),
        fill("ketoconazole", at("2026-01-01T08:59"), ketoconazole),
        report("reported", at("2026-01-01T09:00"), ketoconazole, kind="history", started=begun),
    ]
    displays = {one.anchor_event_id: one.display for one in findings(catalogue, *facts, rule="PK-01")}
    assert displays["ketoconazole"] == display


def test_two_exposures_to_one_opioid_before_alvimopan_are_one_finding(catalogue):
    begun = Moment.instant(at("2026-01-04T09:00"))
    facts = [
        report("reported", at("2026-01-06T09:00"), methadone("20"), kind="history", ongoing=False, started=begun),
        fill("methadone", at("2026-01-03T09:00"), methadone("30")),
        given("alvimopan", at("2026-01-18T09:00"), ALVIMOPAN),
    ]
    (found,) = findings(catalogue, *facts, rule="OT-03")
    assert {basis.event_id for basis in found.basis} == {"reported", "methadone", "alvimopan"}


def test_of_two_times_in_which_alvimopan_may_have_been_begun_the_later_one_is_told(catalogue):
    facts = [
        fill("oxycodone", at("2026-01-01T09:00"), oxycodone("12")),
        fill("methadone", at("2026-01-16T09:00"), methadone("10")),
        report("alvimopan", at("2026-01-31T09:00"), ALVIMOPAN, kind="history"),
    ]
    assert [one.counterpart for one in findings(catalogue, *facts, rule="OT-03")] == ["methadone_oral"]
