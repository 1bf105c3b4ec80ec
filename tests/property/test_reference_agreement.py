"""The core and the reference evaluator, written apart from the same text, agree on generated histories."""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from rx_clinical import History, assess, load_catalogue
from rx_clinical.report import finding_to_json
from rxguard.scenario_facts import facts_by_patient
from rxguard.scenario_yaml import Node

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
from evaluator import evaluate
from histories import histories, known_since

CATALOGUE = load_catalogue()
FIELDS = (
    "severity",
    "display",
    "earliest_start",
    "no_start_time_reason",
    "ends_at",
    "urgency",
    "requires_confirmation",
)
"""All but the words and the reason codes, which the timelines of tests/spec compare."""

COMPARED = ("WR", "BL", "PA-02", "HN", "IN")
"""The rules that interrupt; docs/clinical/readings.md says what of the others is still read apart."""


def by_core(facts, since):
    """What the core finds, in the shape of the reference evaluator."""
    known = None if since is None else datetime.fromisoformat(since)
    patients = facts_by_patient([Node(fact, f"fact {number}") for number, fact in enumerate(facts, 1)])
    names, found = names_of(facts), {}
    for patient, history in patients.items():
        for one in assess(History(facts=history, known_since=known), CATALOGUE).findings:
            if not one.rule.startswith(COMPARED):
                continue
            document = finding_to_json(one)
            document["earliest_start"] = document["earliest_start_time"]
            document = {key: document[key] for key in FIELDS}
            found.setdefault((patient, one.rule, names[one.anchor_event_id], one.counterpart), []).append(document)
    return in_order(found)


def by_reference(facts, since):
    known = None if since is None else datetime.fromisoformat(since)
    names, found = names_of(facts), {}
    for one in evaluate(facts, known):
        if not one["rule"].startswith(COMPARED):
            continue
        document = {key: as_text(one[key]) for key in FIELDS}
        key = (one["patient"], one["rule"], names[one["anchor_event_id"]], one["counterpart"])
        found.setdefault(key, []).append(document)
    return in_order(found)


def names_of(facts):
    """The event ids, where one supply may have been seen twice the first: either sighting may name its findings."""
    names = {fact["id"]: fact["id"] for fact in facts}
    for fact in facts:
        number = (fact.get("rx_number"), fact.get("fill_number"))
        if None not in number:
            seen = [one["id"] for one in facts if (one.get("rx_number"), one.get("fill_number")) == number]
            names[fact["id"]] = min(names[fact["id"]], *seen)
    return names


def in_order(found):
    return {key: sorted(documents, key=repr) for key, documents in found.items()}


def as_text(value):
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


@settings(max_examples=300, derandomize=True)  # the same histories in every run: see readings.md
@given(histories, known_since, st.integers(0, 2**16))
def test_core_and_reference_agree_in_every_order_of_arrival(facts, since, seed):
    expected = by_reference(facts, since)
    assert by_core(facts, since) == expected
    shuffled = list(facts)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # an order of arrival, no secret
    assert by_core(shuffled, since) == expected
