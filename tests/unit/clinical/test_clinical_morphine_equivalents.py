"""Morphine equivalents: information in the unit of their factor."""

import pytest
from rx_clinical import History, assess

from tests.lib.clinical.kit import at, fill, ldn, medicine

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


@pytest.mark.parametrize(
    ("product", "said"),
    [
        (medicine("4337", "fentanyl_td", dose="0.6", days="3"), "25 mcg/h x 2.4 = 60 a day (CDC 2022;"),
        (medicine("4337", "fentanyl_td", dose="0.5", days="3"), "20.8 mcg/h x 2.4 = 49.9 a day (CDC 2022;"),
        (medicine("4337", "fentanyl_tm", dose="0.4", days="3"), "400 mcg/day x 0.13 = 52 a day (CDC 2017;"),
        (medicine("7804", "oxycodone_ir", dose="20", days="3"), "20 mg/day x 1.5 = 30 a day (CDC 2022;"),
        (medicine("1819", "bup_sl", dose="16", days="3"), None),  # no factor, never added to a total
        (medicine("7804", "oxycodone_ir", days="3"), None),
    ],
)
def test_morphine_equivalents_are_information_in_the_unit_of_their_factor(catalogue, product, said):
    facts = [fill("O", at("2026-03-01T09:00"), product), fill("L", at("2026-03-02T09:00"), ldn())]
    (found,) = findings(catalogue, *facts, rule="WR-01")
    assert ("MME of" in found.text) is (said is not None)
    assert (said or "") in found.text
