"""Antagonists held before a procedure with opioids."""

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Moment, Procedure
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine

ALL_HISTORY = at("2020-01-01T00:00")
NALTREXONE = medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def procedure(time, **changes):
    return Procedure(planned=Moment.instant(at(time)), **({"opioid_expected": True} | changes),
                     **envelope("X", at("2026-03-02T09:00")))  # fmt: skip


@pytest.mark.parametrize(
    ("product", "time", "hold_ends"),
    [
        (NALTREXONE, "2026-04-04T08:59", "2026-04-04T09:00"),
        (NALTREXONE, "2026-04-04T09:00", None),
        (NALTREXONE, "2026-02-28T09:00", None),  # before the antagonist began
        (ldn(), "2026-04-03T08:59", "2026-04-03T09:00"),
        (ldn(), "2026-04-03T09:00", None),
        (ldn("0.5"), "2026-04-03T08:59", "2026-04-03T09:00"),  # below 1 mg a day as for low doses
        (ldn("0.5"), "2026-04-03T09:00", None),
    ],
)
def test_an_antagonist_is_held_before_a_procedure_with_opioids(catalogue, product, time, hold_ends):
    found = findings(catalogue, fill("N", at("2026-03-01T09:00"), product), procedure(time), rule="SX-01")
    assert [one.ends_at for one in found] == ([at(hold_ends)] if hold_ends else [])
    assert all((one.severity, one.display) == (Severity.MAJOR, Display.QUEUE) for one in found)


def test_a_procedure_that_is_not_said_to_need_opioids_holds_nothing(catalogue):
    without = procedure("2026-03-20T09:00", opioid_expected=False)
    unsaid = Procedure(planned=without.planned, **envelope("X", at("2026-03-02T09:00")))
    for one in (without, unsaid):
        assert findings(catalogue, fill("N", at("2026-03-01T09:00"), NALTREXONE), one, rule="SX-01") == []
