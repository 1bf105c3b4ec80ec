"""When an exposure begins and ends: hand-overs, prescription numbers and reported use."""

from dataclasses import replace
from datetime import date

from rx_clinical import History, assess
from rx_clinical.model.facts import Moment, Stop
from rx_clinical.model.findings import Severity

from tests.lib.clinical.kit import at, envelope, fill, handed_over, ldn, oxycodone, report

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def test_of_two_hand_overs_of_a_fill_the_later_one_counts_in_every_order(catalogue):
    opioid = fill("F", at("2026-03-01T09:00"), oxycodone("10"))
    early = handed_over("H1", at("2026-03-02T09:00"), of="F")
    late = handed_over("H2", at("2026-03-05T09:00"), of="F")
    same = handed_over("H3", at("2026-03-05T09:00"), of="F")
    blocker = fill("L", at("2026-03-16T09:00"), ldn())
    for facts in ([early, late, same], [same, late, early], [late, early, same]):
        (found,) = findings(catalogue, opioid, *facts, blocker, rule="WR-02")
        assert found.arithmetic[0].supply_end == at("2026-03-15T09:00")


def test_a_hand_over_of_an_unknown_hour_may_be_the_last_one_of_its_day(catalogue):
    opioid = fill("F", at("2026-03-01T09:00"), oxycodone("10"))
    some_time = replace(
        handed_over("H1", at("2026-03-05T00:00"), of="F"), occurred=Moment.local_date(date(2026, 3, 5), "UTC")
    )
    morning = handed_over("H2", at("2026-03-05T10:00"), of="F")
    blocker = fill("L", at("2026-03-17T09:00"), ldn())
    for facts in ([some_time, morning], [morning, some_time]):
        (found,) = findings(catalogue, opioid, *facts, blocker, rule="WR-02")
        assert found.arithmetic[0].supply_end == at("2026-03-16T00:00")
        assert "TIME_IMPRECISE" in found.reason_codes


def test_an_rx_number_that_comes_back_is_one_supply_and_the_longer_one(catalogue):
    numbers = {"rx_number": "100", "fill_number": "0"}
    first = fill("F1", at("2026-03-01T09:00"), oxycodone("10"), **numbers)
    corrected = fill("F2", at("2026-03-01T10:00"), oxycodone("20"), **numbers)
    refill = fill("F3", at("2026-03-01T10:00"), oxycodone("20"), rx_number="100", fill_number="1")
    blocker = fill("L", at("2026-03-05T09:00"), ldn())
    (one_supply,) = findings(catalogue, first, corrected, blocker, rule="WR-01")
    (two_supplies,) = findings(catalogue, first, refill, blocker, rule="WR-01")
    assert one_supply.arithmetic[0].supply_end == at("2026-03-21T10:00")
    assert two_supplies.arithmetic[0].supply_end == at("2026-03-31T09:00")
    assert "REFILL_STACKED" in two_supplies.reason_codes
    assert "REFILL_STACKED" not in one_supply.reason_codes


def used(days, start="2026-04-10T09:00"):
    return report("R", at(start), oxycodone(days), kind="history", ongoing=False)


def test_reported_use_as_needed_may_last_a_month(catalogue):
    used = report("R", at("2026-03-01T09:00"), oxycodone("5", as_needed=True), kind="history", ongoing=False)
    stopped = Stop(refers_to=used.key, **envelope("S", at("2026-03-08T09:00")))
    blocker = fill("L", at("2026-03-25T09:00"), ldn())
    (found,) = findings(catalogue, used, blocker, rule="WR-02")
    assert (found.severity, found.earliest_start_time) == (Severity.MAJOR, at("2026-04-14T09:00"))  # 30 d + 14 d
    assert "SUPPLY_END_ASSUMED" in found.reason_codes
    assert found.arithmetic[0].supply_end == at("2026-03-06T09:00")
    assert findings(catalogue, used, stopped, blocker, rule="WR-02") == []  # a recorded end leaves nothing to assume
