"""Too many facts on record, and days that a supply lacks."""

import pytest
from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, envelope, fill, handed_over, ldn, medicine, oxycodone
from tests.lib.clinical.table_kit import copy_of_the_tables, set_cell

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


@pytest.fixture
def three_are_too_many(tmp_path):
    folder = copy_of_the_tables(tmp_path)
    set_cell(folder, "policy.csv", {"name": "too_many_facts"}, "value", "3")
    return Catalogue(folder)


def test_fills_and_what_belongs_to_them_count_towards_too_many_facts(three_are_too_many):
    facts = [
        fill("F", at("2026-03-01T09:00"), oxycodone("5")),
        handed_over("H", at("2026-03-01T10:00"), of="F"),
        fill("L", at("2026-05-01T09:00"), ldn()),
    ]
    review = PatientFact(kind="symptom", value="headache", **envelope("S", at("2026-05-02T09:00")))
    assert findings(three_are_too_many, *facts, rule="DQ-06") == []
    (found,) = findings(three_are_too_many, *facts, review, rule="DQ-06")
    assert (found.severity, found.display, found.anchor_event_id) == (Severity.MODERATE, Display.QUEUE, "S")
    assert found.text == "4 facts are on record, more than 3: check the identity. Nothing was cut."


def test_copies_of_one_fact_are_not_too_many(three_are_too_many):
    facts = [fill("F", at("2026-03-01T09:00"), oxycodone("5")), fill("L", at("2026-03-03T09:00"), ldn())]
    assert findings(three_are_too_many, *facts * 10, rule="DQ-06") == []
    assert len(findings(three_are_too_many, *facts * 10, rule="WR-01")) == 1


def test_missing_days_are_asked_for_where_they_decide_and_nowhere_else(catalogue):
    facts = [
        fill("O", at("2026-03-01T09:00"), oxycodone(None)),
        fill("K", at("2026-03-01T09:00"), medicine("6135", text="ketoconazole", route="oral")),
        fill("T", at("2026-03-01T09:00"), medicine("10582", text="levothyroxine", route="oral")),
        fill("G", at("2026-03-01T09:00"), medicine("4278", text="famotidine", route="oral")),  # a negative control
        fill("P", at("2026-03-01T09:00"), medicine("6468", text="loperamide")),
    ]
    assert {one.anchor_event_id for one in findings(catalogue, *facts, rule="DQ-01")} == {"K", "O"}
