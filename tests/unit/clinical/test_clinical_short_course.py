"""A short course: a week of short-acting opioid and nothing else in three months."""

import pytest
from rx_clinical import History, assess
from rx_clinical.model.findings import Severity

from tests.lib.clinical.kit import at, fill, given, ldn, medicine, order, oxycodone, report

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


SURGERY = fill("O", at("2026-04-20T09:00"), oxycodone("5"))
FOUR_DAYS_LATER = fill("L", at("2026-04-29T09:00"), ldn())


def short_course(catalogue, *facts):
    every = findings(catalogue, SURGERY, FOUR_DAYS_LATER, *facts, rule="WR-02")
    (found,) = [one for one in every if one.counterpart == "oxycodone_ir"]
    assert ("ACUTE_COURSE" in found.reason_codes) is (found.severity is Severity.MAJOR)
    return found.severity is Severity.MAJOR


def used(days, start="2026-04-10T09:00"):
    return report("R", at(start), oxycodone(days), kind="history", ongoing=False)


@pytest.mark.parametrize(
    ("facts", "short"),
    [
        ([], True),
        ([given("G", at("2026-04-19T09:00"), oxycodone(None))], True),  # a dose in hospital adds no days
        ([used("1")], False),  # nobody documented how much
        ([used("30", start="2025-12-01T09:00")], True),  # over before the three months
        ([used("30", start="2026-01-01T09:00")], False),  # two days of it reach into them
        ([report("R", at("2026-04-10T09:00"), medicine("2670", "codeine"), kind="history")], False),  # it goes on
        ([fill("O2", at("2026-04-12T09:00"), oxycodone("2"))], True),
        ([fill("O2", at("2026-04-12T09:00"), oxycodone("3"))], False),
        ([fill("O2", at("2026-04-12T09:00"), oxycodone(None))], False),
        ([order("P", at("2026-04-12T09:00"), medicine("2670", "codeine", days="1"))], False),
        ([given("G", at("2026-04-19T09:00"), medicine("6813", "methadone_inj"))], False),
        ([used("30", start="2026-05-01T09:00")], True),  # afterwards
    ],
)
def test_a_week_of_short_acting_opioid_and_nothing_else_is_a_short_course(catalogue, facts, short):
    assert short_course(catalogue, *facts) is short
