"""A finding explained whole: every step can be redone, the curve halves as it says, a restricted source stays one."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from rx_clinical import History, assess, explain
from rx_clinical.findings.explain import curve
from rx_clinical.model.facts import Medicine, Moment, Stop
from rx_contracts.wire.finding_messages import finding_document

from tests.lib.clinical.kit import at, envelope, fill, given, ldn, medicine, methadone, order, oxycodone, report

METHADONE = fill("M", at("2026-03-01T09:00"), methadone())
RANITIDINE = report("R", at("2026-03-10T12:00"), medicine("9143", text="ranitidine 150 mg"))
LDN = fill("L", at("2026-04-14T12:00"), ldn())


def explained(catalogue, *facts, rule="WR-02"):
    (found,) = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == rule]
    return explain(found, catalogue)


def steps(exposure):
    return {step.name.split(":")[0]: (step.working, step.result) for step in exposure.steps}


# The arithmetic


def test_every_step_of_methadone_with_ranitidine_can_be_redone_by_hand(catalogue):
    (exposure,) = explained(catalogue, METHADONE, RANITIDINE, LDN).exposures
    assert (exposure.ingredient, exposure.form_key) == ("methadone", "methadone_oral")
    assert [(step.working, step.result) for step in exposure.steps] == [
        ("59 h x 1.25", "73.75 h"),
        ("5 x 73.75 h", "368.75 h"),
        ("max(336 h, 368.75 h)", "368.75 h"),
        ("max(336 h, 368.75 h)", "368.75 h"),
        ("2026-04-14T12:00:00Z - 2026-03-31T09:00:00Z", "339 h"),
        ("2026-03-31T09:00:00Z + 368.75 h", "2026-04-15T17:45:00Z"),
    ]


def test_a_short_acting_opioid_waits_for_the_label_and_then_for_two_weeks(catalogue):
    blocker = fill("L", at("2026-05-20T09:00"), ldn())
    found = explained(catalogue, fill("O", at("2026-05-01T09:00"), oxycodone("10")), blocker)
    (exposure,) = found.exposures
    assert steps(exposure)["hard window"] == ("max(240 h, 25 h)", "240 h")
    assert steps(exposure)["whole window"] == ("max(336 h, 240 h)", "336 h")
    assert exposure.steps[-1].result == "2026-05-25T09:00:00Z"
    assert found.finding.earliest_start_time == at("2026-05-25T09:00")


def test_before_the_end_of_the_supply_less_than_nothing_has_elapsed(catalogue):
    blocker = fill("L", at("2026-03-30T09:00"), ldn())
    (exposure,) = explained(catalogue, METHADONE, blocker, rule="WR-01").exposures
    assert steps(exposure)["elapsed since the end of the known supply, at the time judged"][1] == "-24 h"


def test_use_without_an_end_has_no_earliest_start(catalogue):
    ongoing = report("K", at("2026-03-01T09:00"), Medicine(form_key="kratom", text="kratom"), kind="supplement")
    (exposure,) = explained(catalogue, ongoing, LDN, rule="WR-01").exposures
    assert steps(exposure)["earliest start by this opioid"] == ("no end of its use is recorded", "none")
    assert not any(name.startswith("elapsed") for name in steps(exposure))


def test_an_order_without_a_fill_has_no_known_end_to_count_from(catalogue):
    ordered = order("O", at("2026-04-10T09:00"), oxycodone("5"))
    (exposure,) = explained(catalogue, ordered, LDN).exposures
    assert not any(name.startswith("elapsed") for name in steps(exposure))
    assert exposure.steps[-1].working == "2026-10-07T09:00:00Z + 336 h"  # 180 days after it was written


def test_each_opioid_is_explained_by_itself_and_the_later_one_sets_the_start(catalogue):
    found = explained(catalogue, METHADONE, fill("O", at("2026-04-10T09:00"), oxycodone("5")), LDN, rule="WR-01")
    starts = {exposure.ingredient: exposure.steps[-1].result for exposure in found.exposures}
    assert starts["oxycodone"] == "2026-04-29T09:00:00Z"
    assert found.finding.earliest_start_time == at("2026-04-29T09:00")


# The curve


def test_the_curve_runs_from_all_of_it_at_the_end_of_the_supply_to_the_end_of_the_window(catalogue):
    (exposure,) = explained(catalogue, METHADONE, RANITIDINE, LDN).exposures
    first, last = exposure.curve[0], exposure.curve[-1]
    assert (first.hours, first.left_pct, first.left_with_interaction_pct) == (0, 100, 100)
    assert (last.hours, last.left_with_interaction_pct) == (Decimal("368.75"), Decimal("3.125"))
    assert last.left_pct == Decimal("1.314")  # 2 ** -6.25
    assert len(exposure.curve) == 49


def test_after_five_half_lives_a_thirty_second_part_is_left(catalogue):
    sublocade = medicine("1819", "bup_depot_monthly_sublocade", text="Sublocade")
    (exposure,) = explained(catalogue, given("S", at("2026-01-01T09:00"), sublocade), LDN).exposures
    last = exposure.curve[-1]
    assert (last.hours, last.left_pct, last.left_with_interaction_pct) == (7200, Decimal("3.125"), Decimal("3.125"))


def test_every_half_life_halves_what_is_left(catalogue):
    (line,) = explained(catalogue, METHADONE, RANITIDINE, LDN).finding.arithmetic
    eight_half_lives = replace(line, policy_window_h=8 * line.half_life_high_h)
    left = [point.left_pct for point in curve(eight_half_lives)][::6]
    assert left == [Decimal(text) for text in ("100", "50", "25", "12.5", "6.25", "3.125", "1.563", "0.781", "0.391")]


def test_less_is_left_at_every_later_point_and_the_interaction_leaves_more(catalogue):
    (exposure,) = explained(catalogue, METHADONE, RANITIDINE, LDN).exposures
    for before, after in zip(exposure.curve, exposure.curve[1:], strict=False):
        assert after.hours > before.hours
        assert after.left_pct < before.left_pct
        assert after.left_with_interaction_pct > after.left_pct


# What it rests on


def test_each_source_comes_with_its_address_and_how_it_was_read(catalogue):
    found = explained(catalogue, METHADONE, RANITIDINE, LDN)
    assert tuple(one.key for one in found.sources) == found.finding.sources
    assert {"MTD1", "SEED3", "VIV1"} <= {one.key for one in found.sources}
    assert all(one.address and one.supports and one.status for one in found.sources)


def test_the_document_holds_numbers_as_plain_text(catalogue):
    found = explained(catalogue, METHADONE, RANITIDINE, LDN)
    document = json.loads(json.dumps(found.to_json()))
    (exposure,) = document["exposures"]
    assert exposure["steps"][0] == {
        "name": "half-life with interacting medicines",
        "working": "59 h x 1.25",
        "result": "73.75 h",
    }
    assert exposure["curve"][0] == {"hours": "0", "left_pct": "100", "left_with_interaction_pct": "100"}
    assert exposure["curve"][-1] == {"hours": "368.75", "left_pct": "1.314", "left_with_interaction_pct": "3.125"}
    assert {"key", "address", "supports", "status"} == set(document["source_texts"][0])


def test_the_lines_for_people_say_all_of_it_in_order(catalogue):
    lines = explained(catalogue, METHADONE, RANITIDINE, LDN).lines()
    assert lines[0] == "WR-02 contraindicated (interruptive)"
    assert "methadone (methadone_oral)" in lines
    assert "  time until 5 half-lives have passed: 5 x 73.75 h = 368.75 h" in lines
    titles = [line for line in lines if line in ("Assumptions:", "Actions:", "Evidence: SEED_CLAIM_ONLY", "Sources:")]
    assert titles == ["Assumptions:", "Actions:", "Evidence: SEED_CLAIM_ONLY", "Sources:"]
    assert any(line.startswith("  SEED3: methadone + naltrexone") for line in lines)
    assert lines[-1] == "Decision support for professionals. Not a medical device and not medical advice."


def test_a_finding_without_opioid_or_assumption_leaves_those_parts_out(catalogue):
    found = explained(catalogue, LDN, rule="LD-10")
    assert found.exposures == ()
    assert "Assumptions:" not in found.lines()
    assert "Actions:" in found.lines()


# A restricted source


@pytest.fixture
def treated_elsewhere(catalogue):
    """Methadone of a treatment programme, stopped on 20 March; ranitidine; LDN at a pharmacy that may not know."""
    used = report(
        "R1",
        at("2026-03-01T09:00"),
        methadone(None, directions="methadone 80 mg observed daily"),
        kind="history",
        site="programme",
        source_kind="OPIOID_TREATMENT_PROGRAM",
        started=Moment.instant(at("2026-01-01T09:00")),
    )
    stopped = Stop(refers_to=used.key, **envelope("R2", at("2026-03-20T09:00"), site="programme"))
    blocker = replace(LDN, occurred=Moment.instant(at("2026-04-01T09:00")), site="pharmacy")
    return explained(catalogue, used, stopped, RANITIDINE, blocker)


def test_another_site_reads_that_an_opioid_is_there_and_no_name(treated_elsewhere):
    finding = treated_elsewhere.finding
    document = finding_document(finding)
    read = json.dumps([document["text"], document["arithmetic"], document["assumptions"], document["counterpart"]])
    assert "methadone" not in read.lower()
    assert "opioid, restricted source" in finding.text
    assert finding.counterpart == "restricted_source"
    (exposure,) = treated_elsewhere.exposures
    assert (exposure.ingredient, exposure.form_key) == ("opioid, restricted source", "restricted_source")
    assert "methadone" not in json.dumps(treated_elsewhere.to_json()["exposures"]).lower()
    assert "RESTRICTED_SOURCE" in finding.reason_codes


def test_another_site_reads_every_number(treated_elsewhere):
    (exposure,) = treated_elsewhere.exposures
    assert [step.result for step in exposure.steps] == [
        "73.75 h",
        "368.75 h",
        "368.75 h",
        "368.75 h",
        "288 h",
        "2026-04-04T17:45:00Z",
    ]
    assert treated_elsewhere.finding.earliest_start_time == at("2026-03-20T09:00") + timedelta(hours=368, minutes=45)
    assert exposure.curve[-1].left_with_interaction_pct == Decimal("3.125")


def test_the_event_of_a_restricted_source_is_not_traceable_from_another_site(treated_elsewhere):
    (opioid,) = {(one.name, one.form_key, one.event_id, one.source, one.site)
                 for one in treated_elsewhere.finding.basis if one.role == "opioid"}  # fmt: skip
    assert opioid == ("opioid, restricted source", "restricted_source", "", "", "")
