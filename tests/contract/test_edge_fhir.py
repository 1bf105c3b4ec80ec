"""FHIR R4 at the edge: what a request and a dispense mean, and what became of them."""

from decimal import Decimal

import pytest
from rx_contracts.edge.event import occurred

from tests.lib.ingest_formats.fhir_resources import dispense, only, request


def dosage(value, unit, **repeat):
    return [{"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}], "timing": {"repeat": repeat}}]


def test_a_request_is_an_order_written_when_it_was_authored():
    [order] = only(request())

    assert (order.type, order.event_id, order.source, order.site_id) == (
        "prescription_written",
        "MedicationRequest/r1",
        "pms",
        "main-street",
    )
    assert (order.patient.namespace, order.patient.value) == ("pms", "p1")
    assert order.occurred_time.isoformat() == "2026-03-01T14:00:00+00:00"
    assert order.medicine.codings[0].code == "864706"
    assert order.medicine.text == "methadone 10 mg"


def test_without_meta_the_records_own_time_is_recorded_time_and_revision():
    [order] = only(request())

    assert order.recorded_time == order.occurred_time
    assert order.revision == 1_772_373_600_000_000


@pytest.mark.parametrize(
    ("version", "revision"), [("7", 7), ("W/7", 1_772_452_800_000_000), ("9" * 30, 1_772_452_800_000_000)]
)
def test_a_whole_version_number_is_the_revision_else_the_recorded_time(version, revision):
    [order] = only(request(meta={"versionId": version, "lastUpdated": "2026-03-02T12:00:00Z"}))

    assert order.revision == revision


def test_a_date_is_local_to_the_site_and_recorded_at_its_end():
    [order] = only(request(authoredOn="2026-03-08"))

    assert order.occurred_date.isoformat() == "2026-03-08"
    assert order.recorded_time.isoformat() == "2026-03-09T04:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "status_time"),
    [("stopped", "2026-03-20T00:00:00+00:00"), ("completed", "2026-03-20T00:00:00+00:00"), ("active", None)],
)
def test_the_end_of_validity_is_the_time_of_a_final_status_alone(status, status_time):
    period = {"validityPeriod": {"end": "2026-03-20T00:00:00Z"}}
    [order] = only(request(status=status, dispenseRequest=period))

    assert order.status == status
    assert (order.status_time and order.status_time.isoformat()) == status_time


def test_an_order_says_what_it_is_and_how_long_it_lasts():
    [order] = only(
        request(
            intent="plan",
            doNotPerform=True,
            dispenseRequest={"expectedSupplyDuration": {"value": 2, "code": "wk"}, "quantity": {"value": 28}},
        )
    )

    assert (order.intent, order.do_not_perform) == ("plan", True)
    assert (order.medicine.days_supply, order.medicine.quantity) == (14, 28)


@pytest.mark.parametrize(
    ("instructions", "mg"),
    [
        (dosage(10, "mg", frequency=2, period=1, periodUnit="d"), "20"),
        (dosage(2, "tablet", frequency=3, period=1, periodUnit="d"), "60"),
        (dosage(0.5, "TAB", frequency=1, period=8, periodUnit="h"), "15"),
        (dosage(1, "{tablet}", period=3, periodUnit="d"), "3.333333333"),
        (dosage(10, "mg", frequency=7, period=1, periodUnit="wk"), "10"),
        (dosage(500, "mcg", frequency=1, period=1, periodUnit="d"), None),
        (dosage(1, None, frequency=1, period=1, periodUnit="d"), None),
        (dosage(10, "mg", frequency=1, period=1, periodUnit="mo"), None),
        (dosage(10, "mg", frequency=1, frequencyMax=2, period=1, periodUnit="d"), None),
        (dosage(10, "mg"), None),
        (dosage(10, "mg", timeOfDay=["08:00:00", "20:00:00"], period=1, periodUnit="d"), None),
        (dosage(10, "mg", when=["MORN", "NIGHT"], frequency=1, period=1, periodUnit="d"), None),
        (dosage(10, "mg", dayOfWeek=["mon"], frequency=1, period=1, periodUnit="d"), None),
        (dosage(1_000_000, "mg", frequency=2**31 - 1, period=0.000000001, periodUnit="s"), None),
        (dosage(1_000_000, "mg", frequency=1, period=1, periodUnit="d"), "1000000"),
        (dosage(0.000001, "mg", frequency=1, period=1_000_000_000, periodUnit="wk"), None),
        (dosage(10, "mg", frequency=1, period=1, periodUnit="d") * 2, None),
        ([], None),
    ],
)
def test_the_daily_dose_is_what_follows_exactly_from_the_directions(instructions, mg):
    [order] = only(request(dosageInstruction=instructions))

    assert order.medicine.daily_dose_mg == (mg and Decimal(mg))


def test_directions_route_and_as_needed_are_read():
    [order] = only(
        request(
            dosageInstruction=[
                {
                    "text": "1 tablet every 8 h as needed",
                    "asNeededBoolean": True,
                    "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
                }
            ]
        )
    )

    assert order.medicine.as_needed
    assert order.medicine.route == "oral"
    assert order.medicine.directions == "1 tablet every 8 h as needed"


def test_a_local_route_on_an_opioid_product_is_taken_as_unknown():
    topical = [{"route": {"coding": [{"system": "http://snomed.info/sct", "code": "6064005"}]}}]
    [order] = only(request(dosageInstruction=topical))

    assert order.medicine.route is None


def test_a_completed_dispense_is_a_fill_and_its_hand_over():
    fill, hand_over = only(
        dispense(
            authorizingPrescription=[{"reference": "MedicationRequest/r1"}],
            daysSupply={"value": 30},
            quantity={"value": 60},
        )
    )

    assert (fill.type, fill.event_id, fill.prescription_id) == (
        "medication_filled",
        "MedicationDispense/d1",
        "MedicationRequest/r1",
    )
    assert occurred(fill).isoformat() == "2026-03-01T10:00:00+00:00"
    assert (fill.medicine.days_supply, fill.medicine.quantity, fill.revision) == (30, 60, 3)
    assert (hand_over.type, hand_over.event_id, hand_over.fill_event_id) == (
        "medication_handed_over",
        "MedicationDispense/d1#handover",
        "MedicationDispense/d1",
    )
    assert occurred(hand_over).isoformat() == "2026-03-01T17:00:00+00:00"


def test_a_dispense_without_preparation_time_was_filled_when_it_was_handed_over():
    fill, _ = only(dispense(whenPrepared=None))

    assert occurred(fill).isoformat() == "2026-03-01T17:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "handed_over", "types"),
    [
        ("preparation", None, ["medication_filled"]),
        ("in-progress", None, ["medication_filled"]),
        ("completed", None, ["medication_filled"]),
        ("completed", "2026-03-01T17:00:00Z", ["medication_filled", "medication_handed_over"]),
        ("declined", None, ["medication_returned_to_stock"]),
        ("cancelled", None, ["medication_returned_to_stock"]),
        ("stopped", None, ["medication_returned_to_stock"]),
        ("stopped", "2026-03-01T17:00:00Z", ["medication_filled", "medication_handed_over"]),
        ("entered-in-error", None, ["medication_voided"]),
        ("entered-in-error", "2026-03-01T17:00:00Z", ["medication_voided"]),
    ],
)
def test_the_status_of_a_dispense_says_what_became_of_the_fill(status, handed_over, types):
    events = only(dispense(status=status, whenHandedOver=handed_over))

    assert [event.type for event in events] == types


@pytest.mark.parametrize(("status", "suffix"), [("declined", "#return"), ("entered-in-error", "#void")])
def test_a_return_and_a_void_name_the_fill(status, suffix):
    [event] = only(dispense(status=status, whenHandedOver=None))

    assert event.event_id == f"MedicationDispense/d1{suffix}"
    assert event.refers_to_event_id == "MedicationDispense/d1"


def test_a_date_only_dispense_without_meta_is_recorded_at_the_end_of_that_local_date():
    [fill] = only(dispense(meta={}, whenPrepared="2026-07-01", whenHandedOver=None))

    assert fill.recorded_time.isoformat() == "2026-07-02T04:00:00+00:00"
