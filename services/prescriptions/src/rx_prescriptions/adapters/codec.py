"""Receipts to and from JSON, and which encoded events the clinical core reads."""

import json

from pharmacy.events.v1 import event_pb2
from rx_contracts.wire.event_facts import is_read
from rx_ingest.model import Position, Pseudonym, UncodedProduct

from rx_prescriptions.domain.model import Receipt, Rejection, ResourceCount, UncodedCount


def core_reads(payload: bytes) -> bool:
    """See ports.CoreReads."""
    return is_read(event_pb2.Event.FromString(payload))


def receipt_to_json(receipt: Receipt) -> str:
    """A receipt as JSON text, without its position."""
    return json.dumps(
        {
            "resources": [
                [one.kind, one.read, one.stored, one.unchanged, one.dead_letter] for one in receipt.resources
            ],
            "ignored": receipt.ignored,
            "rejections": [[one.entry, one.code, one.reason] for one in receipt.rejections],
            "uncoded": [
                [one.product.system, one.product.code, one.product.display, one.count] for one in receipt.uncoded
            ],
            "event_positions": receipt.event_positions,
            "patients": [patient.hex() for patient in receipt.patients],
        }
    )


def receipt_from_json(position: Position, text: str) -> Receipt:
    """The receipt that `receipt_to_json` wrote."""
    content = json.loads(text)
    return Receipt(
        position=position,
        resources=tuple(
            ResourceCount(kind=kind, read=read, stored=stored, unchanged=unchanged, dead_letter=dead_letter)
            for kind, read, stored, unchanged, dead_letter in content["resources"]
        ),
        ignored=content["ignored"],
        rejections=tuple(
            Rejection(entry=entry, code=code, reason=reason) for entry, code, reason in content["rejections"]
        ),
        uncoded=tuple(
            UncodedCount(product=UncodedProduct(system=system, code=code, display=display), count=count)
            for system, code, display, count in content["uncoded"]
        ),
        event_positions=tuple(Position(*one) for one in content["event_positions"]),
        patients=tuple(Pseudonym(bytes.fromhex(one)) for one in content["patients"]),
    )
