"""Loperamide beside naltrexone, and opioids before alvimopan."""

from rx_clinical import History, assess
from rx_clinical.model.facts import Medicine, Moment
from rx_clinical.model.findings import Severity

from tests.lib.clinical.kit import at, fill, given, medicine, methadone, oxycodone, report

ALL_HISTORY = at("2020-01-01T00:00")
ALVIMOPAN = Medicine(form_key="alvimopan", text="alvimopan 12 mg")
NALTREXONE = medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def test_loperamide_that_ended_before_naltrexone_began_loses_nothing(catalogue):
    loperamide = fill("P", at("2026-03-01T09:00"), medicine("6468", text="loperamide 2 mg", days="5", dose="8"))
    before, beside = (fill("N", at(time), NALTREXONE) for time in ("2026-03-06T09:00", "2026-03-05T09:00"))
    assert findings(catalogue, loperamide, before, rule="OT-01") == []
    (found,) = findings(catalogue, loperamide, beside, rule="OT-01")
    assert (found.severity, found.anchor_event_id, found.counterpart) == (Severity.INFO, "N", "loperamide")


def test_two_exposures_to_one_opioid_before_alvimopan_are_one_finding(catalogue):
    begun = Moment.instant(at("2026-01-04T09:00"))
    facts = [
        report("reported", at("2026-01-06T09:00"), methadone("20"), kind="history", ongoing=False, started=begun),
        fill("methadone", at("2026-01-03T09:00"), methadone("30")),
        given("alvimopan", at("2026-01-18T09:00"), ALVIMOPAN),
    ]
    (found,) = findings(catalogue, *facts, rule="OT-03")
    assert {basis.event_id for basis in found.basis} == {"reported", "methadone", "alvimopan"}


def test_of_two_times_in_which_alvimopan_may_have_been_begun_the_later_one_is_told(catalogue):
    facts = [
        fill("oxycodone", at("2026-01-01T09:00"), oxycodone("12")),
        fill("methadone", at("2026-01-16T09:00"), methadone("10")),
        report("alvimopan", at("2026-01-31T09:00"), ALVIMOPAN, kind="history"),
    ]
    assert [one.counterpart for one in findings(catalogue, *facts, rule="OT-03")] == ["methadone_oral"]
