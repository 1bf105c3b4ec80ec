"""Scenario files: what they may say, what is refused, and how a difference is told."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rx_clinical.model.facts import ConfirmedOpioid, Moment
from rxguard.scenarios.file import read_scenarios
from rxguard.scenarios.run import ScenarioFileError, run_scenarios

HEAD = """
version: 2
conventions:
  time: UTC
  day_hours: 24
  k_half_lives: 5
  floor_hours: 336
  horizon_days: 400
  fires_when: antagonist time < earliest start (equal is allowed)
  extra_alerts_allowed: []
scenarios:
"""
METHADONE = """
  - {type: fill, at: 2026-03-01T09:00Z, ingredients: ['6813'], product: methadone, form_key: methadone_oral,
     days_supply: 30}
"""
LDN = """
  - {type: fill, at: 2026-04-10T09:00Z, ingredients: ['7243'], product: LDN, form_key: ntx_ldn, daily_dose_mg: 4.5,
     days_supply: 30}
"""
AMLODIPINE = "{type: fill, at: 2026-04-01T09:00Z, ingredients: ['17767']}"
EXPECTED = "{rule: WR-02, severity: contraindicated, earliest_safe_start: '2026-04-14T09:00:00Z'}"


@pytest.fixture
def run(tmp_path):
    def run(facts, expected="", must_not="", only=None):
        path = tmp_path / "scenarios.yaml"
        path.write_text(
            f"{HEAD}- id: X1\n  facts:{facts}\n  expected_alerts: [{expected}]\n  must_not_raise: [{must_not}]\n"
        )
        return run_scenarios(path, only)

    return run


def only_result(document):
    (result,) = document["scenarios"]
    return result


def loud_rules(document):
    return [finding["rule"] for finding in only_result(document)["findings"] if finding["display"] != "profile"]


def test_a_scenario_that_holds_passes_with_its_findings(run):
    document = run(METHADONE + LDN, EXPECTED)
    assert document["summary"] == {"total": 1, "passed": 1, "failed": 0, "not_covered": 0}
    assert loud_rules(document) == ["WR-02"]


@pytest.mark.parametrize(
    ("expected", "must_not", "kind", "field"),
    [
        ("{rule: WR-01, severity: contraindicated}", "", "missing", None),
        ("", "", "unexpected", None),
        (EXPECTED, "WR-02", "unexpected", None),
        ("{rule: WR-02, severity: major}", "", "field", "severity"),
        ("{rule: WR-02, severity: contraindicated, earliest_safe_start: null}", "", "field", "earliest_safe_start"),
        ("{rule: WR-02, severity: contraindicated, urgency: WITH_PATIENT}", "", "field", "urgency"),
        ("{rule: WR-02, severity: contraindicated, requires_confirmation: true}", "", "field", "requires_confirmation"),
        ("{rule: WR-02, severity: contraindicated, reason_codes: [DEPOT]}", "", "field", "reason_codes"),
        (
            "{rule: WR-02, severity: contraindicated, reason_codes_absent: [LABEL_2_WEEKS]}",
            "",
            "field",
            "reason_codes_absent",
        ),
        ("{rule: WR-02, severity: contraindicated, text_must_mention: [heroin]}", "", "text", "text"),
    ],
)
def test_every_kind_of_difference_fails(run, expected, must_not, kind, field):
    result = only_result(run(METHADONE + LDN, expected, must_not))
    assert result["status"] == "fail"
    assert (kind, field) in {(one["kind"], one["field"]) for one in result["differences"]}


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (AMLODIPINE, "{rule: CP-03, severity: major}"),
        (AMLODIPINE, "{rule: WR-02, severity: contraindicated, reason_codes: [BUD_OVER_LIMIT]}"),
    ],
)
def test_what_the_core_does_not_read_or_raise_is_not_covered(run, monkeypatch, fact, expected):
    lacking = ("CP-03", "BUD_OVER_LIMIT")
    monkeypatch.setattr("rxguard.scenarios.run.not_covered", lambda _catalogue: lacking)
    result = only_result(run(f"{METHADONE}{LDN}  - {fact}", expected))
    assert (result["status"], result["differences"]) == ("not_covered", [])


READ = {
    "evidence": "{type: evidence, at: 2026-04-01T09:00Z, kind: pdmp_review, recorded_by: X, stock_accounted_for: true}",
    "confirm": "{type: confirm, at: 2026-04-01T09:00Z, by: prescriber, daily_dose_mg: 0.25, "
    "opioids: [{form_key: methadone_oral, daily_dose_mg: 60}, {form_key: oxycodone_ir}]}",
    "patient_fact": "{type: patient_fact, at: 2026-04-01, kind: birth_year, value: 1980}",
    "procedure": "{type: procedure, at: 2026-04-01T09:00Z, procedure_at: 2027-04-20, opioid_expected: true}",
    "partial": "{type: fill, at: 2026-04-01T09:00Z, ingredients: ['83367'], partial: true, quantity: 10, "
    "quantity_prescribed: 30, days_supply_is_for_this_fill: true}",
    "removed": "{type: administer, at: 2026-04-01T09:00Z, ingredients: ['83367'], removed_at: 2026-04-02T09:00Z}",
    "flags": "{type: report, at: 2026-04-01T09:00Z, ingredients: ['83367'], kind: otc, restricted: true, misuse: true}",
    "compound_request": "{type: compound_request, at: 2026-04-01, preparation: oral solution, strength_mg_per_ml: 1, "
    "quantity: 90, dose_mg: 3, days_supply: 30, api_source: bulk powder, filler: none, vehicle: water, "
    "preserved: true, storage: room, requested_bud: 2026-04-30}",
    "merge": "{type: merge, at: 2026-04-01T09:00Z, from: A, into: B}",
}


@pytest.mark.parametrize("fact", READ.values(), ids=READ)
def test_what_is_about_something_else_is_read_and_changes_nothing(run, fact):
    assert only_result(run(f"{METHADONE}{LDN}  - {fact}", EXPECTED))["status"] == "pass"


def facts_of(tmp_path, text):
    path = tmp_path / "facts.yaml"
    path.write_text(f"{HEAD}- id: X1\n  facts:\n  - {text}\n  expected_alerts: []\n")
    (scenario,) = read_scenarios(path).scenarios
    return scenario.facts_by_patient


def the_fact(tmp_path, text):
    ((fact,),) = facts_of(tmp_path, text).values()
    return fact


def test_every_field_of_a_fact_arrives_exact(tmp_path):
    evidence = the_fact(
        tmp_path,
        "{type: evidence, at: 2026-04-01T09:00Z, kind: clinician_attestation, result: inconclusive, "
        "ingredients: ['7804'], recorded_by: Dr X, attested_last_dose_at: 2026-03-29, zone: Europe/Berlin}",
    )
    assert (evidence.kind, evidence.result, evidence.ingredients) == (
        "clinician_attestation", "inconclusive", ("7804",)
    )  # fmt: skip
    assert (evidence.recorded_by, evidence.stock_accounted_for) == ("Dr X", False)
    assert evidence.attested_last_dose == Moment.local_date(date(2026, 3, 29), "Europe/Berlin")

    confirmation = the_fact(tmp_path, READ["confirm"])
    assert (confirmation.by, confirmation.daily_dose_mg, confirmation.recorded_by) == (
        "prescriber", Decimal("0.25"), None
    )  # fmt: skip
    assert confirmation.opioids == (
        ConfirmedOpioid(form_key="methadone_oral", daily_dose_mg=Decimal(60)),
        ConfirmedOpioid(form_key="oxycodone_ir"),
    )

    born = the_fact(tmp_path, READ["patient_fact"])
    assert (born.kind, born.value, born.occurred.imprecise) == ("birth_year", "1980", True)
    procedure = the_fact(tmp_path, READ["procedure"])
    assert (procedure.planned, procedure.opioid_expected) == (Moment.local_date(date(2027, 4, 20), "UTC"), True)
    fill = the_fact(tmp_path, READ["partial"])
    assert (fill.partial, fill.quantity_prescribed, fill.days_supply_is_for_this_fill) == (True, Decimal(30), True)
    given = the_fact(tmp_path, READ["removed"])
    assert given.removed == Moment.instant(datetime(2026, 4, 2, 9, tzinfo=UTC))
    report = the_fact(tmp_path, READ["flags"])
    assert (report.restricted, report.misuse) == (True, True)


def test_what_is_zero_where_zero_means_nothing_is_missing_as_in_an_event(tmp_path):
    fill = the_fact(
        tmp_path,
        "{type: fill, at: 2026-04-01T09:00Z, ingredients: ['6813'], days_supply: 0, quantity_prescribed: 0, "
        "quantity_patches: 0}",
    )
    assert (fill.medicine.days_supply, fill.quantity_prescribed, fill.medicine.patches) == (None, None, None)
    unsaid = the_fact(tmp_path, "{type: confirm, at: 2026-04-01T09:00Z, by: pharmacist}")
    assert (unsaid.daily_dose_mg, unsaid.opioids) == (0, ())


def test_merged_records_are_one_patient_through_a_chain_and_others_stay_apart(run):
    opioid = METHADONE.replace("type: fill", "patient: A, type: fill")
    antagonist = LDN.replace("type: fill", "patient: C, type: fill")
    merge = "  - {type: merge, at: 2026-04-20T09:00Z, from: %s, into: %s}\n"
    apart = run(opioid + antagonist + merge % ("A", "B"))
    chained = run(opioid + antagonist + merge % ("A", "B") + merge % ("B", "C"), EXPECTED)
    undone = run(opioid + antagonist + merge % ("A", "C") + "  - {type: void, at: 2026-04-21T09:00Z, refers_to: e3}\n")

    assert [loud_rules(document) for document in (apart, chained, undone)] == [[], ["WR-02"], []]
    assert only_result(chained)["status"] == "pass"


def test_rules_that_must_not_appear_do_not_make_a_scenario_not_covered(run):
    assert only_result(run(METHADONE + LDN, EXPECTED, "BL-02, WR-05"))["status"] == "pass"


def test_former_names_of_reason_codes_mean_the_present_ones(run):
    oxycodone = """
  - {type: fill, at: 2026-03-01T09:00Z, ingredients: ['7804'], form_key: oxycodone_ir, days_supply: 30}
"""
    expected = "{rule: WR-03, severity: major, reason_codes: [SEED_2_WEEK_FLOOR]}"
    unexpected = "{rule: WR-03, severity: major, reason_codes_absent: [SEED_2_WEEK_FLOOR]}"

    assert only_result(run(oxycodone + LDN, expected))["status"] == "pass"
    (difference,) = only_result(run(oxycodone + LDN, unexpected))["differences"]
    assert (difference["field"], difference["expected"]) == ("reason_codes_absent", ["TWO_WEEK_WASHOUT"])


def test_a_claim_reversal_is_read_and_changes_nothing(run):
    reversal = "  - {type: claim_reversed, at: 2026-03-02T09:00Z, refers_to: e1}"
    assert only_result(run(f"{METHADONE}{LDN}{reversal}", EXPECTED))["status"] == "pass"


def test_patients_are_kept_apart(run):
    other = LDN.replace("type: fill", "patient: Q, type: fill")
    assert loud_rules(run(METHADONE + other)) == []


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("{type: fill, at: 2026-04-01T09:00Z, ingredient: ['6813']}", "unknown keys ingredient"),
        ("{type: handed_over, at: 2026-04-01T09:00Z, refers_to: e1, days_supply: 3}", "unknown keys days_supply"),
        ("{type: sold, at: 2026-04-01T09:00Z}", "unknown type 'sold'"),
        ("{type: fill, at: 2026-04-01T09:00}", "neither an instant with zone nor a date"),
        ("{type: fill, at: 2026-02-30}", "day is out of range"),
        ("{type: fill, at: 2026-04-01, zone: Mars/Olympus}", "unknown time zone"),
        ("{type: fill, at: 2026-04-01T09:00Z, days_supply: NaN}", "days_supply is not a finite number"),
        ("{type: fill, at: 2026-04-01T09:00Z, days_supply: many}", "days_supply is not a number"),
        ("{type: fill, at: 2026-04-01T09:00Z, prn: maybe}", "prn is neither true nor false"),
        ("{type: fill, at: 2026-04-01T09:00Z, route: nasal}", "route 'nasal' is not one of"),
        ("{type: fill, at: 2026-04-01T09:00Z, ingredients: 6813}", "ingredients is not a list"),
        ("{type: fill, at: 2026-04-01T09:00Z, at: 2026-04-02T09:00Z}", "stands twice"),
        ("{type: fill}", "at is missing"),
        ("{type: void, at: 2026-04-01T09:00Z}", "refers_to is missing"),
        ("{type: evidence, at: 2026-04-01T09:00Z}", "kind is missing"),
        ("{type: evidence, at: 2026-04-01T09:00Z, kind: hair_test}", "kind 'hair_test' is not one of"),
        ("{type: evidence, at: 2026-04-01T09:00Z, kind: pdmp_review, result: clean}", "result 'clean' is not one of"),
        ("{type: confirm, at: 2026-04-01T09:00Z, by: patient}", "by 'patient' is not one of"),
        ("{type: confirm, at: 2026-04-01T09:00Z}", "by is missing"),
        ("{type: confirm, at: 2026-04-01T09:00Z, by: prescriber, opioids: [{form: x}]}", "unknown keys form"),
        (
            "{type: confirm, at: 2026-04-01T09:00Z, by: prescriber, opioids: [{daily_dose_mg: 1}]}",
            "form_key is missing",
        ),
        ("{type: patient_fact, at: 2026-04-01T09:00Z, kind: mood, value: low}", "kind 'mood' is not one of"),
        ("{type: procedure, at: 2026-04-01T09:00Z}", "procedure_at is missing"),
        ("{type: procedure, at: 2026-04-01T09:00Z, procedure_at: soon}", "neither an instant with zone nor a date"),
        ("{type: merge, at: 2026-04-01T09:00Z, from: A}", "into is missing"),
        ("{type: report, at: 2026-04-01T09:00Z, kind: gossip}", "kind 'gossip' is not one of"),
        ("{type: report, at: 2026-04-01T09:00Z, misuse: perhaps}", "misuse is neither true nor false"),
        ("{type: fill, at: 2026-04-01T09:00Z, partial: some}", "partial is neither true nor false"),
        ("{type: administer, at: 2026-04-01T09:00Z, removed_at: 2026-04-01T09:00}", "neither an instant with zone"),
        ("{type: procedure, at: 2026-04-01T09:00Z, procedure_at: 2026-05-01, refers_to: e1}", "unknown keys refers_to"),
        ("just words", "is not a mapping"),
    ],
)
def test_what_the_format_does_not_know_is_refused_with_its_place(run, fact, message):
    with pytest.raises(ScenarioFileError, match=message) as refused:
        run(f"\n  - {fact}")
    assert refused.value.code == "INVALID"


@pytest.mark.parametrize(
    ("old", "new"), [("version: 2", "version: 3"), ("day_hours: 24", "day_hours: 25"), ("time: UTC", "zone: UTC")]
)
def test_fixed_conventions_are_fixed(tmp_path, old, new):
    path = tmp_path / "scenarios.yaml"
    path.write_text(HEAD.replace(old, new) + "  []\n")
    with pytest.raises(ScenarioFileError):
        run_scenarios(path)


def test_an_unreadable_file_an_unknown_id_and_a_double_id_are_refused(tmp_path, run):
    with pytest.raises(ScenarioFileError, match=r"none\.yaml") as refused:
        run_scenarios(tmp_path / "none.yaml")
    assert refused.value.code == "UNREADABLE"
    with pytest.raises(ScenarioFileError, match="no scenario X9"):
        run(METHADONE + LDN, EXPECTED, only=["X9"])
    (tmp_path / "twice.yaml").write_text(f"{HEAD}- {{id: A, facts: []}}\n- {{id: A, facts: []}}\n")
    with pytest.raises(ScenarioFileError, match="stand twice: A"):
        run_scenarios(tmp_path / "twice.yaml")


def test_instants_with_and_without_seconds_and_dates_quoted_or_not(run):
    quoted = METHADONE.replace("2026-03-01T09:00Z", "'2026-03-01T09:00:00Z'")
    assert only_result(run(quoted + LDN, EXPECTED))["status"] == "pass"
    for day in ("2026-03-01", "'2026-03-01'"):
        dated = METHADONE.replace("2026-03-01T09:00Z", day)
        expected = EXPECTED.replace("2026-04-14T09", "2026-04-15T00")
        assert only_result(run(dated + LDN, expected))["status"] == "pass"
