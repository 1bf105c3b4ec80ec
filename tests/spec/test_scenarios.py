"""Worked timelines are the specification: each scenario below this folder is a test.

A folder is a family of rules or a room of the core, a file a rule or a definition.
"""

import random
from pathlib import Path

import pytest
from rx_clinical import History, assess, load_catalogue
from rxguard.scenarios.file import read_scenarios
from rxguard.scenarios.run import run_scenarios

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.yaml"))

RESULTS = {(path.stem, result["id"]): result for path in FILES for result in run_scenarios(path)["scenarios"]}
SCENARIOS = [(path.stem, scenario) for path in FILES for scenario in read_scenarios(path).scenarios]


@pytest.mark.parametrize("name", RESULTS, ids=lambda name: f"{name[0]}-{name[1]}")
def test_the_core_says_what_the_timeline_expects(name):
    result = RESULTS[name]

    assert result["differences"] == []
    assert result["status"] == "pass"


@pytest.mark.parametrize(
    "scenario",
    [scenario for _, scenario in SCENARIOS],
    ids=[f"{stem}-{scenario.scenario_id}" for stem, scenario in SCENARIOS],
)
def test_twenty_orders_with_duplicates_give_the_same_findings(scenario):
    catalogue = load_catalogue()
    shuffler = random.Random(scenario.scenario_id)  # noqa: S311  # a shuffle that repeats
    for facts in scenario.facts_by_patient.values():
        expected = assess(History(facts=facts), catalogue)
        for _ in range(20):
            arrived = [*facts, *shuffler.choices(facts, k=len(facts))]
            shuffler.shuffle(arrived)
            assert assess(History(facts=arrived), catalogue) == expected


def test_the_arithmetic_of_every_finding_can_be_redone():
    catalogue = load_catalogue()
    started = 0
    for _, scenario in SCENARIOS:
        for facts in scenario.facts_by_patient.values():
            for finding in assess(History(facts=facts), catalogue).findings:
                if finding.earliest_start_time is None or finding.rule == "PA-01":  # by the clock, not by a window
                    continue
                started += 1
                starts = [
                    line.possible_end.timestamp() + float(line.policy_window_h) * 3600 for line in finding.arithmetic
                ]
                assert max(starts) == finding.earliest_start_time.timestamp()
    assert started > 60
