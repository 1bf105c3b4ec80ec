"""Real input and what follows: the Synthea patients, LDN handed to each of them, and the methadone case of the demo."""

import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rxguard
from pharmacy.events.v1 import event_pb2

from tests.lib.e2e.kit import FHIR, LDN, Document, Patient, RxGuard, documents, event, hand_over, without
from tests.reference import synthea_reference

if TYPE_CHECKING:
    from rxguard.client.delivery import Position

SYNTHEA = "synthea"
CASE_PATIENT = Patient("main-street", "demo-methadone")
_DATA = Path(rxguard.__file__).parent / "data"


def synthea_file() -> Path:
    """RXGUARD_SYNTHEA_FILE (NDJSON of Bundles, gzip or plain), else the ten Bundles of the project."""
    return Path(os.environ.get("RXGUARD_SYNTHEA_FILE") or _DATA / "synthea-ten.ndjson")


@cache
def bundles() -> list[bytes]:
    content = synthea_file().read_bytes()
    return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).splitlines()


def expected_findings() -> dict[Patient, list[dict[str, Any]]]:
    """What must be found in each Synthea patient after the hand-over, by the reference."""
    found = {}
    for line in bundles():
        bundle = json.loads(line)
        patient = Patient(SYNTHEA, synthea_reference.ldn_events(bundle).patient_id)
        found[patient] = synthea_reference.expected_findings(bundle)
    return found


def ldn_events(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The fill and the hand-over that the reference describes."""
    ldn = synthea_reference.ldn_events(bundle)
    patient = Patient(SYNTHEA, ldn.patient_id)
    at = synthea_reference.stamp(ldn.time)
    medicine = LDN | {
        "text": ldn.text,
        "ingredients": [ldn.ingredient],
        "form_key": ldn.form_key,
        "route": ldn.route,
        "daily_dose_mg": str(ldn.daily_dose_mg),
        "days_supply": str(ldn.days_supply),
        "directions": ldn.directions,
    }
    filled = event("medication_filled", patient, ldn.fill_event_id, at, medicine=medicine)
    return [filled, hand_over(patient, ldn.fill_event_id, at) | {"event_id": ldn.handover_event_id}]


def bundle_documents() -> list[Document]:
    return [Document(line, FHIR, SYNTHEA) for line in bundles()]


def case_documents() -> list[Document]:
    return [Document(line) for line in (_DATA / "methadone-case.ndjson").read_bytes().splitlines()]


def story() -> list[Document]:
    """Orders first, then the case, then the hand-overs."""
    return [*bundle_documents(), *story_after_orders()]


def hand_overs_begin() -> int:
    """The place in the story where LDN meets what is on record."""
    return len(bundles()) + len(case_documents())


def story_after_orders() -> list[Document]:
    hand_overs = [one for line in bundles() for one in ldn_events(json.loads(line))]
    return [*case_documents(), *documents(hand_overs)]


@dataclass(frozen=True)
class Told:
    """What came of the story, without what differs from telling to telling: alert ids, positions and clock times."""

    findings: dict[Patient, list[dict[str, Any]]]
    alerts: dict[Patient, list[dict[str, Any]]]
    history: dict[Patient, list[event_pb2.Event]]


async def tell(guard: RxGuard, told: Sequence[Document], between: Callable[[int], Any] = lambda _number: None) -> Told:
    """Send the story document by document, calling `between` before each, and wait until all has followed."""
    positions: list[Position] = []
    for number, document in enumerate(told):
        if waiting := between(number):
            await waiting
        positions += await guard.send([document], partition=number % 8)
    await guard.receipts(positions)
    await guard.settled()
    return await told_by(guard)


async def told_by(guard: RxGuard) -> Told:
    patients = [CASE_PATIENT, *expected_findings()]
    histories = dict(zip(patients, await guard.checked_histories(*patients), strict=True))
    return Told(
        findings=dict(zip(patients, await guard.findings(*patients), strict=True)),
        alerts={patient: [_timeless(alert) for alert in await guard.alerts_of(patient)] for patient in patients},
        history={patient: [_placeless(one.event) for one in history.events] for patient, history in histories.items()},
    )


def _timeless(alert: dict[str, Any]) -> dict[str, Any]:
    return without(alert, "alert_id", "opened_time")


def _placeless(event: event_pb2.Event) -> event_pb2.Event:
    copy = event_pb2.Event()
    copy.CopyFrom(event)
    copy.ClearField("inbound")
    return copy
