"""Scenario files: what they may say, what is refused, and how a difference is told."""

import pytest
from rxguard.scenarios import ScenarioFileError, run_scenarios

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


def test_a_scenario_that_holds_passes_with_its_findings(run):
    document = run(METHADONE + LDN, EXPECTED)
    assert document["summary"] == {"total": 1, "passed": 1, "failed": 0, "not_covered": 0}
    assert [finding["rule"] for finding in only_result(document)["findings"]] == ["WR-02"]


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
        ("{type: evidence, at: 2026-04-01T09:00Z, kind: pdmp_review}", EXPECTED),
        ("{type: fill, at: 2026-04-01T09:00Z, ingredients: ['83367'], partial: true}", EXPECTED),
        ("{type: report, at: 2026-04-01T09:00Z, ingredients: ['83367'], kind: otc, restricted: true}", EXPECTED),
        ("{type: fill, at: 2026-04-01T09:00Z, ingredients: ['83367']}", "{rule: BL-02, severity: major}"),
        (
            "{type: fill, at: 2026-04-01T09:00Z, ingredients: ['83367']}",
            "{rule: WR-02, severity: contraindicated, reason_codes: [ACUTE_COURSE]}",
        ),
    ],
)
def test_what_the_core_does_not_read_or_raise_is_not_covered(run, fact, expected):
    result = only_result(run(f"{METHADONE}{LDN}  - {fact}", expected))
    assert (result["status"], result["differences"]) == ("not_covered", [])


def test_rules_that_must_not_appear_do_not_make_a_scenario_not_covered(run):
    assert only_result(run(METHADONE + LDN, EXPECTED, "BL-02, WR-05"))["status"] == "pass"


def test_a_claim_reversal_is_read_and_changes_nothing(run):
    reversal = "  - {type: claim_reversed, at: 2026-03-02T09:00Z, refers_to: e1}"
    assert only_result(run(f"{METHADONE}{LDN}{reversal}", EXPECTED))["status"] == "pass"


def test_patients_are_kept_apart(run):
    other = LDN.replace("type: fill", "patient: Q, type: fill")
    assert only_result(run(METHADONE + other))["findings"] == []


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
    for date in ("2026-03-01", "'2026-03-01'"):
        dated = METHADONE.replace("2026-03-01T09:00Z", date)
        expected = EXPECTED.replace("2026-04-14T09", "2026-04-15T00")
        assert only_result(run(dated + LDN, expected))["status"] == "pass"
