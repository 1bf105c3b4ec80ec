"""What people read: the reason, the arithmetic, the earliest start, and never a word of safety."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rxguard.views.alerts import alerts_table
from rxguard.views.common import NOTICE
from rxguard.views.findings import findings_table
from rxguard.views.ingest import ingest_report
from rxguard.views.instance import doctor_report, status_report
from rxguard.views.scenarios import scenarios_report

LINE = {
    "ingredient": "methadone",
    "form_key": "methadone_oral",
    "supply_end": "2026-03-31T09:00:00Z",
    "possible_end": "2026-03-31T09:00:00Z",
    "label_interval_h": "240",
    "half_life_high_h": "59",
    "multiplier": "1.25",
    "hard_window_h": "368.75",
    "policy_window_h": "368.75",
    "elapsed_h": "339",
    "text": "methadone; hard window max(336, 5 x 59 h x 1.25) = 368.75 h; 2026-03-31T09:00:00Z + 368.75 h",
}
WITHDRAWAL = {
    "finding_id": "ab" * 16,
    "rule": "WR-02",
    "family": "withdrawal",
    "severity": "contraindicated",
    "display": "interruptive",
    "reason_codes": ["WINDOW_EXTENDED"],
    "counterpart": "methadone_oral",
    "earliest_start_time": "2026-04-15T17:45:00Z",
    "no_start_time_reason": None,
    "urgency": "WITH_PATIENT",
    "text": "LDN 4.5 mg started while methadone may still be on board. Records cannot show leftover tablets.",
    "recommended_actions": ["Call the patient: do not take the first dose."],
    "arithmetic": [LINE],
}
RANITIDINE = WITHDRAWAL | {
    "rule": "PK-01",
    "severity": "info",
    "earliest_start_time": None,
    "no_start_time_reason": "NOT_APPLICABLE",
    "urgency": None,
    "text": "Ranitidine slows the elimination of methadone.",
    "recommended_actions": ["Call the patient: do not take the first dose.", "Ask about ranitidine."],
    "arithmetic": [],
}
UNCODED = RANITIDINE | {"rule": "DQ-03", "severity": "moderate", "text": "A product has no known code [x]."}
ALERT: dict[str, Any] = {
    "alert_id": "1b2c3d4e-0000-0000-0000-000000000000",
    "state": "open",
    "site_id": "main-street",
    "lines": [WITHDRAWAL, RANITIDINE],
}


def shown(what: RenderableType, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(what)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= width for line in text.splitlines())
    return " ".join(text.replace("│", " ").split())


def test_an_alert_shows_reason_arithmetic_start_in_both_times_and_each_action_once() -> None:
    text = shown(alerts_table([ALERT], 80))
    assert text.count("LDN 4.5 mg started while methadone may still be on board.") == 1
    assert "Records cannot show leftover tablets." in text
    assert "it is with the patient" in text
    assert "Wed 2026-04-15 13:45 EDT (2026-04-15 17:45 UTC)" in text
    assert "hard window max(336, 5 x 59 h x 1.25) = 368.75 h" in text
    assert "2026-03-31T09:00:00Z + 368.75 h" in text
    assert "Ranitidine slows the elimination of methadone." in text
    assert text.count("do not take the first dose") == 1
    assert "Main Street Pharmacy" in text
    assert NOTICE in text


def test_the_latest_start_of_the_lines_counts() -> None:
    later = WITHDRAWAL | {"earliest_start_time": "2026-04-16T00:00:00Z"}
    text = shown(alerts_table([ALERT | {"lines": [WITHDRAWAL, later]}], 80))
    assert "2026-04-16 00:00 UTC" in text


def test_one_opioid_without_end_means_that_no_start_can_be_given() -> None:
    ongoing = WITHDRAWAL | {"earliest_start_time": None, "no_start_time_reason": "ONGOING_NO_END"}
    text = shown(alerts_table([ALERT | {"lines": [WITHDRAWAL, ongoing]}], 80))
    assert "no start can be given" in text
    assert "17:45 UTC" not in text.split("WR-02")[0]


def test_a_site_that_is_not_in_the_registry_gets_utc_alone() -> None:
    text = shown(alerts_table([ALERT | {"site_id": "elsewhere"}], 80))
    assert "2026-04-15 17:45 UTC" in text
    assert "EDT" not in text


def test_items_on_data_stand_in_a_table_of_their_own_and_brackets_are_kept() -> None:
    text = shown(alerts_table([ALERT | {"lines": [UNCODED]}], 80))
    assert "data that a person must complete" in text
    assert "A product has no known code [x]." in text


@pytest.mark.parametrize("empty", [alerts_table([], 80), findings_table([])])
def test_nothing_found_is_never_called_safe(empty: RenderableType) -> None:
    text = shown(empty)
    assert NOTICE in text
    assert " safe" not in text.replace("never safe", "")


def test_findings_are_a_row_each() -> None:
    text = shown(findings_table([WITHDRAWAL | {"patient": "cd" * 16}]))
    assert "cdcdcdcd" in text
    assert "2026-04-15 17:45" in text


def test_an_account_that_does_not_add_up_says_so() -> None:
    document: dict[str, Any] = {
        "file": "f.ndjson",
        "bundles": 2,
        "resources": {"MedicationRequest": {"read": 5, "stored": 3, "unchanged": 0, "dead_letter": 1}},
        "ignored_resources": {"Observation": 4},
        "uncoded_products": [{"system": None, "code": None, "display": "Powder", "count": 1}],
        "dead_letters": [
            {"line": 3, "entry": None, "code": "NOT_JSON", "reason": "the document: is none", "count": 1},
            {"line": 9, "entry": None, "code": "NOT_JSON", "reason": "the document: is none", "count": 1},
        ],
        "findings": None,
        "balanced": False,
    }
    text = shown(ingest_report(document))
    assert "NOT BALANCED" in text
    assert "NOT_JSON: the document: is none" in text
    assert "NOT_ASSESSED" in text
    assert "4 Observation" in text
    assert "not known yet" in text


def test_status_names_what_is_pending() -> None:
    document = {
        "kafka": "k:1",
        "services": [{"name": "monitor", "ready": False, "grpc": "m:1", "metrics": None}],
        "lag": {"monitor": 340},
        "topics": [{"name": "rx.inbound.v1", "partitions": 8, "records": 24}],
        "pending": 340,
    }
    assert "340 events are PENDING" in shown(status_report(document))


def test_the_doctor_says_how_to_mend_what_is_not_ok() -> None:
    checks = [{"id": "kafka", "status": "fail", "detail": "nothing answers", "fix": "start the broker"}]
    assert "start the broker" in shown(doctor_report({"checks": checks}))


def test_scenarios_show_differences_and_sums() -> None:
    difference = {"kind": "field", "rule": "WR-02", "field": "severity", "expected": "major", "actual": "info"}
    document = {
        "ruleset_version": "abc",
        "summary": {"total": 2, "passed": 1, "failed": 1, "not_covered": 0},
        "scenarios": [
            {"id": "P01", "status": "pass", "differences": [], "findings": []},
            {"id": "P02", "status": "fail", "differences": [difference], "findings": []},
        ],
    }
    text = shown(scenarios_report(document))
    assert "P02 field WR-02 severity: expected major, got info" in text
    assert "1 of 2 passed" in text
    assert "P01" not in text
