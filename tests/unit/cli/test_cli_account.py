"""The account of an ingest, from receipts made by hand."""

from pharmacy.events.v1.event_pb2 import InboundPosition
from pharmacy.prescriptions.v1.prescriptions_pb2 import (
    EventPosition,
    IgnoredCount,
    Receipt,
    Rejection,
    ResourceCount,
    UncodedProduct,
)
from rxguard.client.ingest import Account
from rxguard.client.records import Record, record_of

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LINES = {(0, 10): 1, (3, 7): 2}
FIRST, SECOND = InboundPosition(partition=0, offset=10), InboundPosition(partition=3, offset=7)


def order_count(*, read: int, stored: int = 0, unchanged: int = 0, dead_letter: int = 0) -> ResourceCount:
    return ResourceCount(
        kind="MedicationRequest", read=read, stored=stored, unchanged=unchanged, dead_letter=dead_letter
    )


def account_of(*receipts: Receipt) -> Account:
    account = Account()
    for receipt in receipts:
        account.add(LINES, receipt)
    return account


def test_counts_of_every_receipt_are_summed_by_kind() -> None:
    document = account_of(
        Receipt(position=FIRST, resources=[order_count(read=3, stored=3)]),
        Receipt(
            position=SECOND,
            resources=[order_count(read=2, unchanged=2), ResourceCount(kind="Bundle", read=0)],
            ignored=[IgnoredCount(kind="Observation", count=4)],
        ),
    ).document("f.ndjson", None)
    assert document["resources"]["MedicationRequest"] == {"read": 5, "stored": 3, "unchanged": 2, "dead_letter": 0}
    assert document["ignored_resources"] == {"Observation": 4}
    assert document["balanced"]
    assert document["findings"] is None


def test_an_entry_that_is_not_accounted_for_is_not_balanced() -> None:
    account = account_of(Receipt(position=FIRST, resources=[order_count(read=3, stored=2)]))
    assert not account.balanced


def test_a_gain_in_one_kind_does_not_hide_a_loss_in_another() -> None:
    account = account_of(
        Receipt(
            position=FIRST,
            resources=[order_count(read=3, stored=2), ResourceCount(kind="MedicationDispense", read=1, stored=2)],
        )
    )
    assert not account.balanced


def test_refusals_name_the_line_and_the_entry() -> None:
    dose = Rejection(entry=4, code="DOSE_NOT_A_NUMBER", reason="dose is not a number")
    broken = Rejection(entry=-1, code="NOT_JSON", reason="the record is not one JSON document")
    document = account_of(
        Receipt(position=SECOND, rejections=[broken]), Receipt(position=FIRST, rejections=[dose, dose])
    ).document("f.ndjson", None)
    assert document["dead_letters"] == [
        {"line": 1, "entry": 4, "code": "DOSE_NOT_A_NUMBER", "reason": "dose is not a number", "count": 2},
        {"line": 2, "entry": None, "code": "NOT_JSON", "reason": "the record is not one JSON document", "count": 1},
    ]


def test_uncoded_products_are_summed_by_code_most_frequent_first() -> None:
    rare = UncodedProduct(system=RXNORM, code="1", display="Rare", count=1)
    often = UncodedProduct(system=RXNORM, code="2", display="Often", count=2)
    nameless = UncodedProduct(display="Powder", count=1)
    document = account_of(
        Receipt(position=FIRST, uncoded_products=[rare, often, nameless]),
        Receipt(position=SECOND, uncoded_products=[often]),
    ).document("f.ndjson", None)
    assert document["uncoded_products"] == [
        {"system": RXNORM, "code": "2", "display": "Often", "count": 4},
        {"system": None, "code": None, "display": "Powder", "count": 1},
        {"system": RXNORM, "code": "1", "display": "Rare", "count": 1},
    ]


def test_the_monitor_is_waited_for_up_to_the_highest_event_of_each_partition() -> None:
    account = account_of(
        Receipt(
            position=FIRST,
            event_positions=[EventPosition(partition=0, offset=9), EventPosition(partition=2, offset=0)],
            patients=[b"a" * 16],
        ),
        Receipt(position=SECOND, event_positions=[EventPosition(partition=0, offset=5)], patients=[b"a" * 16]),
    )
    assert account.event_positions == {0: 9, 2: 0}
    assert account.patients == {b"a" * 16}


def test_a_line_that_was_not_sent_is_a_refusal_and_not_balanced() -> None:
    account = Account()
    records = list(account.reading([record_of(1, b'{"resourceType": "Bundle"}'), Record(2, None)]))
    document = account.document("f.ndjson", None)
    assert [record.line for record in records] == [1, 2]
    assert document["bundles"] == 1
    assert [(letter["line"], letter["code"]) for letter in document["dead_letters"]] == [(2, "LINE_TOO_LONG")]
    assert not document["balanced"]
