"""Interacting medicines that go on, end, are only ordered or only reported."""

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Moment, Stop
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine, methadone, order, report

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def test_an_interacting_medicine_that_is_only_ordered_counts_from_the_order(catalogue):
    opioid, blocker = fill("M", at("2026-03-01T09:00"), methadone("30")), fill("L", at("2026-04-15T09:00"), ldn())
    ordered = order("K", at("2026-04-01T09:00"), medicine("6135", text="ketoconazole", days="10", route="oral"))
    assert findings(catalogue, opioid, blocker, rule="WR-02") == []
    (found,) = findings(catalogue, opioid, ordered, blocker, rule="WR-02")
    assert (found.severity, found.earliest_start_time) == (Severity.CONTRAINDICATED, at("2026-04-24T23:00"))
    assert "ketoconazole counts from 2026-04-01T09:00:00Z to 2026-04-14T09:00:00Z" in found.assumptions


def test_ritonavir_that_goes_on_induces_and_a_pack_of_five_days_does_not(catalogue):
    opioid = fill("M", at("2026-03-01T09:00"), methadone("60"))
    ongoing = report("R", at("2026-03-10T09:00"), medicine("85762", text="ritonavir", route="oral"), kind="history")
    pack = fill("R", at("2026-03-10T09:00"), medicine("85762", text="Paxlovid", days="5", route="oral"))
    (found,) = findings(catalogue, opioid, ongoing, rule="IN-01")
    assert (found.severity, found.reason_codes[0]) == (Severity.MAJOR, "INDUCER_OWN_WITHDRAWAL")
    assert findings(catalogue, opioid, pack, rule="IN-01") == []


def test_an_inducer_that_may_go_on_has_not_stopped(catalogue):
    opioid = fill("M", at("2026-03-01T09:00"), methadone("90"))
    wort = report("W", at("2026-03-01T09:00"), medicine("258326", text="St John's wort"), kind="supplement")
    stopped = Stop(refers_to=wort.key, **envelope("S", at("2026-04-01T09:00")))
    assert findings(catalogue, opioid, wort, rule="IN-02") == []
    (found,) = findings(catalogue, opioid, wort, stopped, rule="IN-02")
    assert (found.severity, found.display) == (Severity.MODERATE, Display.QUEUE)
    assert "ended at 2026-04-01T09:00:00Z while methadone 10 mg goes on: its level rises again" in found.text


@pytest.mark.parametrize(("started", "display"), [(None, Display.INTERRUPTIVE), ("2025-12-01T09:00", Display.PROFILE)])
def test_an_interacting_medicine_of_which_only_a_report_tells_may_be_as_new_as_the_report(catalogue, started, display):
    ketoconazole = medicine("6135", text="ketoconazole", route="oral", days="8")
    begun = started and Moment.instant(at(started))
    facts = [
        fill("methadone", at("2026-01-01T08:00"), methadone("10")),
        fill("ketoconazole", at("2026-01-01T08:59"), ketoconazole),
        report("reported", at("2026-01-01T09:00"), ketoconazole, kind="history", started=begun),
    ]
    displays = {one.anchor_event_id: one.display for one in findings(catalogue, *facts, rule="PK-01")}
    assert displays["ketoconazole"] == display
