"""Input that cannot be taken, from a plain Kafka producer: it stops nothing, disappears nowhere and tells nothing."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from rxguard.client.delivery import Position

from tests.lib.e2e.kit import (
    CANARY,
    FHIR,
    LDN,
    METHADONE,
    RXNORM,
    Document,
    Patient,
    fill,
    new_patient,
)

pytestmark = pytest.mark.stack
AT = "2026-03-01T09:00:00Z"
SICK = Patient(f"{CANARY}-register", f"{CANARY}-of-bad-input")
GOOD = fill(SICK, "bad-input", METHADONE, AT)


def text(**changes: Any) -> bytes:
    """An event that is wrong in what is changed."""
    return json.dumps(GOOD | changes).encode()


def medicine(**changes: Any) -> bytes:
    return text(medicine=METHADONE | changes)


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "fullUrl": f"urn:uuid:{CANARY}-{number}",
        "resource": {
            "resourceType": "MedicationRequest",
            "id": f"bad-bundle-{number}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{CANARY}-of-a-bundle"},
            "authoredOn": AT,
            "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "864706"}], "text": CANARY},
        }
        | changes,
    }


def fhir(resource: dict[str, Any]) -> Document:
    return Document(json.dumps(resource).encode(), FHIR)


PATIENT_RESOURCE = {"resourceType": "Patient", "id": CANARY, "name": [{"family": CANARY}]}
BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [order(1), order(2, authoredOn=f"{CANARY}-eleven"), order(3)],
}

BAD = {
    "an empty value": (Document(b""), "RECORD_EMPTY"),
    "a null value": (Document(None), "RECORD_EMPTY"),
    "broken JSON": (Document(text()[:-2]), "NOT_JSON"),
    "a list": (Document(json.dumps([GOOD]).encode()), "NOT_AN_OBJECT"),
    "a number where a text belongs": (Document(text(event_id=17)), "WRONG_TYPE"),
    "a text where a medicine belongs": (Document(text(medicine=CANARY)), "WRONG_TYPE"),
    "a dose of NaN": (Document(medicine(daily_dose_mg=float("nan"))), "NUMBER_NOT_FINITE"),
    "a dose of true": (Document(medicine(daily_dose_mg=True)), "DOSE_NOT_A_NUMBER"),
    "a dose below zero": (Document(medicine(daily_dose_mg="-4.5")), "DOSE_OUT_OF_RANGE"),
    "one key twice": (Document(text()[:-1] + b', "event_id": "other"}'), "DUPLICATE_KEY"),
    "a clock time without zone": (Document(text(occurred_time="2026-03-01T09:00:00")), "TIME_WITHOUT_ZONE"),
    "a type of no version": (Document(text(type="claim_reversed")), "TYPE_UNKNOWN"),
    "a field of no version": (Document(text(nickname=CANARY)), "FIELD_UNKNOWN"),
    "a site of no registry": (Document(text(site_id=CANARY)), "UNKNOWN_SITE"),
    "a message of 5 MiB": (Document(text(padding=CANARY * (5 * 2**20 // len(CANARY)))), "RECORD_TOO_LARGE"),
    "FHIR of another type": (fhir(PATIENT_RESOURCE), "FHIR_TYPE_NOT_SUPPORTED"),
    "FHIR without a type": (fhir({"id": CANARY}), "FHIR_TYPE_MISSING"),
    "a Bundle with one bad entry of three": (fhir(BUNDLE), "TIME_MALFORMED"),
    "random bytes": (Document(bytes(range(256)) * 4), "NOT_UTF8"),
    "UTF-8 that is cut off": (Document(text() + b"\xc3"), "NOT_UTF8"),
    "lists in lists, 100,000 deep": (Document(b"[" * 100_000 + b"]" * 100_000), "NESTING_TOO_DEEP"),
    "a number of 10,000 digits": (Document(text(source_revision=0).replace(b": 0", b": " + b"9" * 10_000)), "NOT_JSON"),
    "a content type of something else": (Document(text(), "text/csv"), "CONTENT_TYPE_NOT_SUPPORTED"),
    "a header that is no text": (
        replace(Document(text()), source="", more_headers=(("ce_siteid", b"\xff\xfe"),)),
        "HEADER_UNREADABLE",
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a bad record and of the good one behind it."""

    position: Position
    rejections: list[tuple[int, str, str]]
    dead_letters: list[Any]
    good_patient: Patient


@pytest.fixture(scope="module")
async def outcomes(shared_rxguard) -> dict[str, Outcome]:
    """All of it in one partition, each bad record followed by a good one."""
    await shared_rxguard.start_all()
    sent, good = [], {}
    for number, (name, (document, _)) in enumerate(BAD.items()):
        good[name] = new_patient()
        sent += [document, Document(json.dumps(fill(good[name], f"good-{number}", METHADONE, AT)).encode())]
    positions = await shared_rxguard.send(sent, partition=3)
    receipts = await shared_rxguard.receipts(positions)
    await shared_rxguard.settled()
    letters = await shared_rxguard.records("rx.inbound.v1.dlq")
    return {
        name: Outcome(
            position=position,
            rejections=[(one.entry, one.code, one.reason) for one in receipt.rejections],
            dead_letters=[letter for letter in letters if origin(letter) == position],
            good_patient=good[name],
        )
        for name, position, receipt in zip(BAD, positions[::2], receipts[::2], strict=True)
    }


def origin(letter) -> Position:
    headers = dict(letter.headers)
    return int(headers["rx-inbound-partition"]), int(headers["rx-inbound-offset"])


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_taken_stands_in_the_dead_letter_topic_with_its_bytes_and_the_reason(
    rxguard, outcomes, name
):
    assert rxguard
    document, code = BAD[name]
    (letter,) = outcomes[name].dead_letters
    headers = dict(letter.headers)
    assert letter.value == (document.value or b"")
    assert headers["rx-reason-code"].decode() == code
    assert headers["rx-reason"]
    assert [found for _, found, _ in outcomes[name].rejections] == [code]
    assert set(document.headers) <= set(letter.headers)


@pytest.mark.parametrize("name", BAD)
async def test_neither_reason_nor_headers_say_anything_about_the_patient(rxguard, outcomes, name):
    assert rxguard
    document, _ = BAD[name]
    (letter,) = outcomes[name].dead_letters
    added = set(letter.headers) - set(document.headers)
    assert CANARY not in repr(added).lower()
    assert CANARY not in repr(outcomes[name].rejections).lower()


@pytest.mark.parametrize("name", BAD)
async def test_a_good_event_behind_a_bad_one_is_checked(rxguard, outcomes, name):
    patient = outcomes[name].good_patient
    states = await rxguard.check_states(patient)
    assert len(states) == 1
    await rxguard.until_check_states(patient, dict.fromkeys(states, "CHECKED"))


async def test_the_good_entries_of_a_bundle_with_a_bad_one_are_stored(rxguard, outcomes):
    assert outcomes
    patient = Patient("e2e-pharmacy", f"{CANARY}-of-a-bundle")
    assert set(await rxguard.check_states(patient)) == {
        "MedicationRequest/bad-bundle-1",
        "MedicationRequest/bad-bundle-3",
    }


async def test_a_code_of_no_table_is_stored_not_assessed_and_one_work_item_for_all_its_patients(rxguard):
    unknown = {"text": f"{CANARY} new product", "codings": [{"system": RXNORM, "code": "98765432"}], "days_supply": 30}
    patients = [new_patient() for _ in range(5)]
    await rxguard.feed([fill(one, f"unknown-{number}", unknown, AT) for number, one in enumerate(patients)])
    for number, patient in enumerate(patients):
        assert await rxguard.check_states(patient) == {f"unknown-{number}": "NOT_ASSESSED"}
        assert await rxguard.alerts_of(patient) == []
    assert (await rxguard.uncoded_products())["98765432"] == len(patients)
    await rxguard.feed([fill(patients[0], "known-after-unknown", LDN, AT)])
    await rxguard.until_check_states(patients[0], {"unknown-0": "NOT_ASSESSED", "known-after-unknown": "CHECKED"})


async def test_an_event_of_one_patient_sent_again_for_another_is_a_dead_letter_and_changes_neither(rxguard, patient):
    other = new_patient()
    await rxguard.feed([fill(patient, "one-event", METHADONE, AT)])
    (receipt,) = await rxguard.feed([fill(other, "one-event", METHADONE, AT)])
    assert [rejection.code for rejection in receipt.rejections] == ["EVENT_PATIENT_CHANGED"]
    assert await rxguard.check_states(other) == {}
    assert set(await rxguard.check_states(patient)) == {"one-event"}
