"""The bench of the core measures what its names say. How long anything takes is asserted nowhere."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from rx_clinical import assess, load_catalogue

SPEC = importlib.util.spec_from_file_location("bench_core", Path(__file__).parents[2] / "bench" / "core.py")
bench_core = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench_core)

SCENARIOS = bench_core.scenarios()
NUMBERS = {"facts_20", "pair", "none"}


@pytest.fixture(scope="module")
def document():
    return bench_core.measure(calls=2)


def assessed(name, case):
    return assess(SCENARIOS[name][case], load_catalogue())


def rules(name, case):
    return {finding.rule for finding in assessed(name, case).findings}


def test_none_is_three_fills_with_their_hand_overs_that_raise_nothing():
    (history,) = SCENARIOS["none"].values()
    assert sorted(type(fact).__name__ for fact in history.facts) == ["Fill"] * 3 + ["HandOver"] * 3
    assert len({fact.medicine.form_key for fact in history.facts if hasattr(fact, "medicine")}) == 1
    answer = assessed("none", "three_fills")
    assert (answer.findings, answer.satisfied) == ((), ())


def test_a_pair_is_one_fill_of_each_that_fires_or_is_satisfied():
    assert {len(history.facts) for history in SCENARIOS["pair"].values()} == {2}
    assert {rule for rule in rules("pair", "firing") if rule.startswith("WR")} == {"WR-03"}
    assert not {rule for rule in rules("pair", "satisfied") if rule.startswith(("WR", "BL"))}
    assert [len(assessed("pair", case).satisfied) for case in ("firing", "satisfied")] == [0, 1]


def test_twenty_facts_are_twenty_and_raise_what_such_a_history_raises():
    for history in SCENARIOS["facts_20"].values():
        assert len({fact.key for fact in history.facts}) == len(history.facts) == 20
        codes = {code for fact in history.facts if hasattr(fact, "medicine") for code in fact.medicine.ingredients}
        assert codes == {"7804", "7243", "9143", "10582"}
    assert rules("facts_20", "during_supply") == {"WR-01", "LD-01", "LD-10"}
    assert rules("facts_20", "after_supply") == {"LD-01", "LD-10"}
    assert len(assessed("facts_20", "after_supply").satisfied) == 2


def test_every_product_is_known_and_every_fact_read():
    for name, cases in SCENARIOS.items():
        for case in cases:
            answer = assessed(name, case)
            assert answer.unread == ()
            assert not {finding.rule for finding in answer.findings if finding.rule.startswith("DQ")}


def test_the_document_has_a_number_under_each_name(document):
    assert document["format"] == 1
    assert set(document) == {
        *("format", "commit", "dirty", "started_at", "machine", "versions", "assess_us", "render_us", "targets")
    }
    assert document["assess_us"].keys() == document["render_us"].keys() == NUMBERS
    assert document["targets"] == {"facts_20": 60, "pair": 12, "none": 2}
    measured = [*document["assess_us"].values(), *document["render_us"].values()]
    assert all(type(number) is float for number in measured)
    assert document["versions"]["ruleset"] == load_catalogue().ruleset_version
    assert document["started_at"].endswith("Z")


@pytest.mark.parametrize("as_json", [True, False])
def test_it_prints_one_document_or_a_short_table(document, monkeypatch, capsys, as_json):
    monkeypatch.setattr(bench_core, "measure", lambda: document)
    monkeypatch.setattr(sys, "argv", ["core.py", *(["--json"] if as_json else [])])
    bench_core.main()
    printed = capsys.readouterr().out
    if as_json:
        assert json.loads(printed) == document
    else:
        lines = printed.splitlines()
        assert [line.split()[0] for line in lines[1:]] == ["facts_20", "pair", "none"]
        assert all(len(line) <= 80 for line in lines)


def test_the_figures_are_medians_of_rounds_long_enough_to_mean_something():
    assert bench_core.ROUNDS == 7
    assert bench_core.CALLS >= 2000


def test_the_dearest_case_is_reported(monkeypatch):
    costs = {"firing": 30.0, "satisfied": 20.0, "three_fills": 1.0, "during_supply": 5.0, "after_supply": 9.0}
    case_of = {id(history): case for cases in SCENARIOS.values() for case, history in cases.items()}

    def cost(one, history, _catalogue, _calls):
        return costs[case_of[id(history)]] * (3 if one is bench_core.assess else 1)

    monkeypatch.setattr(bench_core, "scenarios", lambda: SCENARIOS)
    monkeypatch.setattr(bench_core, "cost_us", cost)
    document = bench_core.measure()
    assert document["assess_us"] == {"facts_20": 9.0, "pair": 30.0, "none": 1.0}
    assert document["render_us"] == {"facts_20": 18.0, "pair": 60.0, "none": 2.0}


def test_collection_of_garbage_is_off_in_a_round_and_on_after_it():
    seen = []
    history = SCENARIOS["none"]["three_fills"]
    bench_core.cost_us(lambda _history, _catalogue: seen.append(bench_core.gc.isenabled()), history, None, 3)
    assert seen[-3:] == [False] * 3
    assert bench_core.gc.isenabled()
