"""The reference itself, on Bundles small enough to work out by hand."""

import pytest

from tests.reference import synthea_reference as reference

OXYCODONE, TRAMADOL, FENTANYL_PATCH, VERAPAMIL, LISINOPRIL = "1049221", "835603", "245134", "897685", "314076"


def bundle(*orders):
    patient = {"fullUrl": "urn:p", "resource": {"resourceType": "Patient", "id": "p"}}
    return {"entry": [patient, *(entry(number, *order) for number, order in enumerate(orders, 1))]}


def entry(number, written, code, status="stopped"):
    concept = {"coding": [{"system": reference.RXNORM, "code": code}]}
    request = {"resourceType": "MedicationRequest", "id": f"o{number}", "meta": {}, "status": status, "intent": "order"}
    return {
        "fullUrl": f"urn:{number}",
        "resource": request | {"authoredOn": written, "medicationCodeableConcept": concept},
    }


def found(*orders):
    findings = reference.expected_findings(bundle(*orders))
    return [
        (f["rule"], f["severity"], f["anchor_event_id"], f["counterpart"], f["earliest_start_time"])
        for f in findings
        if f["rule"] != "LD-10"  # every course is reviewed
    ]


def test_an_unfilled_order_is_possible_for_180_days_and_then_needs_the_two_week_floor():
    assert found(("2026-06-01T09:00:00Z", OXYCODONE, "active")) == [
        ("WR-02", "major", "ldn-fill-p", "oxycodone_ir", "2026-12-12T09:00:00Z")
    ]


@pytest.mark.parametrize(
    ("days_before_ldn", "rules"), [(189, ["WR-02"]), (190, ["WR-03"]), (193, ["WR-03"]), (194, [])], ids=str
)
def test_a_short_acting_order_is_wr_02_to_240_h_and_wr_03_to_336_h_after_its_possible_end(days_before_ldn, rules):
    older = reference.instant("2026-06-01T09:00:00Z") + reference.timedelta(days=1 - days_before_ldn)
    findings = found((older.isoformat(), OXYCODONE), ("2026-06-01T09:00:00Z", TRAMADOL))
    assert [rule for rule, _, _, form, _ in findings if form == "oxycodone_ir"] == rules


def test_verapamil_after_a_fentanyl_patch_is_a_profile_line_of_the_verapamil_order():
    findings = found(("2026-06-01T09:00:00Z", FENTANYL_PATCH), ("2026-06-20T09:00:00Z", VERAPAMIL))
    assert findings[0] == ("PK-01", "info", "MedicationRequest/o2", "fentanyl_td", None)


def test_verapamil_that_ended_long_before_the_fentanyl_order_is_not_paired_with_it():
    findings = found(("2026-04-01T09:00:00Z", VERAPAMIL), ("2026-06-01T09:00:00Z", FENTANYL_PATCH))
    assert [rule for rule, *_ in findings] == ["WR-02"]


def test_a_medicine_that_no_table_knows_does_not_move_the_horizon():
    assert found(("2020-06-01T09:00:00Z", OXYCODONE), ("2026-06-01T09:00:00Z", LISINOPRIL)) != []


def test_an_interacting_medicine_ordered_years_later_moves_the_horizon():
    assert found(("2020-06-01T09:00:00Z", OXYCODONE), ("2026-06-01T09:00:00Z", VERAPAMIL)) == []
