"""Mixed agonists given to a patient on another opioid."""

from rx_clinical import History, assess
from rx_clinical.model.findings import Severity

from tests.lib.clinical.kit import at, fill, given, medicine, methadone, order

ALL_HISTORY = at("2020-01-01T00:00")


def findings(catalogue, *facts, rule):
    found = assess(History(facts=facts, known_since=ALL_HISTORY), catalogue).findings
    return [finding for finding in found if finding.rule == rule]


def test_a_mixed_agonist_on_a_chain_of_fills_is_one_finding(catalogue):
    fills = [fill("M1", at("2026-03-01T09:00"), methadone("30")), fill("M2", at("2026-03-25T09:00"), methadone("30"))]
    mixed = given("N", at("2026-03-28T09:00"), medicine("7238", "nalbuphine", text="nalbuphine 10 mg"))
    (found,) = findings(catalogue, *fills, mixed, rule="PA-02")
    assert (found.severity, found.anchor_event_id, found.counterpart) == (
        Severity.CONTRAINDICATED,
        "N",
        "methadone_oral",
    )


def test_of_a_possible_and_a_recorded_supply_of_one_opioid_the_recorded_one_decides(catalogue):
    possible = order("P", at("2026-03-02T09:00"), medicine("1819", "bup_sl", text="buprenorphine", days="30"))
    recorded = fill("B", at("2026-03-01T09:00"), possible.medicine)
    mixed = given("N", at("2026-03-10T09:00"), medicine("7238", "nalbuphine", text="nalbuphine 10 mg"))
    (by_order,) = findings(catalogue, possible, mixed, rule="PA-02")
    (by_both,) = findings(catalogue, possible, recorded, mixed, rule="PA-02")
    assert (by_order.severity, by_both.severity) == (Severity.MAJOR, Severity.CONTRAINDICATED)
