"""Whatever a record holds, reading it ends in events or a reason, and never in an exception."""

import json
from importlib import resources

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rx_clinical import load_catalogue
from rx_ingest import reader
from rx_ingest.encoding import encode_event
from rx_ingest.model import WHOLE_DOCUMENT, InboundRecord, Position
from rx_ingest.reader import Reader
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

READER = Reader(
    catalogue=load_catalogue(),
    sites=load_sites(SHIPPED_SITES),
    pseudonym=lambda _namespace, value: value.encode().ljust(16, b".")[:16],
)
EVENTS = [json.loads(path.read_text()) for path in sorted(resources.files("rx_contracts.examples.edge").glob("*.json"))]
DIRECTIONS = [
    {
        "text": "1 tablet",
        "asNeededBoolean": False,
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "mg"}}],
    }
]
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "meta": {"versionId": "1", "lastUpdated": "2026-03-01T09:00:00Z"},
    "status": "active",
    "intent": "order",
    "authoredOn": "2026-03-01",
    "subject": {"reference": "Patient/p1", "identifier": {"system": "urn:x", "value": "1"}},
    "medicationReference": {"reference": "Medication/m"},
    "dosageInstruction": DIRECTIONS,
    "dispenseRequest": {
        "validityPeriod": {"end": "2026-04-01"},
        "quantity": {"value": 30},
        "expectedSupplyDuration": {"value": 2, "code": "wk"},
    },
}
MEDICATION = {
    "resourceType": "Medication",
    "id": "m",
    "ingredient": [
        {
            "itemCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "7243"}]
            },
            "strength": {"numerator": {"value": 4.5, "unit": "mg"}, "denominator": {"value": 1, "unit": "capsule"}},
        }
    ],
}
DISPENSE = {
    "resourceType": "MedicationDispense",
    "id": "d1",
    "status": "completed",
    "whenPrepared": "2026-03-01T10:00:00Z",
    "whenHandedOver": "2026-03-01",
    "subject": {"reference": "Patient/p1"},
    "authorizingPrescription": [{"reference": "MedicationRequest/r1"}],
    "quantity": {"value": 3, "unit": "patch"},
    "daysSupply": {"value": 30},
    "medicationCodeableConcept": {"text": "x"},
    "dosageInstruction": DIRECTIONS,
}
BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": one} for one in (ORDER, MEDICATION, DISPENSE)]}
CLOUD_EVENT = {"specversion": "1.0", "source": "s", "siteid": "main-street", "data": EVENTS[0]}

ODD = st.sampled_from(
    [
        *(0, -1, 2**31, 10**20, 10**400, 1e300, 1e-9, 1e-300, True, None, "", "0", "\x00", "\ud800", "x" * 2_000),
        *("2026-02-30", "9999-12-31", "0001-01-01", "9999-12-31T23:59:59-12:00", "#", "/", "Patient/", "urn:uuid:"),
        *([], {}, [[]], [None], {"": None}, [{}], {"reference": "#"}, {"resourceType": "Bundle", "entry": [None]}),
    ]
)
JSON = st.recursive(
    ODD | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "ce_source", "ce_siteid", "ce_specversion", "x"]),
        st.none()
        | st.binary(max_size=9)
        | st.sampled_from([b"application/json", b"application/fhir+json", b"application/cloudevents+json", b"1.0"]),
    ),
    max_size=3,
)


def places(value, path=()):
    """Every place of a JSON value."""
    yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(child, (*path, key))


def changed(value, path, other):
    """The value with another one at a place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], other)
    return copy


@st.composite
def mutilated(draw):
    """A document that would be taken, with one to three places holding something else."""
    document = draw(st.sampled_from([*EVENTS, ORDER, DISPENSE, BUNDLE, CLOUD_EVENT]))
    for _ in range(draw(st.integers(1, 3))):
        document = changed(document, draw(st.sampled_from(list(places(document)))), draw(JSON))
    return json.dumps(document).encode()


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    value=st.none() | st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | mutilated(),
    headers=HEADERS,
    timestamp_ms=st.integers(-1, 2**63 - 1),
)
def test_every_record_becomes_events_that_can_be_written_or_a_reason(value, headers, timestamp_ms):
    record = InboundRecord(position=Position(0, 0), key=None, value=value, headers=headers, timestamp_ms=timestamp_ms)
    read = READER.read(record)

    assert all((entry.error is None) == bool(entry.drafts) for entry in read.entries)
    assert "RECORD_UNREADABLE" not in {entry.error.code for entry in read.entries if entry.error}
    assert all(encode_event(draft) for draft in read.drafts)


def test_a_defect_of_ours_sets_one_record_aside_and_its_message_stays_out_of_the_log(monkeypatch, capsys):
    def fails(*_):
        raise ZeroDivisionError("Jane Marker")

    monkeypatch.setattr(reader, "open_envelope", fails)
    record = InboundRecord(position=Position(2, 5), key=None, value=b"{}")
    read = READER.read(record)

    assert [(one.number, one.error.code) for one in read.entries] == [(WHOLE_DOCUMENT, "RECORD_UNREADABLE")]
    assert read.record is record
    logged = "".join(capsys.readouterr())
    assert "ZeroDivisionError" in logged
    assert "Marker" not in logged
