"""Real input from the file to the findings, held against a reference that knows the clinical text and not the code.

Ten Bundles come with the project. The same proof on another NDJSON file of Synthea Bundles, gzip or plain:
`RXGUARD_SYNTHEA_FILE=FILE python -m pytest tests/e2e/test_e2e_real_input.py`.
"""

import json

import pytest
from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from rxguard.client.alerts import document

from tests.lib.e2e.story import CASE_PATIENT, bundles, expected_findings

pytestmark = pytest.mark.stack
EXPECTED = expected_findings()


def orders_in_file():
    entries = [entry["resource"] for line in bundles() for entry in json.loads(line)["entry"]]
    return sum(resource["resourceType"] == "MedicationRequest" for resource in entries)


def test_ingest_stores_every_order_once_and_finds_nothing_new_the_second_time(ingested):
    number = orders_in_file()
    first, second = ingested
    assert first["bundles"] == second["bundles"] == len(bundles())
    assert first["resources"] == {
        "MedicationRequest": {"read": number, "stored": number, "unchanged": 0, "dead_letter": 0}
    }
    assert second["resources"] == {
        "MedicationRequest": {"read": number, "stored": 0, "unchanged": number, "dead_letter": 0}
    }
    assert first["balanced"]
    assert second["balanced"]
    for answer in ingested:
        assert answer["uncoded_products"] == answer["dead_letters"] == []


def test_the_reference_expects_findings_in_some_patients_and_none_in_others_so_that_it_proves_something():
    numbers = {len(findings) for findings in EXPECTED.values()}
    assert 0 in numbers
    assert max(numbers) > 1


@pytest.mark.parametrize("patient", EXPECTED, ids=lambda patient: patient.value)
async def test_after_ldn_is_handed_over_the_findings_of_a_synthea_patient_equal_the_reference(told, patient):
    compared = ("rule", "severity", "display", "reason_codes", "anchor_event_id", "counterpart")
    compared += ("earliest_start_time", "ends_at", "urgency")
    found = [{key: finding[key] for key in compared} for finding in told.findings[patient]]
    assert found == EXPECTED[patient]


async def test_methadone_with_ranitidine_and_ldn_is_an_alert_with_the_exact_earliest_start(rxguard, told):
    assert told
    (alert,) = await rxguard.alerts_of(CASE_PATIENT)
    worst = alert["lines"][0]
    assert (worst["rule"], worst["severity"], worst["counterpart"]) == ("WR-02", "contraindicated", "methadone_oral")
    assert worst["earliest_start_time"] == alert["earliest_start_time"] == "2026-04-15T17:45:00Z"
    assert {"LONG_HALF_LIFE", "HALF_LIFE_EXTENDED", "EVIDENCE_SINGLE_REPORT"} <= set(worst["reason_codes"])
    assert (alert["state"], alert["kind"], alert["site_id"]) == ("open", "antagonist_course", "main-street")
    async with rxguard.connection.channel("alerts") as channel:
        request = alerts_pb2.GetAlertRequest(alert_id=alert["alert_id"])
        answer = await alerts_pb2_grpc.AlertServiceStub(channel).GetAlert(request)
    assert document(answer.alert) == alert


async def test_the_published_alert_names_the_records_of_the_sender_and_no_pseudonym(rxguard, told):
    assert told
    (alert,) = await rxguard.alerts_of(CASE_PATIENT)
    *_, record = [
        record for record in await rxguard.records("rx.alerts.v1") if record.key == alert["alert_id"].encode()
    ]
    published = json.loads(record.value)["data"]
    assert published["lines"] == alert["lines"]
    assert published["earliest_start_time"] == "2026-04-15T17:45:00Z"
    references = {reference["event_id"]: reference for reference in published["source_refs"]}
    site = {"source": "demo", "site_id": "main-street"}
    assert references["methadone-fill"] == site | rx("methadone-fill", "7001", "0")
    assert references["ldn-fill"] == site | rx("ldn-fill", "7002", "0")
    assert references["ranitidine-report"] == site | rx("ranitidine-report", None, None)
    assert len(references) == len(published["source_refs"])
    assert CASE_PATIENT.pseudonym.hex().encode() not in record.value


def rx(event_id, number, fill_number):
    return {"event_id": event_id, "rx_number": number, "fill_number": fill_number}
