"""What the service does: gather, decide, apply."""

from collections.abc import Collection, Mapping, Sequence

from rx_contracts.ids import EventKey, Pseudonym
from rx_ingest.model import EventVersion, InboundRecord, Position
from rx_ingest.reader import Reader
from rx_ingest.registry import FORMATS
from rx_runtime.errors import InvalidInput
from rx_runtime.kafka import headers

from rx_prescriptions.domain.ledger import PendingPublication, decide, published_class
from rx_prescriptions.domain.model import CheckState, HistoryEvent, MedicationHistory, Receipt, UncodedCount
from rx_prescriptions.domain.receipts import by_entry, receipt, rejections, uncoded_counts
from rx_prescriptions.ports import (
    DeadLetter,
    Encoder,
    EventStore,
    HistoryRow,
    InboundTopic,
    IsReadByCore,
    KnownSince,
    MonitorPositions,
    NewEvent,
    OutboundTopics,
    Publication,
    StoredEvent,
)

UNCODED_REASON = "UNCODED_PRODUCT"
UNREAD_REASON = "FACT_NOT_READ"
MAX_RECEIPTS, MAX_PATIENTS, MAX_UNCODED, DEFAULT_UNCODED = 5_000, 500, 1_000, 100
_UNSENT = Position(-1, -1)


async def process_inbound(
    records: Sequence[InboundRecord], *, reader: Reader, encode: Encoder, store: EventStore, outbound: OutboundTopics
) -> list[Receipt]:
    """Store and publish the events of a batch; return the receipts of the records, in order.

    Idempotent: repeated after a crash at any point, it loses nothing and stores nothing twice; events are published at
    least once. Order: commit to the store, publish and await every acknowledgement, store the receipts. The caller
    commits the consumer offset only after this returns. Raises DependencyUnavailable.
    """
    batch = [reader.read(record) for record in records]
    drafts = [draft for read in batch for draft in read.drafts]
    async with store.transaction() as transaction:
        decision = decide(drafts, await transaction.stored_revisions({draft.key for draft in drafts}))
        new = {draft.version: NewEvent(draft=draft, payload=encode(draft)) for draft in decision.new}
        await transaction.save(
            list(new.values()), uncoded_counts(product for draft in decision.new for product in draft.unknown)
        )
        stored = await transaction.stored_events(
            [pending.version for pending in decision.to_publish if pending.version not in new]
        )
    judged = by_entry(decision)
    letters = [
        DeadLetter(record=read.record, rejections=found) for read in batch if (found := rejections(read, judged))
    ]
    publications = _publications(decision.to_publish, new, {event.version: event for event in stored})
    positions = await outbound.send(publications, letters)
    published = {event.version: position for event, position in zip(publications, positions, strict=True)}
    by_key = {version.key: position for version, position in published.items()}
    receipts = [receipt(read, judged, by_key) for read in batch]
    await store.complete(published, receipts)
    return receipts


def _publications(
    wanted: Sequence[PendingPublication],
    new: Mapping[EventVersion, NewEvent],
    stored: Mapping[EventVersion, StoredEvent],
) -> list[Publication]:
    return [_publication(pending, new.get(pending.version), stored.get(pending.version)) for pending in wanted]


def _publication(pending: PendingPublication, new: NewEvent | None, stored: StoredEvent | None) -> Publication:
    if new:
        patient, first, payload = new.draft.patient, new.draft.event_class, new.payload
    elif stored:
        patient, first, payload = stored.patient, stored.event_class, stored.payload
    else:
        raise LookupError("an event to publish is neither new nor stored")
    return Publication(
        version=pending.version,
        patient=patient,
        event_class=published_class(first, corrects=pending.corrects),
        classified_now=new is not None,
        payload=payload,
    )


async def record_event(
    document: bytes,
    content_type: str,
    *,
    source: str,
    site_id: str,
    now_ms: int,
    reader: Reader,
    inbound: InboundTopic,
) -> Position:
    """Write one document to the inbound topic, the write path of every sender; return its position.

    `now_ms`: Unix time. Raises InvalidInput with the code of the first refusal; then nothing is written.
    """
    found = FORMATS.by_media_type(content_type)
    if found is None:
        raise InvalidInput("CONTENT_TYPE_NOT_SUPPORTED", f"the content type is {FORMATS.supported}")
    attributes = {
        headers.CONTENT_TYPE: content_type,
        headers.CLOUD_EVENT_SOURCE: source,
        headers.CLOUD_EVENT_SITE_ID: site_id,
    }
    read = reader.read(
        InboundRecord(position=_UNSENT, key=None, value=document, headers=_headers(attributes), timestamp_ms=now_ms)
    )
    for entry in read.entries:
        if entry.error:
            raise InvalidInput(entry.error.code, entry.error.reason)
    drafts = read.drafts
    if not drafts:
        raise InvalidInput("NO_EVENT", "the document holds no medication event")
    key = drafts[0].key
    attributes |= {
        headers.CLOUD_EVENT_VERSION: "1.0",
        headers.CLOUD_EVENT_TYPE: found.cloud_event_type,
        headers.CLOUD_EVENT_ID: key.hex(),
        headers.CLOUD_EVENT_SOURCE: drafts[0].event.source,
    }
    return await inbound.write(key, document, _headers(attributes))


def _headers(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in attributes.items() if text]


async def list_receipts(positions: Sequence[Position], *, store: EventStore) -> list[Receipt]:
    """Return the receipts of those positions that are processed, in the requested order.

    Raises InvalidInput TOO_MANY_POSITIONS, also for none.
    """
    if not 1 <= len(positions) <= MAX_RECEIPTS:
        raise InvalidInput("TOO_MANY_POSITIONS", f"asks for 1 to {MAX_RECEIPTS} positions")
    found = {receipt.position: receipt for receipt in await store.receipts(set(positions))}
    return [found[position] for position in positions if position in found]


async def medication_histories(
    patients: Sequence[Pseudonym],
    *,
    store: EventStore,
    monitor: MonitorPositions,
    known_since: KnownSince,
    is_read_by_core: IsReadByCore,
) -> list[MedicationHistory]:
    """Return one history for each patient, in order; that of an unknown patient is empty.

    Raises InvalidInput TOO_MANY_PATIENTS, also for none.
    """
    if not 1 <= len(patients) <= MAX_PATIENTS:
        raise InvalidInput("TOO_MANY_PATIENTS", f"asks for 1 to {MAX_PATIENTS} patients")
    rows: dict[Pseudonym, list[HistoryRow]] = {patient: [] for patient in patients}
    for row in await store.history(rows.keys()):
        rows[row.patient].append(row)
    newest = await store.newest_recorded()
    return [
        MedicationHistory(
            patient=patient,
            events=tuple(
                _history_event(row, monitor, is_read_by_core) for row in sorted(rows[patient], key=_by_occurrence)
            ),
            known_since=known_since({row.source for row in rows[patient]}),
            newest_recorded=newest,
        )
        for patient in patients
    ]


def _by_occurrence(row: HistoryRow) -> tuple[object, EventKey]:
    return row.occurred, row.key


def _history_event(row: HistoryRow, monitor: MonitorPositions, is_read_by_core: IsReadByCore) -> HistoryEvent:
    if not row.fully_coded or not is_read_by_core(row.payload):
        return HistoryEvent(
            payload=row.payload,
            check_state=CheckState.NOT_ASSESSED,
            not_assessed_reason=UNREAD_REASON if row.fully_coded else UNCODED_REASON,
        )
    checked = row.published is not None and monitor.has_passed(row.published)
    return HistoryEvent(payload=row.payload, check_state=CheckState.CHECKED if checked else CheckState.PENDING)


async def list_uncoded_products(page_size: int, *, store: EventStore) -> Collection[UncodedCount]:
    """Return work items, most frequent first; `page_size` 0 means 100. Raises InvalidInput PAGE_SIZE_TOO_LARGE."""
    if page_size > MAX_UNCODED:
        raise InvalidInput("PAGE_SIZE_TOO_LARGE", f"asks for at most {MAX_UNCODED} items")
    return await store.uncoded(page_size or DEFAULT_UNCODED)
