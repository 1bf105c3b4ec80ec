"""FHIR R4 at the edge: what a bundle refers to, and that one bad entry never takes the rest with it."""

from decimal import Decimal

import pytest

from tests.lib.ingest_formats.fhir_resources import METHADONE, RXNORM, bundle, dispense, only, read, refusal, request


def dosage(value, unit, **repeat):
    return [{"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}], "timing": {"repeat": repeat}}]


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
