"""What mutation testing found untold and no scenario can tell: counterparts, numbers of findings, exact lengths."""

from datetime import timedelta
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.history.applicability import fact_bits
from rx_clinical.history.chart import Entry, read_chart
from rx_clinical.model.facts import (
    CompoundRequest,
    Confirmation,
    Evidence,
    Medicine,
    Moment,
    PatientFact,
    Procedure,
    Stop,
    event_key,
)
from rx_clinical.model.findings import NoStartTime
from rx_clinical.model.washout import BEGINNING_OF_TIME, FOREVER, hours, later, window_lengths
from rx_clinical.rules.compounding.cp_06 import doubts_of
from rx_clinical.rules.compounding.strengths import ambiguities, commercial_tablets, slips

from tests.lib.clinical.kit import (
    SOURCE,
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
)

BEGUN = at("2026-04-01T09:00")
LATER = at("2026-06-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")
LOPERAMIDE = medicine("6468", "loperamide", text="loperamide 2 mg", dose="8", days="10")
METHYLNALTREXONE = medicine("29899", "methylnaltrexone", text="methylnaltrexone", days="10")
MORPHINE_ER = medicine("7052", "morphine_er", text="morphine 30 mg ER", days="10")
TABLETS = medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30")


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


def chart_of(catalogue, *facts):
    return read_chart(facts, catalogue, fact_bits(facts, catalogue))


@pytest.mark.parametrize(
    "step",
    [
        handed_over("h", LATER, "rx"),
        Stop(refers_to=event_key(SOURCE, "report"), **envelope("s", LATER)),
        fill("again", BEGUN, oxycodone(), rx_number="7", fill_number="1", recorded_at=LATER),
        Evidence(kind="pdmp_review", **envelope("e", LATER)),
        PatientFact(kind="liver", value="cirrhosis", **envelope("p", LATER)),
    ],
    ids=["hand-over", "stop", "second sighting", "evidence", "patient fact"],
)
@pytest.mark.parametrize("others", [True, False], ids=["among other facts", "alone"])
def test_the_newest_record_may_be_a_later_step_of_an_earlier_fact(catalogue, step, others):
    facts = [fill("rx", BEGUN, oxycodone(), rx_number="7", fill_number="1"), report("report", BEGUN, methadone())]
    if others:
        early = at("2026-04-02T09:00")
        facts += [handed_over("h0", early, "rx"), Stop(refers_to=event_key(SOURCE, "report"), **envelope("s0", early))]

    assert chart_of(catalogue, *facts, step).newest_recorded_at == LATER


def test_every_kind_of_fact_that_plays_a_role_is_counted(catalogue):
    facts = [
        fill("rx", BEGUN, oxycodone()),
        handed_over("h", BEGUN, "rx"),
        Evidence(kind="pdmp_review", **envelope("e", BEGUN)),
        Confirmation(by="pharmacist", daily_dose_mg=Decimal("0.5"), opioids=(), **envelope("c", BEGUN)),
        PatientFact(kind="liver", value="cirrhosis", **envelope("p", BEGUN)),
        Procedure(planned=Moment.instant(LATER), **envelope("o", BEGUN)),
    ]

    assert {fact.event_id for fact in chart_of(catalogue, *facts).facts()} == {"rx", "h", "e", "c", "p", "o"}


def test_an_ultra_low_dose_has_no_start_because_both_are_meant_to_be_taken_together(catalogue):
    ultra_low = ldn("0.5")
    beside_oxycodone = findings(catalogue, "WR-05", fill("o", BEGUN, oxycodone("30")), fill("n", BEGUN, ultra_low))
    beside_ongoing_methadone = findings(
        catalogue, "WR-06", report("m", BEGUN, methadone(None)), fill("n", LATER, ultra_low)
    )

    assert [one.no_start_time_reason for one in beside_oxycodone] == [NoStartTime.CONCURRENT_BY_INTENT]
    assert [one.no_start_time_reason for one in beside_ongoing_methadone] == [NoStartTime.ONGOING_NO_END]


def test_the_counterpart_is_the_medicine_that_was_there_first(catalogue):
    first, second = BEGUN, at("2026-04-03T09:00")
    loperamide_later = findings(catalogue, "OT-01", fill("n", first, TABLETS), fill("l", second, LOPERAMIDE))
    naltrexone_later = findings(catalogue, "OT-01", fill("l", first, LOPERAMIDE), fill("n", second, TABLETS))
    opioid_later = findings(catalogue, "OT-02", fill("p", first, METHYLNALTREXONE), fill("o", second, oxycodone()))
    peripheral_later = findings(catalogue, "OT-02", fill("o", first, oxycodone()), fill("p", second, METHYLNALTREXONE))

    assert [one.counterpart for one in loperamide_later] == ["ntx_oral"]
    assert [one.counterpart for one in naltrexone_later] == ["loperamide"]
    assert [one.counterpart for one in opioid_later] == ["methylnaltrexone"]
    assert [one.counterpart for one in peripheral_later] == ["oxycodone_ir"]


def test_a_medicine_beside_two_others_is_told_with_each(catalogue):
    second = at("2026-04-03T09:00")
    beside_two_antagonists = findings(
        catalogue, "OT-01", fill("n", BEGUN, TABLETS), fill("d", BEGUN, ldn()), fill("l", second, LOPERAMIDE)
    )
    beside_two_opioids = findings(
        catalogue,
        "OT-02",
        fill("o", BEGUN, oxycodone()),
        fill("m", BEGUN, MORPHINE_ER),
        fill("p", second, METHYLNALTREXONE),
    )

    assert {one.counterpart for one in beside_two_antagonists} == {"ntx_oral", "ntx_ldn"}
    assert {one.counterpart for one in beside_two_opioids} == {"oxycodone_ir", "morphine_er"}


def test_two_records_of_one_transplant_are_one_finding(catalogue):
    recorded = [PatientFact(kind="transplant", value="kidney", **envelope(name, BEGUN)) for name in ("t1", "t2")]

    assert len(findings(catalogue, "LD-02", *recorded, fill("n", LATER, ldn()))) == 1


def test_a_filler_is_told_with_an_allergy_only_where_one_is_on_record(catalogue):
    request = CompoundRequest(
        preparation="capsule",
        strength_mg=Decimal("4.5"),
        quantity=Decimal(90),
        api_source="naltrexone bulk powder",
        filler="lactose",
        **envelope("r", BEGUN),
    )
    allergy = PatientFact(kind="allergy", value="lactose", **envelope("a", BEGUN))
    of_filler = "override with an allergy check"
    without = [one for one in findings(catalogue, "CP-01", request) if of_filler in one.text]
    with_allergy = [one for one in findings(catalogue, "CP-01", request, allergy) if of_filler in one.text]

    assert ["allergy is on record" in one.text for one in without] == [False]
    assert ["allergy is on record" in one.text for one in with_allergy] == [True]


def test_an_allergen_in_a_preparation_is_for_a_person_to_confirm(catalogue):
    request = CompoundRequest(
        preparation="capsule",
        strength_mg=Decimal("4.5"),
        quantity=Decimal(90),
        api_source="naltrexone 50 mg tablets",
        filler="microcrystalline cellulose",
        **envelope("r", BEGUN),
    )
    allergy = PatientFact(kind="allergy", value="lactose", **envelope("a", BEGUN))

    assert [one.requires_confirmation for one in findings(catalogue, "CP-01", request, allergy)] == [True]


def test_a_depot_given_is_no_low_dose_and_begins_no_course(catalogue):
    depot = medicine("7243", "ntx_depot", text="Vivitrol 380 mg")

    assert findings(catalogue, "LD-10", given("d", BEGUN, depot)) == []
    assert findings(catalogue, "LD-10", order("d", BEGUN, depot)) == []


def test_without_a_dose_the_form_tells_whether_it_is_a_low_one(catalogue):
    tablets = medicine("7243", "ntx_oral", text="naltrexone", days="30")

    assert len(findings(catalogue, "LD-10", fill("n", BEGUN, ldn(None)))) == 1
    assert findings(catalogue, "LD-10", fill("n", BEGUN, tablets)) == []


def test_an_unknown_form_of_a_known_medicine_is_not_cleared_where_its_text_names_an_opioid(catalogue):
    unknown = Medicine(coded=False, ingredients=("723",), form_key="methadone_orall", text="methadone 10 mg")

    assert len(findings(catalogue, "DQ-03", fill("f", BEGUN, unknown))) == 1


def test_hours_are_exact_below_a_second_and_over_many_years():
    assert hours(timedelta(microseconds=3_600)) == Decimal("0.000001")
    assert hours(timedelta(days=100_000)) == Decimal(2_400_000)


def test_half_lives_that_equal_the_label_interval_do_not_set_the_window():
    lengths = {
        "half_life_high_h": Decimal(59),
        "multiplier": Decimal(1),
        "half_lives": 5,
        "floor": timedelta(hours=336),
    }

    assert not window_lengths(label_interval_h=Decimal(295), **lengths).by_half_lives
    assert window_lengths(label_interval_h=Decimal(294), **lengths).by_half_lives


def test_what_leaves_the_calendar_by_hours_has_no_end_or_lies_before_everything():
    assert later(FOREVER - timedelta(hours=1), timedelta(hours=2)) == FOREVER
    assert later(BEGINNING_OF_TIME + timedelta(hours=1), timedelta(hours=-2)) == BEGINNING_OF_TIME


def basis_of(found):
    return [one.event_id for one in found.basis]


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


@pytest.mark.parametrize(
    ("directions", "doubted"),
    [
        ("Take 1.0 at bedtime", True),
        ("naltrexone capsule 1.0 at bedtime", True),
        ("use protocol 2.0 of the clinic", False),
        ("naltrexone by protocol 2.0 of the clinic", False),
        ("start of protocol 2.0", False),
        ("50 micrograms per mL, made from a 50 mg tablet", False),
        ("9 mg a day at most, 9000 mg in the whole bottle", False),
        ("50 micrograms or 50 mg", True),
    ],
)
def test_a_number_without_unit_is_a_strength_only_right_behind_what_makes_it_one(catalogue, directions, doubted):
    capsule = ldn(directions=directions)

    assert bool(doubts_of(Entry(fill("n", BEGUN, capsule), medicine=capsule), catalogue)) is doubted


def test_a_request_that_begins_with_the_dose_is_read_too(catalogue):
    request = CompoundRequest(preparation="dose 2.0 as a capsule", **envelope("r", BEGUN))

    assert [one.written for one in doubts_of(Entry(request), catalogue)] == ["2.0"]


@pytest.mark.parametrize(
    ("written", "read_as"), [("5.0 mg", "50"), (".5 mg", "5"), ("0,5 mg", "5"), ("12.50 mg", "1250")]
)
def test_a_doubt_says_how_the_number_may_be_read(catalogue, written, read_as):
    (doubt,) = ambiguities(f"naltrexone {written} capsule", catalogue.names)

    assert doubt.why.endswith(f"easily read as {read_as}")


@pytest.mark.parametrize(("written", "doubted"), [("45", True), ("450", True), ("4500", True), ("454.5", False)])
def test_a_strength_off_by_ten_a_hundred_or_a_thousand_is_doubted(written, doubted):
    assert bool(slips(f"naltrexone {written} mg capsule", Decimal("4.5"))) is doubted


def test_of_two_supplies_of_one_opioid_beside_methylnaltrexone_the_earlier_is_told(catalogue):
    facts = [
        report("used", at("2026-03-01T09:00"), oxycodone(None), kind="history"),
        fill("filled", BEGUN, oxycodone()),
        fill("p", at("2026-04-03T09:00"), METHYLNALTREXONE),
    ]

    (found,) = findings(catalogue, "OT-02", *facts)

    assert sorted(basis_of(found)) == ["p", "used"]


def test_a_step_too_soon_is_told_where_the_course_began_with_an_unknown_dose(catalogue):
    unknown = fill("unknown", BEGUN, ldn(None))
    first_known = fill("first", at("2026-04-20T09:00"), ldn("4.6"))
    step = fill("step", at("2026-04-23T09:00"), ldn("4.9"))

    found = findings(catalogue, "LD-07", unknown, first_known, step)

    assert [(one.anchor_event_id, "sooner than usual" in one.text) for one in found] == [("step", True)]


@pytest.mark.parametrize(
    ("text", "commercial"),
    [
        ("naltrexone 50 mg tablet", True),
        ("naltrexone 4.5 mg tablet", False),
        ("naltrexone 50 mg tablet, as capsules of 4.5 mg", False),
        ("naltrexone 50 mg tablet in water, 50 mg/mL", False),
        ("naltrexone 50 mg capsule", False),
        ("naltrexone tablet", False),
    ],
)
def test_tablets_are_commercial_ones_where_the_text_says_nothing_but_fifty_milligrams(catalogue, text, commercial):
    assert commercial_tablets(medicine("7243", text=text), catalogue) is commercial
