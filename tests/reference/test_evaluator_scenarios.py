"""The reference evaluator says what the timelines of the specification expect (texts apart)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.reference import evaluator

HERE = Path(__file__).parent

FILES = sorted((HERE.parent / "spec").rglob("*.yaml"))
ALL_HISTORY = datetime(1900, 1, 1, tzinfo=UTC)
NOT_CHECKED = {"text_must_mention"}
PLAIN_FIELDS = {
    "rule": "rule",
    "severity": "severity",
    "display": "display",
    "urgency": "urgency",
    "max_bud": "max_bud",
    "counterpart": "counterpart",
    "anchor": "anchor_event_id",
    "anchor_event_id": "anchor_event_id",
    "no_start_time_reason": "no_start_time_reason",
}
TIMES = {"earliest_safe_start": "earliest_start", "ends_at": "ends_at"}


def scenarios():
    for path in FILES:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  # a loader without types
        for scenario in document["scenarios"]:
            allowed = document["conventions"]["extra_alerts_allowed"]
            name = f"{path.stem}-{scenario['id']}"
            yield pytest.param(scenario, set(allowed), id=name)


def findings_of(scenario):
    known = scenario.get("history_known_since")
    return evaluator.evaluate(scenario["facts"], datetime.fromisoformat(known) if known else ALL_HISTORY)


def instant(text):
    return None if text in {"null", "~", ""} else datetime.fromisoformat(text)


def differs(expected, found):
    """The keys of an expected alert that this finding does not meet."""
    keys = set()
    for key, value in expected.items():
        if key in NOT_CHECKED:
            continue
        if key in PLAIN_FIELDS:
            wanted = None if value == "null" else value
            same = found[PLAIN_FIELDS[key]] == wanted
        elif key in TIMES:
            same = found[TIMES[key]] == instant(value)
        elif key == "reason_codes":
            same = set(value) <= set(found["reason_codes"])
        elif key == "reason_codes_absent":
            same = not set(value) & set(found["reason_codes"])
        elif key == "requires_confirmation":
            same = found["requires_confirmation"] == (value == "true")
        elif key == "max_days_supply":
            same = str(found["max_days_supply"]) == value
        else:
            raise AssertionError(f"unknown expectation {key}")
        if not same:
            keys.add(key)
    return keys


def complaints(scenario, allowed):
    found = findings_of(scenario)
    expected = scenario["expected_alerts"] or []
    said = []
    for alert in expected:
        same_rule = [one for one in found if one["rule"] == alert["rule"]]
        nearest = min(same_rule, key=lambda one, alert=alert: len(differs(alert, one)), default=None)
        if nearest is None:
            said.append(f"missing {alert['rule']} {alert['severity']}")
        elif differs(alert, nearest):
            said.append(f"differs in {sorted(differs(alert, nearest))}: expected {alert}, found {nearest}")
    rules = {alert["rule"] for alert in expected}
    forbidden = set(scenario.get("must_not_raise") or [])
    for one in found:
        if one["rule"] in forbidden:
            said.append(f"must not raise {one}")
        elif one["rule"] not in rules | allowed and one["display"] != "profile":
            said.append(f"unexpected {one}")
    return said


@pytest.mark.parametrize(("scenario", "allowed"), list(scenarios()))
def test_the_reference_finds_what_the_timeline_expects(scenario, allowed):
    assert complaints(scenario, allowed) == []
