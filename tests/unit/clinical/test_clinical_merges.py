"""Records of one patient under several names: chains, circles and voids of merges."""

from datetime import timedelta

import pytest
from rx_clinical import History, assess
from rx_clinical.model.corrections import apply_merges
from rx_clinical.model.facts import Merge

from tests.lib.clinical.kit import at, envelope, fill, ldn, oxycodone, void

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


@pytest.fixture
def records():
    """Three records with one fill each, and merges as pairs of their names."""

    def build(*merges):
        facts = {name.encode(): [fill(name, at("2026-03-01T09:00"), oxycodone())] for name in "abc"}
        for number, (source, target) in enumerate(merges):
            moment = at("2026-03-02T09:00") + timedelta(days=number)
            merge = Merge(from_patient=source.encode(), into_patient=target.encode(), **envelope(f"G{number}", moment))
            facts[source.encode()].append(merge)
        return facts

    return build


def belonging(joined):
    return {
        name.decode(): sorted(fact.event_id for fact in facts if not isinstance(fact, Merge))
        for name, facts in joined.items()
    }


def test_a_chain_of_merges_ends_at_its_last_record(records):
    assert belonging(apply_merges(records(("a", "b"), ("b", "c")))) == {"c": ["a", "b", "c"]}


def test_records_merged_in_a_circle_meet_in_the_least_of_them(records):
    assert belonging(apply_merges(records(("a", "b"), ("b", "a")))) == {"a": ["a", "b"], "c": ["c"]}
    assert belonging(apply_merges(records(("c", "b"), ("b", "c"), ("a", "c")))) == {"b": ["a", "b", "c"]}
    assert belonging(apply_merges(records(("b", "b")))) == {"a": ["a"], "b": ["b"], "c": ["c"]}


def test_of_two_merges_of_one_record_the_first_counts_and_a_void_takes_it_back(records):
    facts = records(("a", "b"), ("a", "c"))
    assert belonging(apply_merges(facts)) == {"b": ["a", "b"], "c": ["c"]}
    facts[b"a"].append(void("V", at("2026-03-09T09:00"), of="G0"))
    assert belonging(apply_merges(facts)) == {"b": ["b"], "c": ["V", "a", "c"]}


def test_two_records_without_a_merge_are_two_patients(catalogue, records):
    apart = apply_merges(records())
    apart[b"b"].append(fill("L", at("2026-03-05T09:00"), ldn()))
    assert [findings(catalogue, *facts, rule="WR-01") != [] for facts in apart.values()] == [False, True, False]
