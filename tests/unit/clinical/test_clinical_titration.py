"""The titration of low-dose naltrexone: plans, what follows a response, and what was dispensed against them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.tables import TableError
from rx_clinical.catalogue.titration import Deviation, Dispensed, Move, Response, deviations
from rx_clinical.model.facts import Moment, PatientFact
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, envelope, fill, given, ldn, medicine, report
from tests.lib.clinical.table_kit import copy_of_the_tables, drop_column, set_cell

START = at("2026-03-01T09:00")
ALL_HISTORY = at("2020-01-01T00:00")
WEEK = timedelta(days=7)


@pytest.fixture
def standard(catalogue):
    return catalogue.titrations["standard"]


def supplies(*doses, days=7):
    """Supplies of these doses, `days` apart."""
    return [Dispensed(START + number * timedelta(days=days), Decimal(dose)) for number, dose in enumerate(doses)]


def deviating(catalogue, dispensed):
    return [(str(supply.dose_mg), how) for supply, how in deviations(dispensed, catalogue.policy)]


def findings(catalogue, *facts, rule, known_since=ALL_HISTORY):
    found = assess(History(facts=facts, known_since=known_since), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def symptom(value, time):
    return PatientFact(kind="symptom", value=value, **envelope(f"S {value}", at(time)))


# Plans


@pytest.mark.parametrize(
    ("plan", "doses"),
    [
        ("standard", ["1.5", "3", "4.5"]),
        ("sensitive", ["0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5"]),
        ("very_low", ["0.01", "0.1", "0.5", "1", "1.5", "3", "4.5"]),
        ("transdermal_first", ["1.5", "1.5", "3", "4.5"]),
    ],
)
def test_the_plans_rise_to_4_5_mg_in_steps_of_one_to_two_weeks(catalogue, plan, doses):
    steps = catalogue.titrations[plan].steps
    assert [step.dose_mg for step in steps] == [Decimal(dose) for dose in doses]
    assert {(step.min_time, step.max_time) for step in steps} == {(WEEK, 2 * WEEK)}
    assert all(step.sources for step in steps)


def test_a_start_through_the_skin_changes_to_the_mouth_at_the_same_dose(catalogue):
    steps = catalogue.titrations["transdermal_first"].steps
    assert [(step.route, step.dose_mg) for step in steps[:2]] == [
        ("transdermal", Decimal("1.5")),
        ("oral", Decimal("1.5")),
    ]


@pytest.mark.parametrize(
    ("step", "elapsed", "move", "then"),
    [
        (0, timedelta(days=6, hours=23), Move.STAY, 0),
        (0, timedelta(days=7), Move.NEXT_STEP, 1),
        (1, timedelta(days=14), Move.NEXT_STEP, 2),
        (2, timedelta(days=60), Move.STAY, 2),
    ],
)
def test_who_is_well_rises_after_a_week_and_stays_on_the_last_step(standard, step, elapsed, move, then):
    assert standard.after(step, Response.WELL, elapsed) == (move, then)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_dose_that_works_ends_the_escalation_however_low_it_is(standard, step):
    assert standard.after(step, Response.EFFECTIVE, 2 * WEEK) == (Move.HOLD_AT_EFFECTIVE_DOSE, step)


def test_dreams_take_one_step_back_and_never_below_the_first(standard):
    assert standard.after(2, Response.NIGHT, WEEK) == (Move.BACK_ONE_STEP, 1)
    assert standard.after(1, Response.NIGHT, WEEK) == (Move.BACK_ONE_STEP, 0)
    assert standard.after(0, Response.NIGHT, WEEK) == (Move.STAY, 0)


def test_a_suffering_gut_pauses_and_resumes_through_the_skin(standard):
    assert standard.after(1, Response.GUT, 3 * WEEK) == (Move.PAUSE_THEN_TRANSDERMAL, 1)


def test_a_step_that_the_plan_has_not_is_an_error(standard):
    with pytest.raises(IndexError):
        standard.after(3, Response.WELL, WEEK)


def test_a_sensitive_patient_who_dreams_at_3_mg_stays_well_on_2_5(catalogue):
    sensitive = catalogue.titrations["sensitive"]
    step = 0
    while sensitive.steps[step].dose_mg < 3:
        _, step = sensitive.after(step, Response.WELL, WEEK)
    _, step = sensitive.after(step, Response.NIGHT, WEEK)
    move, step = sensitive.after(step, Response.EFFECTIVE, 4 * WEEK)
    assert (move, sensitive.steps[step].dose_mg) == (Move.HOLD_AT_EFFECTIVE_DOSE, Decimal("2.5"))


# What was dispensed


@pytest.mark.parametrize("plan", ["standard", "sensitive", "very_low", "transdermal_first"])
def test_no_plan_of_ours_leaves_the_usual_titration(catalogue, plan):
    steps = catalogue.titrations[plan].steps
    assert deviating(catalogue, supplies(*(step.dose_mg for step in steps))) == []
    capsules = [
        fill(f"L{number}", START + number * WEEK, ldn(str(step.dose_mg), days="7", route=step.route))
        for number, step in enumerate(steps)
    ]
    assert findings(catalogue, *capsules, rule="LD-07") == []


@pytest.mark.parametrize(
    ("doses", "days", "expected"),
    [
        ((), 7, []),
        (("4.5",), 7, []),
        (("4.6",), 7, [("4.6", Deviation.START_TOO_HIGH)]),
        (("1.5", "3"), 7, []),
        (("1.5", "3.1"), 7, [("3.1", Deviation.STEP_TOO_LARGE)]),
        (("1.5", "3"), 6, [("3", Deviation.STEP_TOO_SOON)]),
        (("1.5", "4.5"), 6, [("4.5", Deviation.STEP_TOO_LARGE), ("4.5", Deviation.STEP_TOO_SOON)]),
        (("1.5", "1.5", "3"), 4, []),  # a refill of the step does not begin it again
        (("4.5", "3", "1.5"), 1, []),  # back as fast as one likes
        (("3", "1.5", "3"), 4, [("3", Deviation.STEP_TOO_SOON)]),
    ],
)
def test_a_high_start_a_large_step_and_an_early_step_are_told(catalogue, doses, days, expected):
    assert deviating(catalogue, supplies(*doses, days=days)) == expected


def test_a_first_fill_of_5_mg_is_told_on_the_profile_with_the_usual_steps(catalogue):
    (found,) = findings(catalogue, fill("L", START, ldn("5")), rule="LD-07")
    assert (found.severity, found.display, found.anchor_event_id) == (Severity.MODERATE, Display.PROFILE, "L")
    assert "the first fill is above the usual highest start. Usual are 1.5, 3, 4.5 mg" in found.text
    assert "hold_at_effective_dose" in found.text


def test_a_first_fill_of_5_mg_in_a_course_that_somebody_reported_is_no_start(catalogue):
    reported = report("R", at("2026-02-01T09:00"), ldn("3"), kind="history", started=Moment.instant(ALL_HISTORY))
    first, second = fill("L", START, ldn("5", days="10")), fill("L2", START + 10 * timedelta(days=1), ldn("5"))
    assert findings(catalogue, reported, first, second, rule="LD-07") == []
    assert [one.anchor_event_id for one in findings(catalogue, first, second, rule="LD-07")] == ["L"]


def test_two_deviations_of_one_supply_are_one_finding(catalogue):
    facts = [fill("L1", START, ldn("1.5", days="5")), fill("L2", START + timedelta(days=5), ldn("4.5"))]
    (found,) = findings(catalogue, *facts, rule="LD-07")
    assert found.anchor_event_id == "L2"
    assert "the step is larger than usual and the step comes sooner than usual" in found.text


@pytest.mark.parametrize("known_since", [None, at("2026-02-01T00:00")])
def test_with_too_little_history_nobody_can_tell_a_start(catalogue, known_since):
    assert findings(catalogue, fill("L", START, ldn("5")), rule="LD-07", known_since=known_since) == []


def test_a_dose_given_by_a_clinician_is_a_supply_and_one_of_unknown_dose_is_none(catalogue):
    first, soon = given("G", START, ldn("1.5", days=None)), START + timedelta(days=3)
    (found,) = findings(catalogue, first, fill("L", soon, ldn("3")), rule="LD-07")
    assert (found.anchor_event_id, "the step comes sooner than usual" in found.text) == ("L", True)
    assert findings(catalogue, first, fill("L", soon, ldn(None)), rule="LD-07") == []


# The review


def test_the_review_is_28_days_after_the_start_and_once_a_course(catalogue):
    facts = [
        fill("L1", START, ldn("1.5", days="14")),
        fill("L2", START + 2 * WEEK, ldn("3", days="14")),
        fill("L3", START + 4 * WEEK, ldn("4.5", days="30")),
    ]
    (review,) = findings(catalogue, *facts, rule="LD-10")
    assert (review.anchor_event_id, review.active_from) == ("L1", at("2026-03-29T09:00"))
    assert (review.severity, review.display, review.earliest_start_time) == (Severity.INFO, Display.PROFILE, None)
    assert "Review compounded LDN (naltrexone 1.5 mg/day) 28 days after its start" in review.text
    assert "no response before is no failure" in review.text


@pytest.mark.parametrize(("gap_days", "reviews"), [(30, ["L1"]), (31, ["L1", "L2"])])
def test_a_pause_of_a_month_begins_another_course(catalogue, gap_days, reviews):
    end = START + timedelta(days=30)
    facts = [fill("L1", START, ldn()), fill("L2", end + timedelta(days=gap_days), ldn())]
    assert [one.anchor_event_id for one in findings(catalogue, *facts, rule="LD-10")] == reviews


def test_reported_low_dose_naltrexone_is_no_start_to_review(catalogue):
    reported = report("R", START, ldn(), kind="history")
    assert findings(catalogue, reported, fill("L", START + WEEK, ldn()), rule="LD-10") == []


def test_a_standard_dose_is_not_reviewed_as_a_low_one(catalogue):
    assert findings(catalogue, fill("N", START, medicine("7243", "ntx_oral", dose="50", days="30")), rule="LD-10") == []


# Symptoms of a step


def test_dreams_early_in_a_course_advise_one_step_back(catalogue):
    facts = [fill("L", START, ldn("3")), symptom("vivid dreams", "2026-03-15T09:00")]
    (found,) = findings(catalogue, *facts, rule="LD-09")
    assert (found.severity, found.active_from) == (Severity.INFO, at("2026-03-15T09:00"))
    assert "Go back one step, or take it in the morning" in found.text


@pytest.mark.parametrize(
    "time",
    ["2026-02-28T09:00", "2026-04-30T09:00", "2026-03-15T09:01"],
    ids=["before the course", "a month after its supply", "later than two weeks"],
)
def test_dreams_at_another_time_are_not_told_as_expected(catalogue, time):
    assert findings(catalogue, fill("L", START, ldn("3")), symptom("vivid dreams", time), rule="LD-09") == []


def test_dreams_belong_to_the_course_in_which_they_come(catalogue):
    second = at("2026-07-01T09:00")
    facts = [fill("L1", START, ldn()), fill("L2", second, ldn()), symptom("nightmares", "2026-07-03T09:00")]
    assert [one.anchor_event_id for one in findings(catalogue, *facts, rule="LD-09")] == ["L2"]


def test_cramps_beyond_two_weeks_advise_a_pause_and_the_skin(catalogue):
    facts = [fill("L", START, ldn("3")), symptom("cramps", "2026-03-15T09:01")]
    (found,) = findings(catalogue, *facts, rule="LD-08")
    assert (found.severity, found.display) == (Severity.MODERATE, Display.QUEUE)
    assert "Stop for 1-2 weeks, then resume as a transdermal cream" in found.text


# The table


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("step", "4", r"titrations\.csv \(standard\): steps are not 1 to 3 in order"),
        ("step", "", r"titrations\.csv line 3 \(standard\): step is empty"),
        ("dose_mg", "1", r"titrations\.csv \(standard\): a dose falls"),
        ("dose_mg", "three", r"titrations\.csv line 3 \(standard\): dose_mg is not a number: 'three'"),
        ("dose_mg", "-3", r"titrations\.csv line 3 \(standard\): dose_mg is not a finite number of zero or more"),
        ("route", "", r"titrations\.csv line 3 \(standard\): route is empty"),
        ("min_days", "", r"titrations\.csv line 3 \(standard\): min_days is empty"),
        ("max_days", "Infinity", r"titrations\.csv line 3 \(standard\): max_days is not a finite number"),
        ("source", "LDN1;LDN99", r"titrations\.csv line 3 \(standard\): source LDN99 is not in sources\.csv"),
        ("source", "", r"titrations\.csv line 3 \(standard\): no source"),
        ("plan", "", r"titrations\.csv line 3 \(\): plan is empty"),
    ],
)
def test_a_malformed_titration_is_refused_by_plan_and_row(tmp_path, column, value, message):
    folder = copy_of_the_tables(tmp_path)
    set_cell(folder, "titrations.csv", {"plan": "standard", "step": "2"}, column, value)
    with pytest.raises(TableError, match=message):
        Catalogue(folder)


def test_a_titration_without_a_column_is_refused(tmp_path):
    folder = copy_of_the_tables(tmp_path)
    drop_column(folder, "titrations.csv", "route")
    with pytest.raises(TableError, match=r"titrations\.csv line 2 \(standard\): column route is missing"):
        Catalogue(folder)
