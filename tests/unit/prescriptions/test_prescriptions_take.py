"""Taking records: what is stored, published and dead-lettered, also when it is done twice or torn apart by a crash."""

import json
from importlib import resources

import pytest
from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import load_catalogue
from rx_clinical.model.facts import UnreadFact, event_key
from rx_contracts.edge.event import EVENT_MODELS
from rx_contracts.wire.event_facts import fact_from_event
from rx_ingest.encoding import encode_event, is_read_by_core
from rx_ingest.model import EventClass, InboundRecord, Position
from rx_ingest.reader import Reader
from rx_prescriptions.domain.model import CheckState
from rx_prescriptions.handlers import (
    list_receipts,
    list_uncoded_products,
    medication_histories,
    process_inbound,
    record_event,
)
from rx_runtime.errors import DependencyUnavailable, InvalidInput
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

from tests.lib.memory_event_store import MemoryEventStore, MemoryInboundTopic, MemoryOutboundTopics

EXAMPLES = resources.files("rx_contracts.examples.edge")
SENT_MS = 1_790_000_000_000


def pseudonym(namespace, value):
    return f"{namespace}/{value}".encode().ljust(16, b".")[-16:]


PATIENT = pseudonym("main-street-pms", "P-1042")
READER = Reader(catalogue=load_catalogue(), sites=load_sites(SHIPPED_SITES), pseudonym=pseudonym)


class Edge:
    """The handlers on ports in memory."""

    def __init__(self):
        self.store = MemoryEventStore()
        self.outbound = MemoryOutboundTopics()
        self.offset = 0

    async def take(self, *documents, offset=None):
        """Send documents as one batch; their receipts. `offset` repeats an earlier position."""
        first = self.offset if offset is None else offset
        self.offset = max(self.offset, first + len(documents))
        records = [
            InboundRecord(position=Position(0, first + n), key=b"k", value=value, timestamp_ms=SENT_MS)
            for n, value in enumerate(documents)
        ]
        return await process_inbound(
            records, reader=READER, encode=encode_event, store=self.store, outbound=self.outbound
        )

    @property
    def classes(self):
        return [one.event_class for one in self.outbound.events]

    @property
    def published(self):
        return [Event.FromString(one.payload) for one in self.outbound.events]


@pytest.fixture
def edge():
    return Edge()


def event(kind="medication_filled", **changes):
    return json.dumps(json.loads(EXAMPLES.joinpath(f"{kind}.json").read_text()) | changes).encode()


def medicine(code, **changes):
    return {"codings": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}], **changes}


def counts(receipt):
    return [(one.kind, one.read, one.stored, one.unchanged, one.dead_letter) for one in receipt.resources]


async def test_a_new_event_is_stored_and_published_with_its_position_and_key(edge):
    [receipt] = await edge.take(event())
    [published] = edge.published

    assert counts(receipt) == [("medication_filled", 1, 1, 0, 0)]
    assert receipt.event_positions == (Position(0, 0),)
    assert receipt.patients == (PATIENT,)
    assert published.event_key == event_key("main-street-pms", "fill-7001-0")
    assert published.medication_filled.prescription_key == event_key("main-street-pms", "rx-7001")
    assert (published.inbound.partition, published.inbound.offset) == (0, 0)
    assert published.site_id == "main-street"


async def test_the_same_position_again_is_a_replay_published_again_with_equal_bytes_and_an_equal_receipt(edge):
    first = await edge.take(event())
    again = await edge.take(event(), offset=0)

    assert counts(again[0]) == counts(first[0])
    assert [one.payload for one in edge.outbound.events] == [edge.outbound.events[0].payload] * 2
    assert edge.classes == [EventClass.RELEVANT] * 2


async def test_equal_content_at_another_position_is_a_duplicate_counted_and_not_published(edge):
    await edge.take(event())
    [receipt] = await edge.take(event())

    assert counts(receipt) == [("medication_filled", 1, 0, 1, 0)]
    assert len(edge.outbound.events) == 1


async def test_a_duplicate_within_one_batch_is_a_duplicate_too_and_stays_one_when_the_batch_is_repeated(edge):
    first = await edge.take(event(), event())
    again = await edge.take(event(), event(), offset=0)

    assert [counts(one)[0][2:] for one in first] == [(1, 0, 0), (0, 1, 0)]
    assert [counts(one)[0][2:] for one in again] == [(1, 0, 0), (0, 1, 0)]


DISPENSE = {
    "resourceType": "MedicationDispense",
    "id": "d1",
    "status": "completed",
    "whenPrepared": "2026-03-01T10:00:00Z",
    "whenHandedOver": "2026-03-01T17:00:00Z",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {"coding": medicine("864706")["codings"]},
}


def bundle(*resources):
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}).encode()


@pytest.mark.parametrize("offsets", [(0,), (0, 0)], ids=["once", "replayed"])
async def test_an_entry_counts_once_whatever_events_it_brings_and_twice_in_a_bundle_is_unchanged(edge, offsets):
    for offset in offsets:
        [receipt] = await edge.take(bundle(DISPENSE, DISPENSE), offset=offset)

    assert counts(receipt) == [("MedicationDispense", 2, 1, 1, 0)]
    assert [one.WhichOneof("fact") for one in edge.published[:2]] == ["medication_filled", "medication_handed_over"]
    assert len(edge.published) == 2 * len(offsets)


async def test_other_content_under_a_revision_on_record_is_a_dead_letter_whole_with_its_reason(edge):
    await edge.take(event())
    changed = event(rx_number="9")
    [receipt] = await edge.take(changed)

    assert counts(receipt) == [("medication_filled", 1, 0, 0, 1)]
    assert [(letter.record.value, letter.rejections[0].code) for letter in edge.outbound.dead_letters] == [
        (changed, "EVENT_CONFLICT")
    ]


async def test_an_event_id_used_for_another_patient_is_a_dead_letter_at_any_revision(edge):
    await edge.take(event())
    await edge.take(event(source_revision=9, patient={"namespace": "main-street-pms", "value": "P-2"}))

    assert edge.outbound.dead_letters[0].rejections[0].code == "EVENT_PATIENT_CHANGED"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_whatever_comes_first_the_highest_revision_is_what_readers_end_with(edge, order):
    for revision in order:
        await edge.take(event(source_revision=revision, rx_number=str(revision)))

    assert edge.published[-1].medication_filled.rx_number == "2"
    assert edge.classes == [EventClass.RELEVANT, EventClass.CORRECTION]


async def test_a_replay_of_a_revision_that_has_been_overtaken_publishes_the_highest_as_a_correction(edge):
    await edge.take(event(source_revision=1, rx_number="1"))
    await edge.take(event(source_revision=2, rx_number="2"))
    await edge.take(event(source_revision=1, rx_number="1"), offset=0)

    assert edge.published[-1].medication_filled.rx_number == "2"
    assert edge.classes[-1] is EventClass.CORRECTION


async def test_only_a_lone_first_revision_without_anything_in_our_tables_may_pass_unread(edge):
    allopurinol, amlodipine_unknown = medicine("197319"), medicine("999999999", text="amlodipine")
    await edge.take(event(medicine=allopurinol))
    await edge.take(event(medicine=allopurinol, source_revision=2))
    await edge.take(event(event_id="x", medicine=amlodipine_unknown))
    await edge.take(event("medication_handed_over"))
    await edge.take(event("medication_returned_to_stock"))
    await edge.take(event("medication_voided"))
    await edge.take(event("stopped"))
    await edge.take(event("patient_fact"))

    assert [one.value for one in edge.classes] == [
        "irrelevant",
        "correction",
        "relevant",
        "correction",
        "correction",
        "correction",
        "correction",
        "relevant",
    ]


ABOUT_THE_PATIENT = (
    "ultra_low_dose_confirmed",
    "opioid_free_evidence",
    "patient_fact",
    "procedure_planned",
    "patient_merged",
)


@pytest.mark.parametrize("kind", ABOUT_THE_PATIENT)
async def test_what_is_said_about_a_patient_without_a_medicine_never_passes_unread(edge, kind):
    await edge.take(event(kind))

    assert edge.classes == [EventClass.RELEVANT]


@pytest.mark.parametrize("kind", ["medication_filled", "medication_reported", "prescription_written"])
@pytest.mark.parametrize(
    "code", ["10582", "10814", "10572", "3008", "42316", "35302", "265323", "1256", "6851"]
)  # levothyroxine liothyronine thyroid cyclosporine tacrolimus sirolimus mycophenolate azathioprine methotrexate
async def test_what_low_dose_naltrexone_concerns_never_passes_unread_by_code_or_as_a_part_of_a_compound(
    edge, kind, code
):
    await edge.take(
        event(kind, event_id="coded", medicine=medicine(code)),
        event(kind, event_id="compound", medicine={"text": "x", "ingredients": [code]}),
    )

    assert edge.classes == [EventClass.RELEVANT] * 2
    assert await list_uncoded_products(0, store=edge.store) == []


async def gone(*_work):
    raise DependencyUnavailable("UNAVAILABLE", "gone")


async def test_a_crash_before_publishing_loses_nothing_when_the_batch_is_repeated(edge):
    send, edge.outbound.send = edge.outbound.send, gone
    with pytest.raises(DependencyUnavailable):
        await edge.take(event(), b"broken")
    assert await edge.store.receipts([Position(0, 0)]) == []
    edge.outbound.send = send
    receipts = await edge.take(event(), b"broken", offset=0)

    assert [counts(one)[0][2:] for one in receipts] == [(1, 0, 0), (0, 0, 1)]
    assert len(edge.outbound.events) == len(edge.outbound.dead_letters) == 1


async def test_a_crash_after_publishing_publishes_again_and_ends_with_the_same_receipts(edge):
    complete, edge.store.complete = edge.store.complete, gone
    with pytest.raises(DependencyUnavailable):
        await edge.take(event())
    edge.store.complete = complete
    [receipt] = await edge.take(event(), offset=0)

    assert counts(receipt) == [("medication_filled", 1, 1, 0, 0)]
    assert edge.published[0] == edge.published[1]
    assert receipt.event_positions == (Position(0, 1),)


async def test_an_unknown_product_is_stored_counted_once_and_never_assessed(edge):
    mystery = {"text": "mystery", "codings": [{"system": "urn:local", "code": "M1"}]}
    await edge.take(event(medicine=mystery))
    await edge.take(event(medicine=mystery), offset=0)
    [history] = await history_of(edge, monitor=Passed(99))
    [item] = await list_uncoded_products(0, store=edge.store)

    assert (item.product.code, item.product.display, item.count) == ("M1", "mystery", 1)
    assert history.events[0].check_state is CheckState.NOT_ASSESSED
    assert history.events[0].not_assessed_reason == "UNCODED_PRODUCT"


async def test_products_without_a_code_are_told_apart_by_their_text(edge):
    await edge.take(*[event(event_id=text, medicine={"text": text}) for text in ("naltrexone LDN 4.5", "kratom tea")])
    items = await list_uncoded_products(0, store=edge.store)

    assert [one.product.display for one in items] == ["kratom tea", "naltrexone LDN 4.5"]


async def test_a_compound_with_an_unknown_part_is_assessed_by_what_is_known_and_still_a_work_item(edge):
    compound = {"text": "LDN with something", "ingredients": ["7243", "999999999"], "form_key": "ntx_ldn"}
    await edge.take(event(medicine=compound))
    [history] = await history_of(edge, monitor=Passed(99))

    assert edge.published[0].medication_filled.medicine.coded
    assert edge.classes == [EventClass.RELEVANT]
    assert history.events[0].check_state is CheckState.NOT_ASSESSED


class Passed:
    """A monitor that has passed every event below an offset."""

    def __init__(self, below):
        self.below = below

    def has_passed(self, position):
        return position.offset < self.below


async def history_of(edge, *, monitor, patients=(PATIENT,)):
    return await medication_histories(
        list(patients),
        store=edge.store,
        monitor=monitor,
        known_since=lambda _sources: None,
        is_read_by_core=is_read_by_core,
    )


async def test_a_history_is_the_newest_revisions_oldest_first_each_pending_until_passed(edge):
    later = "2026-03-05T10:00:00Z"
    await edge.take(
        event(event_id="b", occurred_time=later, recorded_time=later), event(event_id="a", source_revision=1)
    )
    await edge.take(event(event_id="a", source_revision=2, rx_number="corrected"))
    [history, nobody] = await history_of(edge, monitor=Passed(1), patients=(PATIENT, b"nobody".ljust(16)))

    events = [Event.FromString(one.payload) for one in history.events]
    assert [(one.event_id, one.medication_filled.rx_number) for one in events] == [("a", "corrected"), ("b", "7001")]
    assert [one.check_state for one in history.events] == [CheckState.PENDING, CheckState.CHECKED]
    assert nobody.events == ()
    assert history.newest_recorded["main-street-pms"].isoformat() == "2026-03-05T10:00:00+00:00"


@pytest.mark.parametrize("kind", EVENT_MODELS)
async def test_an_event_is_called_checked_only_if_the_core_reads_its_fact(edge, kind):
    await edge.take(event(kind))
    [history] = await history_of(edge, monitor=Passed(99))
    [one] = history.events

    unread = isinstance(fact_from_event(edge.published[0]), UnreadFact)
    assert (one.check_state, one.not_assessed_reason) == (
        (CheckState.NOT_ASSESSED, "FACT_NOT_READ") if unread else (CheckState.CHECKED, "")
    )
    assert unread == (kind == "patient_merged")


async def test_receipts_come_in_the_order_asked_and_only_for_what_was_processed(edge):
    await edge.take(event(event_id="a"), event(event_id="b"))
    found = await list_receipts([Position(0, 7), Position(0, 1), Position(0, 0)], store=edge.store)

    assert [one.position for one in found] == [Position(0, 1), Position(0, 0)]


@pytest.mark.parametrize("number", [0, 5_001])
async def test_no_or_too_many_positions_are_refused(edge, number):
    with pytest.raises(InvalidInput, match="TOO_MANY_POSITIONS"):
        await list_receipts([Position(0, 0)] * number, store=edge.store)


async def test_too_many_patients_or_items_are_refused(edge):
    with pytest.raises(InvalidInput, match="TOO_MANY_PATIENTS"):
        await history_of(edge, monitor=Passed(0), patients=[PATIENT] * 501)
    with pytest.raises(InvalidInput, match="PAGE_SIZE_TOO_LARGE"):
        await list_uncoded_products(1_001, store=edge.store)


async def record(document, content_type="application/json", **around):
    inbound = MemoryInboundTopic()
    around = {"source": "", "site_id": "", **around}
    await record_event(document, content_type, now_ms=SENT_MS, reader=READER, inbound=inbound, **around)
    return inbound.records


async def test_a_recorded_event_is_written_as_a_cloud_event_that_reads_back_the_same():
    [(key, value, headers)] = await record(event())
    [entry] = READER.read(InboundRecord(position=Position(0, 0), key=key, value=value, headers=headers)).entries

    assert value == event()
    assert dict(headers)["ce_specversion"] == b"1.0"
    assert entry.drafts[0].event.event_id == "fill-7001-0"


@pytest.mark.parametrize(
    ("document", "content_type", "code"),
    [
        (b"", "application/json", "RECORD_EMPTY"),
        (event(occurred_time="2026-03-01T10:30:00"), "application/json", "TIME_WITHOUT_ZONE"),
        (event(site_id="nowhere"), "application/json", "UNKNOWN_SITE"),
        (event(), "text/plain", "CONTENT_TYPE_NOT_SUPPORTED"),
        (b'{"resourceType": "Observation"}', "application/fhir+json", "FHIR_TYPE_NOT_SUPPORTED"),
        (b'{"resourceType": "Bundle"}', "application/fhir+json", "NO_EVENT"),
    ],
)
async def test_what_would_be_refused_is_refused_before_it_is_written(document, content_type, code):
    with pytest.raises(InvalidInput) as refused:
        await record(document, content_type)

    assert refused.value.code == code
