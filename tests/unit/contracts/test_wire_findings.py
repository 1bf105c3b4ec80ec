"""Events become the facts they state, findings the messages they mean; nothing is rounded, nothing is dropped."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from pharmacy.events.v1 import finding_pb2
from rx_clinical.findings.wording import number_text, utc_text
from rx_clinical.model.findings import (
    ArithmeticLine,
    Assessment,
    Basis,
    Display,
    Finding,
    NoStartTime,
    Severity,
    Urgency,
)
from rx_contracts.wire import finding_json, finding_messages

KEY = bytes(range(16))


instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  # the strategy wants naive bounds
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
many = st.lists(words, max_size=3).map(tuple)
utc = instants.map(lambda time: time.astimezone(UTC))
hours = st.decimals(min_value=-100_000, max_value=100_000, places=4)
keys = st.binary(min_size=16, max_size=16)
lines = st.builds(
    ArithmeticLine,
    ingredient=words,
    form_key=st.none() | words,
    supply_end=st.none() | utc,
    possible_end=st.none() | utc,
    label_interval_h=hours,
    half_life_high_h=hours,
    multiplier=hours,
    hard_window_h=hours,
    policy_window_h=hours,
    elapsed_h=st.none() | hours,
    text=words,
)
findings = st.builds(
    Finding,
    finding_id=keys,
    rule=words,
    family=words,
    severity=st.sampled_from(Severity),
    display=st.sampled_from(Display),
    reason_codes=many,
    anchor_key=keys,
    anchor_event_id=words,
    anchor_source=words,
    counterpart=st.none() | words,
    active_from=utc,
    earliest_start_time=st.none() | utc,
    no_start_time_reason=st.none() | st.sampled_from(NoStartTime),
    ends_at=st.none() | utc,
    urgency=st.none() | st.sampled_from(Urgency),
    requires_confirmation=st.booleans(),
    text=words,
    recommended_actions=many,
    arithmetic=st.lists(lines, max_size=2).map(tuple),
    max_bud=st.none() | st.dates(),
    max_days_supply=st.none() | st.integers(1, 400),
    evidence_level=words,
    assumptions=many,
    sources=many,
    basis=st.lists(
        st.builds(
            Basis,
            role=words,
            key=keys,
            event_id=words,
            source=words,
            site=words,
            name=words,
            form_key=st.none() | words,
            rx_number=st.none() | words,
            fill_number=st.none() | words,
        ),
        max_size=2,
    ).map(tuple),
)


def expected_document(finding: Finding) -> dict[str, object]:
    """The FINDING document, written down field by field from the values of the core."""
    return {
        "finding_id": finding.finding_id.hex(),
        "rule": finding.rule,
        "family": finding.family,
        "severity": str(finding.severity),
        "display": str(finding.display),
        "reason_codes": list(finding.reason_codes),
        "anchor_event_id": finding.anchor_event_id,
        "counterpart": finding.counterpart,
        "active_from": utc_text(finding.active_from),
        "earliest_start_time": finding.earliest_start_time and utc_text(finding.earliest_start_time),
        "no_start_time_reason": finding.no_start_time_reason and str(finding.no_start_time_reason),
        "ends_at": finding.ends_at and utc_text(finding.ends_at),
        "urgency": finding.urgency and str(finding.urgency),
        "requires_confirmation": finding.requires_confirmation,
        "text": finding.text,
        "recommended_actions": list(finding.recommended_actions),
        "arithmetic": [expected_line(line) for line in finding.arithmetic],
        "max_bud": finding.max_bud and finding.max_bud.isoformat(),
        "max_days_supply": finding.max_days_supply,
        "evidence_level": finding.evidence_level,
        "assumptions": list(finding.assumptions),
        "sources": list(finding.sources),
    }


def expected_line(line: ArithmeticLine) -> dict[str, object]:
    return {
        "ingredient": line.ingredient,
        "form_key": line.form_key,
        "supply_end": line.supply_end and utc_text(line.supply_end),
        "possible_end": line.possible_end and utc_text(line.possible_end),
        "label_interval_h": number_text(line.label_interval_h),
        "half_life_high_h": number_text(line.half_life_high_h),
        "multiplier": number_text(line.multiplier),
        "hard_window_h": number_text(line.hard_window_h),
        "policy_window_h": number_text(line.policy_window_h),
        "elapsed_h": None if line.elapsed_h is None else number_text(line.elapsed_h),
        "text": line.text,
    }


@given(findings)
def test_the_document_of_a_finding_holds_its_values_in_order_whether_sent_or_not(finding: Finding):
    sent = finding_pb2.Finding.FromString(finding_messages.finding_to_proto(finding).SerializeToString())
    expected = json.dumps(expected_document(finding))
    assert json.dumps(finding_messages.finding_document(finding)) == expected
    assert json.dumps(finding_json.finding_json(sent)) == expected


def assessment(*found: Finding) -> Assessment:
    return Assessment(
        findings=found, rules_run=("WR-02", "WR-01"), rules_not_covered=("HN-01",), satisfied=(), unread=("merge",)
    )


CATALOGUE = SimpleNamespace(ruleset_seq=3, ruleset_version="3f1c")


@given(st.lists(findings, unique_by=lambda one: one.finding_id, max_size=3), st.randoms())
def test_a_finding_set_says_the_same_whatever_the_order_and_the_position(found: list[Finding], chance):
    first = finding_messages.published_findings(KEY, 4, assessment(*found), CATALOGUE)
    chance.shuffle(found)
    second = finding_messages.published_findings(KEY, 9, assessment(*found), CATALOGUE)
    assert first.content_hash == second.content_hash
    sets = [finding_pb2.FindingSet.FromString(one.value) for one in (first, second)]
    assert [one.position for one in sets] == [4, 9]
    sets[0].position = 9
    assert sets[0].SerializeToString(deterministic=True) == second.value


@given(st.lists(findings, unique_by=lambda one: one.finding_id, max_size=3))
def test_the_hash_of_a_set_is_that_of_its_findings_and_coverage(found: list[Finding]):
    published = finding_messages.published_findings(KEY, 4, assessment(*found), CATALOGUE, state_epoch=2)
    read = finding_pb2.FindingSet.FromString(published.value)
    assert (read.patient, read.ruleset_seq, read.ruleset_version, read.build) == (KEY, 3, "3f1c", 2)
    assert published.value == read.SerializeToString(deterministic=True)
    assert [one.finding_id for one in read.findings] == sorted(one.finding_id for one in found)
    assert published.content_hash == finding_messages.finding_set_hash(read)


@given(findings)
def test_another_finding_or_another_rule_that_ran_changes_the_hash(finding: Finding):
    empty = finding_messages.published_findings(KEY, 4, assessment(), CATALOGUE)
    full = finding_messages.published_findings(KEY, 4, assessment(finding), CATALOGUE)
    wider = finding_messages.published_findings(KEY, 4, replace(assessment(), rules_run=("WR-02",)), CATALOGUE)
    assert len({one.content_hash for one in (empty, full, wider)}) == 3


@given(findings)
def test_a_newer_ruleset_or_build_that_says_the_same_has_the_same_hash(finding: Finding):
    newer = SimpleNamespace(ruleset_seq=4, ruleset_version="77aa")
    first = finding_messages.published_findings(KEY, 4, assessment(finding), CATALOGUE)
    second = finding_messages.published_findings(KEY, 5, assessment(finding), newer, state_epoch=1)
    assert first.value != second.value
    assert first.content_hash == second.content_hash


def test_a_set_names_what_was_not_checked():
    published = finding_messages.published_findings(KEY, 4, assessment(), CATALOGUE)
    covered = finding_pb2.FindingSet.FromString(published.value).coverage
    assert list(covered.rules_run) == ["WR-01", "WR-02"]
    assert list(covered.rules_not_covered) == ["HN-01"]
    assert list(covered.facts_not_read) == ["merge"]


def test_severities_and_displays_have_the_names_of_the_core():
    values = finding_pb2.Severity.values()[1:], finding_pb2.Display.values()[1:]
    assert {finding_json.severity_name(value) for value in values[0]} == set(Severity)
    assert {finding_json.display_name(value) for value in values[1]} == set(Display)
