"""Rules of one pairing are asked together wherever their ids stand: one conflict gives one finding."""

from pathlib import Path

from rx_clinical import History, assess, assessment
from rx_clinical.rules import applicable_rules
from rxguard.scenarios.file import read_scenarios

WR_01 = Path(__file__).parents[2] / "spec/withdrawal/wr_01.yaml"


def test_rules_of_one_pairing_need_not_be_neighbours(catalogue, monkeypatch):
    (scenario,) = [scenario for scenario in read_scenarios(WR_01).scenarios if scenario.scenario_id == "C51"]
    (facts,) = scenario.facts_by_patient.values()
    history = History(facts=facts)
    usual = assess(history, catalogue).findings

    def apart(bits):  # WR-01, BL-01, WR-02 ...
        return sorted(applicable_rules(bits), key=lambda rule: rule.id[::-1])

    assessment._asked.cache_clear()
    monkeypatch.setattr(assessment, "applicable_rules", apart)
    try:
        asked_apart = assess(history, catalogue).findings
    finally:
        assessment._asked.cache_clear()

    assert [finding.rule for finding in usual if finding.rule.startswith("WR")] == ["WR-01"]
    assert asked_apart == usual
