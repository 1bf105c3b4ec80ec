"""Every field of every type of event arrives in `rx.medication-events.v1`, and the core can read it."""

import base64
import json
from importlib import resources

import pytest
from google.protobuf.json_format import MessageToDict
from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import load_catalogue
from rx_clinical.model.facts import event_key
from rx_contracts.edge.event import EVENT_MODELS
from rx_contracts.wire.event_facts import fact_from_event
from rx_ingest.encoding import encode_event
from rx_ingest.model import InboundRecord, Position, UncodedProduct
from rx_ingest.reader import Reader
from rx_prescriptions.adapters.receipt_json import receipt_from_json, receipt_to_json
from rx_prescriptions.domain.model import Receipt, Rejection, ResourceCount, UncodedCount
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

EXAMPLES = resources.files("rx_contracts.examples.edge")
READER = Reader(
    catalogue=load_catalogue(),
    sites=load_sites(SHIPPED_SITES),
    pseudonym=lambda _namespace, value: value.encode().ljust(16, b"."),
)


def published(example, **changes):
    document = json.dumps(json.loads(EXAMPLES.joinpath(f"{example}.json").read_text()) | changes).encode()
    [entry] = READER.read(InboundRecord(position=Position(3, 41), key=None, value=document)).entries
    assert entry.error is None, entry.error
    return Event.FromString(encode_event(entry.drafts[0]))


@pytest.mark.parametrize("kind", EVENT_MODELS)
def test_an_event_keeps_its_type_and_envelope_and_becomes_a_fact(kind):
    event = published(kind)
    fact = fact_from_event(event)

    assert event.WhichOneof("fact") == kind
    assert (event.source, event.inbound.partition, event.inbound.offset) == ("main-street-pms", 3, 41)
    assert fact.key == event_key(event.source, event.event_id)
    assert fact.revision == (event.source_revision, 0)


def test_a_fill_keeps_everything_the_source_said():
    said = {
        "text": "Belbuca",
        "codings": [{"system": "urn:local", "code": "B1"}],
        "ingredients": ["7243", "1819"],
        "form_key": "bup_buccal",
        "route": "buccal",
        "directions": "one film",
        "daily_dose_mg": "0.900",
        "days_supply": 15,
        "as_needed": True,
        "quantity": "30.5",
        "patch_count": 4,
        "indication": "pain",
    }
    fill = published("medication_filled", medicine=said, partial=True, days_supply_is_for_this_fill=True)

    assert MessageToDict(fill.medication_filled, preserving_proto_field_name=True) == {
        "medicine": {
            **said,
            "coded": True,
            "ingredients": ["1819", "7243"],
            "daily_dose_mg": "0.9",
            "days_supply": "15",
        },
        "prescription_key": fill_key("rx-7001"),
        "rx_number": "7001",
        "fill_number": "0",
        "quantity_prescribed": "60",
        "partial": True,
        "days_supply_is_for_this_fill": True,
    }


def fill_key(event_id):
    return base64.b64encode(event_key("main-street-pms", event_id)).decode()


@pytest.mark.parametrize(
    ("kind", "changes", "field", "expected"),
    [
        ("prescription_written", {"status_date": "2026-03-02"}, "status_time", "2026-03-02T05:00:00Z"),
        ("medication_administered", {"removed_time": "2026-09-01T10:00:00Z"}, "removed_time", "2026-09-01T10:00:00Z"),
        ("medication_reported", {"started_date": "2026-01-01"}, "started_time", "2026-01-01T05:00:00Z"),
        ("medication_reported", {"last_confirmed_date": "2026-03-09"}, "last_confirmed_time", "2026-03-09T04:00:00Z"),
        (
            "opioid_free_evidence",
            {"attested_last_dose_time": "2026-04-01T00:00:00Z"},
            "attested_last_dose_time",
            "2026-04-01T00:00:00Z",
        ),
        ("procedure_planned", {}, "procedure_time", "2026-05-04T04:00:00Z"),
    ],
)
def test_a_time_beside_the_events_own_is_an_instant_or_the_local_date(kind, changes, field, expected):
    fact = getattr(published(kind, **changes), kind)

    assert getattr(fact, field).earliest_time.ToJsonString() == expected


def test_a_reported_use_keeps_its_flags():
    report = published("medication_reported", restricted=True, misuse=True, kind="illicit").medication_reported

    assert (report.kind, report.ongoing, report.restricted, report.misuse) == ("illicit", True, True, True)
    assert (report.source_kind, report.obtained_via) == ("PATIENT", "foreign")


def test_the_opioids_of_a_confirmation_keep_their_exact_doses():
    confirmation = published("ultra_low_dose_confirmed").ultra_low_dose_confirmed

    assert (confirmation.daily_dose_mg, confirmation.opioids[0].form_key) == ("0.002", "oxycodone_ir")
    assert confirmation.opioids[0].daily_dose_mg == "40"


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("stopped", "rx-7001"),
        ("medication_handed_over", "fill-7001-0"),
        ("medication_returned_to_stock", "fill-7002-0"),
        ("medication_voided", "fill-7003-0"),
    ],
)
def test_a_reference_is_the_key_of_the_event_it_names(kind, named):
    assert getattr(published(kind), kind).event_key == event_key("main-street-pms", named)


def test_a_receipt_survives_being_stored():
    receipt = Receipt(
        position=Position(1, 2),
        resources=(ResourceCount(kind="MedicationRequest", read=3, stored=1, unchanged=1, dead_letter=1),),
        ignored={"Observation": 2},
        rejections=(Rejection(entry=4, code="NOT_JSON", reason="x"),),
        uncoded=(UncodedCount(product=UncodedProduct(system="s", code="c", display="d"), count=2),),
        event_positions=(Position(0, 9),),
        patients=(b"p" * 16,),
    )

    assert receipt_from_json(Position(1, 2), receipt_to_json(receipt)) == receipt
