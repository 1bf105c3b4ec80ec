"""FHIR R4 resources of a pharmacy system, and how a test reads them at the edge."""

import json
from typing import Any

import pytest
from rx_clinical import load_catalogue
from rx_contracts.edge.event import EdgeError
from rx_contracts.edge.json import read_json
from rx_ingest.formats.fhir_r4.mapping import read_fhir
from rx_ingest.formats.protocol import Origin

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
METHADONE = {"coding": [{"system": RXNORM, "code": "864706", "display": "methadone 10 MG"}], "text": "methadone 10 mg"}
ORIGIN = Origin(
    source="pms", site_id="main-street", zone="America/New_York", code_product=load_catalogue().code_product
)


def request(**changes: Any) -> dict[str, Any]:
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


def dispense(**changes: Any) -> dict[str, Any]:
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


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{one.get('id')}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def read(document: object) -> Any:
    return read_fhir(read_json(json.dumps(document).encode()), ORIGIN)


def only(document: object) -> Any:
    [entry] = read(document).entries
    if entry.error:
        raise entry.error
    return entry.events


def refusal(document: object) -> EdgeError:
    with pytest.raises(EdgeError) as caught:
        only(document)
    return caught.value
