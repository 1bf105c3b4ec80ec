"""The core and the reference evaluator, written apart from the same text, agree on generated histories."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rx_clinical import History, assess, load_catalogue
from rx_contracts.wire.finding_messages import finding_document
from rxguard.scenarios.facts import facts_by_patient
from rxguard.scenarios.yaml_reader import Node

from tests.reference.evaluator import evaluate
from tests.reference.histories import ANTAGONISTS, BEGIN, OPIOIDS, OTHERS, histories, known_since, text_of

CATALOGUE = load_catalogue()
FIELDS = (
    "severity",
    "display",
    "reason_codes",
    "no_start_time_reason",
    "ends_at",
    "urgency",
    "requires_confirmation",
)
"""Compared beside rule, anchor, counterpart and earliest start: all but the words."""


def by_core(facts, since):
    """What the core finds, in the shape of the reference evaluator."""
    known = None if since is None else datetime.fromisoformat(since)
    patients = facts_by_patient([Node(fact, f"fact {number}") for number, fact in enumerate(facts, 1)])
    found = {}
    for patient, history in patients.items():
        findings = assess(History(facts=history, known_since=known), CATALOGUE).findings
        assert len({one.finding_id for one in findings}) == len(findings)
        for one in findings:
            document = finding_document(one)
            compared = {key: document[key] for key in FIELDS}
            compared["reason_codes"] = sorted(map(str, compared["reason_codes"]))
            compared["earliest_start"] = document["earliest_start_time"]
            found.setdefault((patient, one.rule, one.anchor_event_id, one.counterpart), []).append(compared)
    return in_order(found)


def by_reference(facts, since):
    known = None if since is None else datetime.fromisoformat(since)
    found = {}
    for one in evaluate(facts, known):
        compared = {key: as_text(one[key]) for key in (*FIELDS, "earliest_start")}
        key = (one["patient"], one["rule"], one["anchor_event_id"], one["counterpart"])
        found.setdefault(key, []).append(compared)
    return in_order(found)


def in_order(found):
    return {key: sorted(documents, key=repr) for key, documents in found.items()}


def as_text(value):
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def arrivals(facts, seed):
    """Two more orders of arrival: backwards, and shuffled with facts that come twice."""
    chance = random.Random(seed)  # noqa: S311  # an order of arrival, no secret
    again = [dict(fact) for fact in facts if chance.random() < 1 / 3]
    shuffled = [*facts, *again]
    chance.shuffle(shuffled)
    return list(reversed(facts)), shuffled


@settings(max_examples=1500, derandomize=True, deadline=None)  # the same histories in every run
@given(histories, known_since, st.integers(0, 2**16))
def test_core_and_reference_agree_in_every_order_of_arrival(facts, since, seed):
    expected = by_reference(facts, since)
    assert by_core(facts, since) == expected
    for arrival in arrivals(facts, seed):
        assert by_core(arrival, since) == expected


@pytest.mark.parametrize("days", [0, 7], ids=["begun_together", "touching"])
def test_they_agree_on_every_two_medicines_at_the_moment_where_supplies_begin_together_or_touch(days):
    for first, second in product([*OPIOIDS, *ANTAGONISTS, *OTHERS], repeat=2):
        for minutes in (-1, 0, 1):
            later = BEGIN + timedelta(days=days, minutes=minutes)
            facts = [one_fill("e1", BEGIN, first), one_fill("e2", later, second)]
            assert by_core(facts, None) == by_reference(facts, None), facts


def one_fill(event_id, at, medicine):
    """Seven days of a medicine; a dose for those that are given in doses of milligrams."""
    return {"type": "fill", "at": text_of(at), "id": event_id, "site": "S1", "route": "oral", "days_supply": "7"} | (
        medicine | ({"daily_dose_mg": "4.5"} if medicine in ANTAGONISTS else {})
    )
