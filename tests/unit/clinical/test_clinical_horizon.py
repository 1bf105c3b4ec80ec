"""What was over long ago: facts recorded beyond the horizon, and courses that no longer count."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rx_clinical import History, assess
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, fill, ldn, medicine, methadone, oxycodone

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


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
