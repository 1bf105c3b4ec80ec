"""FHIR R4 at the edge: what each resource means, and that one bad entry never takes the rest with it."""

import json
from decimal import Decimal

import pytest
from rx_clinical import load_catalogue
from rx_contracts.edge.event import EdgeError, occurred
from rx_contracts.edge.json import read_json
from rx_ingest.formats.fhir_r4.mapping import read_fhir
from rx_ingest.formats.protocol import Origin

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
METHADONE = {"coding": [{"system": RXNORM, "code": "864706", "display": "methadone 10 MG"}], "text": "methadone 10 mg"}
ORIGIN = Origin(
    source="pms", site_id="main-street", zone="America/New_York", code_product=load_catalogue().code_product
)


def request(**changes):
    return {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": METHADONE,
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-03-01T09:00:00-05:00",
        **changes,
    }


def dispense(**changes):
    return {
        "resourceType": "MedicationDispense",
        "id": "d1",
        "meta": {"versionId": "3", "lastUpdated": "2026-03-02T12:00:00Z"},
        "status": "completed",
        "medicationCodeableConcept": METHADONE,
        "subject": {"reference": "Patient/p1"},
        "whenPrepared": "2026-03-01T10:00:00Z",
        "whenHandedOver": "2026-03-01T17:00:00Z",
        **changes,
    }


def bundle(*resources):
    entries = [{"fullUrl": f"urn:uuid:{one.get('id')}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def read(document):
    return read_fhir(read_json(json.dumps(document).encode()), ORIGIN)


def only(document):
    [entry] = read(document).entries
    if entry.error:
        raise entry.error
    return entry.events


def refusal(document):
    with pytest.raises(EdgeError) as caught:
        only(document)
    return caught.value


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


MEDICATION = {"resourceType": "Medication", "id": "m1", "code": METHADONE}


@pytest.mark.parametrize(
    "document",
    [
        bundle(request(medicationCodeableConcept=None, medicationReference={"reference": "urn:uuid:m1"}), MEDICATION),
        bundle(MEDICATION, request(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m1"})),
        bundle(
            request(medicationCodeableConcept=None, medicationReference={"reference": "https://x.org/Medication/m1"}),
            MEDICATION,
        ),
        request(medicationCodeableConcept=None, medicationReference={"reference": "#m1"}, contained=[MEDICATION]),
    ],
    ids=["urn:uuid", "relative", "absolute", "contained"],
)
def test_a_referenced_medication_is_read_and_counts_nowhere(document):
    record = read(document)

    assert record.entries[0].events[0].medicine.codings[0].code == "864706"
    assert record.ignored == {}


def test_a_medication_that_did_not_come_along_refuses_its_order():
    missing = request(medicationCodeableConcept=None, medicationReference={"reference": "Medication/other"})

    assert refusal(missing).code == "FHIR_MEDICATION_UNRESOLVED"


def compound(*ingredients):
    medication = {
        "resourceType": "Medication",
        "id": "c1",
        "code": {"text": "naltrexone 4.5 mg capsule (compounded)"},
        "ingredient": [
            {
                "itemCodeableConcept": {"coding": [{"system": RXNORM, "code": code}] if code else []},
                "isActive": active,
                "strength": {"numerator": {"value": 4.5, "unit": "mg"}, "denominator": {"value": 1, "unit": "capsule"}},
            }
            for code, active in ingredients
        ],
    }
    instructions = dosage(1, "capsule", frequency=1, period=1, periodUnit="d")
    return dispense(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#c1"},
        contained=[medication],
        dosageInstruction=instructions,
        whenHandedOver=None,
    )


def test_a_compound_is_known_by_its_active_ingredients_and_their_strength():
    [fill] = only(compound(("7243", True), (None, False)))

    assert fill.medicine.ingredients == ("7243",)
    assert fill.medicine.daily_dose_mg == Decimal("4.5")


def test_an_active_ingredient_without_a_code_keeps_the_compound_from_passing_as_known():
    [fill] = only(compound(("7243", True), (None, True)))

    assert fill.medicine.ingredients == ("0", "7243")


def test_the_patient_is_the_resource_of_the_source_or_else_an_issued_identifier():
    issued = {"identifier": {"system": "urn:oid:1.2.3", "value": "42"}}
    named = [
        only(request(subject=subject))[0].patient
        for subject in ({"reference": "Patient/p1"}, {"reference": "https://x.org/fhir/Patient/p1"}, issued)
    ]
    by_entry = read(bundle({"resourceType": "Patient", "id": "u1"}, request(subject={"reference": "urn:uuid:u1"})))

    assert [(one.namespace, one.value) for one in named] == [("pms", "p1"), ("pms", "p1"), ("urn:oid:1.2.3", "42")]
    assert by_entry.entries[0].events[0].patient.value == "u1"
    assert by_entry.ignored == {}


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Group/1234567"},
        {"reference": "Device/99"},
        {"reference": "https://x.org/fhir/Group/1"},
        {"reference": "Patients/1"},
        {"type": "Group", "identifier": {"system": "urn:x", "value": "1"}},
        {"reference": "urn:uuid:g"},
    ],
)
def test_a_subject_that_is_no_patient_is_refused_and_never_cut_to_an_id(subject):
    for kind in ("Group", ["Patient"]):
        record = read(bundle(request(subject=subject), {"resourceType": kind, "id": "g"}))
        assert record.entries[0].error.code == "FHIR_SUBJECT_NOT_PATIENT"


def test_other_resources_of_a_bundle_are_counted_by_type():
    stranger = {"resourceType": "Patient", "id": "nobody"}
    record = read(
        bundle(request(), {"resourceType": "Observation", "id": "o"}, stranger, {"resourceType": "Observation"})
    )

    assert record.ignored == {"Observation": 2, "Patient": 1}


def test_a_bad_entry_is_refused_alone_with_its_place():
    record = read(bundle(request(id="good"), request(id="bad", authoredOn="2026-03-01T09:00:00"), request(id="fine")))

    assert [entry.error and entry.error.code for entry in record.entries] == [None, "TIME_WITHOUT_ZONE", None]
    assert record.entries[1].error.pointer == "/entry/1/resource"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (request(id=None), "FHIR_ID_MISSING"),
        (request(authoredOn=None), "FHIR_TIME_MISSING"),
        (request(authoredOn="2026-03"), "FHIR_TIME_TOO_IMPRECISE"),
        (request(authoredOn="2026-02-30"), "DATE_MALFORMED"),
        (request(authoredOn="2026-03-01T09:00:00"), "TIME_WITHOUT_ZONE"),
        (request(subject=None), "FIELD_MISSING"),
        (request(subject={"display": "Jane"}), "FHIR_PATIENT_UNKNOWN"),
        (request(status="asleep"), "VALUE_NOT_ALLOWED"),
        (request(status=True), "VALUE_NOT_ALLOWED"),
        (request(medicationCodeableConcept=None), "FIELD_MISSING"),
        (request(medicationCodeableConcept={}), "MEDICINE_EMPTY"),
        (request(medicationCodeableConcept="methadone"), "WRONG_TYPE"),
        (request(modifierExtension=[{"url": "x"}]), "FHIR_MODIFIER_EXTENSION"),
        (request(id="not an id"), "CHARACTER_NOT_ALLOWED"),
        (request(id="x" * 65), "CHARACTER_NOT_ALLOWED"),
        (request(dosageInstruction=dosage(True, "mg", period=1, periodUnit="d")), "FHIR_DECIMAL_NOT_A_NUMBER"),
        (request(dosageInstruction=dosage(1, "mg", frequency=10**20, period=1, periodUnit="d")), "OUT_OF_RANGE"),
        (request(dispenseRequest={"quantity": {"value": -1}}), "QUANTITY_OUT_OF_RANGE"),
        (dispense(daysSupply={"value": 10000}), "DAYS_SUPPLY_OUT_OF_RANGE"),
        (dispense(whenPrepared=None, whenHandedOver=None), "FHIR_TIME_MISSING"),
        ({"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE"}}]}, "FHIR_TYPE_MISSING"),
        ({"resourceType": "Bundle", "entry": [None]}, "FHIR_TYPE_MISSING"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": 7}}]}, "FHIR_TYPE_MISSING"),
    ],
)
def test_a_resource_that_cannot_be_understood_is_refused_with_its_code(document, code):
    assert refusal(document).code == code


@pytest.mark.parametrize("kind", ["Observation", "Patient", "Medication", "MedicationStatement"])
def test_a_single_resource_of_another_type_is_refused(kind):
    assert refusal({"resourceType": kind, "id": "x"}).code == "FHIR_TYPE_NOT_SUPPORTED"


def test_a_bundle_whose_entries_are_no_list_is_refused_as_a_whole():
    assert refusal({"resourceType": "Bundle", "entry": {"a": 1}}).code == "WRONG_TYPE"


def test_no_refusal_of_a_resource_repeats_a_value():
    marker = "Jane Q Marker 1962"
    documents = [
        request(id=marker),
        request(status=marker),
        request(authoredOn=marker),
        request(subject={"reference": marker}),
        request(medicationReference={"reference": marker}, medicationCodeableConcept=None),
        request(dosageInstruction=[{"asNeededBoolean": marker}]),
        {"resourceType": marker},
    ]

    assert all("Marker" not in str(refusal(document)) for document in documents)
