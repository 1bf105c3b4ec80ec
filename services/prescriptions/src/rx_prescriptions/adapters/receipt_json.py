"""Writes and reads receipts as JSON, as the store holds them."""

import json

from rx_contracts.ids import Pseudonym
from rx_ingest.model import Position, UncodedProduct

from rx_prescriptions.domain.model import Receipt, Rejection, ResourceCount, UncodedCount


def receipt_to_json(receipt: Receipt) -> str:
    """Return a receipt as JSON text, without its position."""
    return json.dumps(
        {
            "resources": [
                [count.kind, count.read, count.stored, count.unchanged, count.dead_letter]
                for count in receipt.resources
            ],
            "ignored": receipt.ignored,
            "rejections": [[rejection.entry, rejection.code, rejection.reason] for rejection in receipt.rejections],
            "uncoded": [
                [item.product.system, item.product.code, item.product.display, item.count] for item in receipt.uncoded
            ],
            "event_positions": receipt.event_positions,
            "patients": [patient.hex() for patient in receipt.patients],
        }
    )


def receipt_from_json(position: Position, text: str) -> Receipt:
    """Return the receipt that `receipt_to_json` wrote."""
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
        event_positions=tuple(Position(*pair) for pair in content["event_positions"]),
        patients=tuple(Pseudonym(bytes.fromhex(patient)) for patient in content["patients"]),
    )
