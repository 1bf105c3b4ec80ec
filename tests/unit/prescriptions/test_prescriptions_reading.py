"""Reading records: envelopes in every mode, sites and zones, what is refused and where."""

import base64
import json
from importlib import resources

import pytest
from rx_clinical import load_catalogue
from rx_ingest.model import InboundRecord, Position
from rx_ingest.reader import Reader
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

FILL = json.loads(resources.files("rx_contracts.examples.edge").joinpath("medication_filled.json").read_text())
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "authoredOn": "2026-03-01",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "864706"}]
    },
}
READER = Reader(
    catalogue=load_catalogue(),
    sites=load_sites(SHIPPED_SITES),
    pseudonym=lambda namespace, value: f"{namespace}/{value}".encode(),
)


def read(value, headers=(), timestamp_ms=-1):
    if isinstance(value, dict | list):
        value = json.dumps(value).encode()
    return READER.read(
        InboundRecord(position=Position(2, 5), key=None, value=value, headers=headers, timestamp_ms=timestamp_ms)
    )


def draft(value, headers=()):
    [entry] = read(value, headers).entries
    assert entry.error is None, entry.error
    return entry.drafts[0]


def code(value, headers=(), timestamp_ms=-1):
    [entry] = read(value, headers, timestamp_ms).entries
    return entry.error and entry.error.code


def structured(data, **attributes):
    return {"specversion": "1.0", "id": "1", "source": "pms", "type": "x", **attributes, **data}


HEADERS = {
    "none": [],
    "binary": [("ce_specversion", b"1.0"), ("content-type", b"application/json; charset=utf-8")],
    "unread and odd": [("replyTo", b"\x80\x04."), ("ce_id", b"\xff\xff"), ("x", b"y" * 1_000_000), ("n", None)],
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_an_event_is_read_whatever_stands_in_headers_that_mean_nothing_here(headers):
    assert draft(FILL, headers).event.event_id == "fill-7001-0"


@pytest.mark.parametrize(
    "value",
    [
        structured({"data": FILL}, datacontenttype="application/json"),
        structured({"data": FILL}),
        structured({"data_base64": base64.b64encode(json.dumps(FILL).encode()).decode()}),
    ],
    ids=["json", "default type", "base64"],
)
@pytest.mark.parametrize("headers", [[], [("content-type", b"application/cloudevents+json")]], ids=["bare", "typed"])
def test_an_event_in_structured_mode_is_read(value, headers):
    assert draft(value, headers).event.event_id == "fill-7001-0"


def test_fhir_takes_source_and_site_from_the_envelope_and_is_known_without_one():
    binary = draft(
        ORDER, [("ce_source", b"ehr"), ("ce_siteid", b"river-road"), ("content-type", b"application/fhir+json")]
    )
    wrapped = draft(structured({"data": ORDER}, datacontenttype="application/fhir+json", siteid="river-road"))
    bare = draft(ORDER)

    assert [(one.event.source, one.site_id) for one in (binary, wrapped, bare)] == [
        ("ehr", "river-road"),
        ("pms", "river-road"),
        ("fhir", "main-street"),
    ]


def test_a_date_is_an_interval_in_the_zone_of_the_site():
    new_york, utc = draft(ORDER), draft(ORDER, [("ce_siteid", b"utc")])

    assert new_york.occurred.earliest.isoformat() == "2026-03-01T05:00:00+00:00"
    assert new_york.occurred.latest.isoformat() == "2026-03-02T05:00:00+00:00"
    assert utc.occurred.earliest.isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "headers", "expected"),
    [
        (None, [], "RECORD_EMPTY"),
        (b"", [], "RECORD_EMPTY"),
        (b"{", [], "NOT_JSON"),
        ([FILL], [], "NOT_AN_OBJECT"),
        (FILL, [("ce_specversion", b"0.3")], "CLOUDEVENT_VERSION_NOT_SUPPORTED"),
        (FILL, [("ce_specversion", b"\xff")], "HEADER_UNREADABLE"),
        (FILL, [("ce_source", b"x" * 1_048_576)], "HEADER_UNREADABLE"),
        (FILL, [("content-type", None)], "HEADER_UNREADABLE"),
        (FILL, [("content-type", b"application/x-protobuf")], "CONTENT_TYPE_NOT_SUPPORTED"),
        (FILL, [("content-type", b"application/fhir+json")], "FHIR_TYPE_MISSING"),
        (ORDER, [("content-type", b"application/fhir+json; fhirVersion=5.0")], "FHIR_VERSION_NOT_SUPPORTED"),
        (ORDER, [("content-type", b"application/fhir+json; fhirVersion=4.0")], None),
        (ORDER, [("ce_siteid", b"nowhere")], "UNKNOWN_SITE"),
        (FILL | {"site_id": "nowhere"}, [], "UNKNOWN_SITE"),
        (structured({}), [], "CLOUDEVENT_DATA_MISSING"),
        (structured({"data_base64": "%%%"}), [], "CLOUDEVENT_DATA_MISSING"),
        (structured({"data": FILL}, specversion="2.0"), [], "CLOUDEVENT_VERSION_NOT_SUPPORTED"),
        (structured({"data": FILL}, source=7), [], "WRONG_TYPE"),
        (structured({"data": "text"}), [], "NOT_AN_OBJECT"),
        ({"resourceType": "Patient", "id": "p"}, [], "FHIR_TYPE_NOT_SUPPORTED"),
        ({"resourceType": ["MedicationRequest"]}, [], "FHIR_TYPE_MISSING"),
    ],
)
def test_a_record_that_cannot_be_taken_is_refused_with_its_code(value, headers, expected):
    assert code(value, headers) == expected


def test_a_recorded_time_far_ahead_of_the_record_is_refused_because_it_would_hide_history():
    sent = 1_772_379_001_000  # 2026-03-01T15:30:01Z, the recorded time of the example
    ahead_ms = 90 * 24 * 60 * 60 * 1000

    assert code(FILL, timestamp_ms=sent) is None
    assert code(FILL, timestamp_ms=sent - ahead_ms) is None
    assert code(FILL, timestamp_ms=sent - ahead_ms - 1) == "RECORDED_IN_FUTURE"
    assert code(FILL, timestamp_ms=0) == "RECORDED_IN_FUTURE"


@pytest.mark.parametrize("timestamp_ms", [10**15, 2**63 - 1])
def test_a_record_stamped_beyond_the_calendar_is_read(timestamp_ms):
    assert code(FILL, timestamp_ms=timestamp_ms) is None


def test_the_place_of_a_refusal_is_the_document_or_the_entry():
    bad = ORDER | {"authoredOn": "2026-03-01T09:00:00"}

    assert [entry.number for entry in read(b"{").entries] == [-1]
    assert [entry.number for entry in read({"resourceType": "Bundle", "entry": 7}).entries] == [-1]
    assert [entry.number for entry in read(FILL | {"type": "x"}).entries] == [0]
    assert [
        (one.number, one.kind) for one in read({"resourceType": "Bundle", "entry": [{"resource": bad}]}).entries
    ] == [(0, "MedicationRequest")]


def test_a_merge_names_both_patients_by_pseudonym():
    merge = json.loads(resources.files("rx_contracts.examples.edge").joinpath("patient_merged.json").read_text())

    assert (draft(merge).patient, draft(merge).merged_from) == (b"main-street-pms/P-1042", b"main-street-pms/P-0977")


def test_the_content_ignores_how_a_number_was_written_and_nothing_else():
    def content(**changes):
        return draft(FILL | {"medicine": FILL["medicine"] | changes}).content

    assert content(daily_dose_mg="20.0") == content(daily_dose_mg=20) != content(daily_dose_mg=2)
