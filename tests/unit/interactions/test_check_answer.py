"""How findings become an answer: the worst reading wins, and nothing is hidden."""

from datetime import UTC, datetime

import pytest
from rx_clinical.model.findings import Display, Finding, Severity
from rx_interactions.domain.answer import Answer, choose_answer, split_findings

NOW = datetime(2026, 4, 14, 12, tzinfo=UTC)


def finding(severity="info", display="profile", *, confirm=False, text="found", rule="WR-02", reasons=()):
    return Finding(
        finding_id=severity.encode().ljust(16, b".")[:16],
        rule=rule,
        family="withdrawal",
        severity=Severity(severity),
        display=Display(display),
        reason_codes=reasons,
        anchor_key=b"a" * 16,
        anchor_event_id="e1",
        anchor_source="demo",
        counterpart=None,
        active_from=NOW,
        earliest_start_time=None,
        no_start_time_reason=None,
        ends_at=None,
        urgency=None,
        requires_confirmation=confirm,
        text=text,
        recommended_actions=(),
        arithmetic=(),
        evidence_level="",
        assumptions=(),
        sources=(),
        basis=(),
    )


@pytest.mark.parametrize(
    ("severity", "display", "expected"),
    [
        ("contraindicated", "interruptive", Answer.HOLD),
        ("contraindicated", "profile", Answer.HOLD),
        ("major", "queue", Answer.HOLD),
        ("moderate", "interruptive", Answer.HOLD),
        ("moderate", "queue", Answer.CONFIRM),
        ("moderate", "profile", Answer.CONFIRM),
        ("info", "queue", Answer.CONFIRM),
        ("info", "profile", Answer.NO_FINDING_IN_KNOWN_HISTORY),
    ],
)
def test_severity_and_display_decide_what_to_do(severity, display, expected):
    assert choose_answer([finding(severity, display)], assessed=True, unread=False) is expected


@pytest.mark.parametrize(
    ("rule", "severity", "display", "confirm", "expected"),
    [
        ("WR-05", "major", "interruptive", True, Answer.HOLD),  # until both have confirmed
        ("HN-02", "contraindicated", "interruptive", False, Answer.HOLD),
        ("HN-02", "moderate", "queue", False, Answer.CONFIRM),
        ("HN-02", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
        ("PA-01", "moderate", "queue", False, Answer.CONFIRM),  # never a hold
        ("PA-02", "moderate", "profile", False, Answer.CONFIRM),  # in hospital, on purpose
        ("PK-01", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
        ("IN-01", "major", "interruptive", False, Answer.HOLD),
        ("IN-01", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
        ("OT-01", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
        ("OT-03", "contraindicated", "interruptive", False, Answer.HOLD),
        ("SX-01", "major", "queue", False, Answer.HOLD),
        ("LD-03", "moderate", "profile", False, Answer.CONFIRM),
        ("LD-05", "major", "queue", True, Answer.HOLD),
        ("LD-10", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
        ("DQ-02", "moderate", "queue", False, Answer.CONFIRM),
        ("DQ-05", "info", "queue", False, Answer.CONFIRM),
        ("DQ-04", "info", "profile", False, Answer.NO_FINDING_IN_KNOWN_HISTORY),
    ],
)
def test_every_family_of_rules_is_answered_by_what_its_findings_say(rule, severity, display, confirm, expected):
    found = finding(severity, display, confirm=confirm, rule=rule)

    assert choose_answer([found], assessed=True, unread=False) is expected


@pytest.mark.parametrize(("severity", "expected"), [("major", Answer.HOLD), ("moderate", Answer.CONFIRM)])
def test_an_ultra_low_dose_that_both_have_confirmed_is_no_longer_held(severity, expected):
    confirmed = finding(severity, "interruptive", rule="WR-05", reasons=("ULDN_CONFIRMED",))

    assert choose_answer([confirmed], assessed=True, unread=False) is expected


def test_a_finding_that_requires_confirmation_is_confirmed_whatever_its_severity():
    assert choose_answer([finding(confirm=True)], assessed=True, unread=False) is Answer.CONFIRM


def test_the_worst_of_several_findings_decides():
    found = [finding(), finding("moderate", "queue"), finding("major", "queue")]

    assert choose_answer(found, assessed=True, unread=False) is Answer.HOLD


@pytest.mark.parametrize(("severity", "expected"), [("major", Answer.HOLD), ("moderate", Answer.CONFIRM)])
def test_a_product_that_is_not_known_never_hides_a_finding(severity, expected):
    assert choose_answer([finding(severity)], assessed=False, unread=False) is expected


def test_nothing_found_about_a_product_that_is_not_known_is_not_assessed():
    assert choose_answer([], assessed=False, unread=False) is Answer.NOT_ASSESSED
    assert choose_answer([finding()], assessed=False, unread=False) is Answer.NOT_ASSESSED


def test_nothing_found_is_said_only_of_the_known_history():
    assert choose_answer([], assessed=True, unread=False) is Answer.NO_FINDING_IN_KNOWN_HISTORY


def test_what_was_not_read_on_record_must_be_read_by_a_person():
    assert choose_answer([], assessed=True, unread=True) is Answer.CONFIRM


def test_a_finding_that_is_not_there_without_the_dispense_is_raised_by_it():
    new, before = finding("major"), finding("moderate")

    assert split_findings([before], [new, before]) == ((new,), (before,))


def test_a_standing_finding_that_the_dispense_makes_worse_is_raised_by_it():
    before, after = finding(text="not before Monday"), finding(text="not before Friday")

    assert split_findings([before], [after]) == ((after,), ())
