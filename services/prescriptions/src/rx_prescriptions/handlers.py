"""What the service does: gather, decide, apply."""

from collections.abc import Collection, Mapping, Sequence

from rx_ingest.envelope import CLOUD_EVENT_TYPES, EVENT_JSON, FHIR_JSON
from rx_ingest.model import EventKey, EventVersion, InboundRecord, Position, Pseudonym
from rx_ingest.reader import Reader
from rx_runtime.errors import InvalidInput
from rx_runtime.kafka import headers

from rx_prescriptions.domain.ledger import ToPublish, decide, drafts_of, event_class
from rx_prescriptions.domain.model import CheckState, HistoryEvent, MedicationHistory, Receipt, UncodedCount
from rx_prescriptions.domain.receipts import by_entry, receipt, rejections, uncoded_counts
from rx_prescriptions.ports import (
    CoreReads,
    DeadLetter,
    Encoder,
    EventStore,
    HistoryRow,
    Inbound,
    KnownSince,
    MonitorPositions,
    NewEvent,
    Outbound,
    Publication,
    StoredEvent,
)

UNCODED_REASON = "UNCODED_PRODUCT"
UNREAD_REASON = "FACT_NOT_READ"
MAX_RECEIPTS, MAX_PATIENTS, MAX_UNCODED, DEFAULT_UNCODED = 5_000, 500, 1_000, 100
_UNSENT = Position(-1, -1)


async def take(
    records: Sequence[InboundRecord], *, reader: Reader, encode: Encoder, store: EventStore, outbound: Outbound
) -> list[Receipt]:
    """Store and publish what the records bring. Done again after a crash at any point, it loses and doubles nothing.

    Order: commit to the store, publish and await every acknowledgement, then the receipts. Only after it returns may
    the inbound offset move. Returns the receipts of the records, in order.
    """
    batch = [reader.read(record) for record in records]
    drafts = drafts_of(batch)
    async with store.writing() as writing:
        decision = decide(drafts, await writing.held({draft.key for draft in drafts}))
        new = {draft.version: NewEvent(draft=draft, payload=encode(draft)) for draft in decision.new}
        await writing.save(
            list(new.values()), uncoded_counts(product for draft in decision.new for product in draft.unknown)
        )
        stored = await writing.stored([one.version for one in decision.to_publish if one.version not in new])
    judged = by_entry(decision)
    letters = [
        DeadLetter(record=read.record, rejections=found) for read in batch if (found := rejections(read, judged))
    ]
    publications = _publications(decision.to_publish, new, {one.version: one for one in stored})
    positions = await outbound.send(publications, letters)
    published = {one.version: position for one, position in zip(publications, positions, strict=True)}
    by_key = {version.key: position for version, position in published.items()}
    receipts = [receipt(read, judged, by_key) for read in batch]
    await store.finish(published, receipts)
    return receipts


def _publications(
    wanted: Sequence[ToPublish], new: Mapping[EventVersion, NewEvent], stored: Mapping[EventVersion, StoredEvent]
) -> list[Publication]:
    return [_publication(one, new.get(one.version), stored.get(one.version)) for one in wanted]


def _publication(wanted: ToPublish, new: NewEvent | None, stored: StoredEvent | None) -> Publication:
    if new:
        patient, first, payload = new.draft.patient, new.draft.event_class, new.payload
    elif stored:
        patient, first, payload = stored.patient, stored.event_class, stored.payload
    else:
        raise LookupError("an event to publish is neither new nor stored")
    return Publication(
        version=wanted.version,
        patient=patient,
        event_class=event_class(first, corrects=wanted.corrects),
        classified_now=new is not None,
        payload=payload,
    )


async def record_event(
    document: bytes, content_type: str, *, source: str, site_id: str, now_ms: int, reader: Reader, inbound: Inbound
) -> Position:
    """Write one document to the inbound topic, the path that every other sender uses.

    Raises InvalidInput with the code of the first thing that would be refused; nothing is written then.
    """
    if content_type not in (EVENT_JSON, FHIR_JSON):
        raise InvalidInput("CONTENT_TYPE_NOT_SUPPORTED", f"the content type is neither {EVENT_JSON} nor {FHIR_JSON}")
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
            where = entry.error.pointer or "the document"
            raise InvalidInput(entry.error.code, f"{where}: {entry.error.message}")
    drafts = drafts_of([read])
    if not drafts:
        raise InvalidInput("NO_EVENT", "the document holds no medication event")
    key = drafts[0].key
    attributes |= {
        headers.CLOUD_EVENT_VERSION: "1.0",
        headers.CLOUD_EVENT_TYPE: CLOUD_EVENT_TYPES[content_type],
        headers.CLOUD_EVENT_ID: key.hex(),
        headers.CLOUD_EVENT_SOURCE: drafts[0].event.source,
    }
    return await inbound.write(key, document, _headers(attributes))


def _headers(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in attributes.items() if text]


async def list_receipts(positions: Sequence[Position], *, store: EventStore) -> list[Receipt]:
    """One receipt for each position already processed, in the order asked."""
    if not 1 <= len(positions) <= MAX_RECEIPTS:
        raise InvalidInput("TOO_MANY_POSITIONS", f"asks for 1 to {MAX_RECEIPTS} positions")
    found = {one.position: one for one in await store.receipts(set(positions))}
    return [found[position] for position in positions if position in found]


async def histories(
    patients: Sequence[Pseudonym],
    *,
    store: EventStore,
    monitor: MonitorPositions,
    known_since: KnownSince,
    core_reads: CoreReads,
) -> list[MedicationHistory]:
    """One history for each patient, in that order. An unknown patient has an empty one."""
    if not 1 <= len(patients) <= MAX_PATIENTS:
        raise InvalidInput("TOO_MANY_PATIENTS", f"asks for 1 to {MAX_PATIENTS} patients")
    rows: dict[Pseudonym, list[HistoryRow]] = {patient: [] for patient in patients}
    for row in await store.history(rows.keys()):
        rows[row.patient].append(row)
    newest = await store.newest_recorded()
    return [
        MedicationHistory(
            patient=patient,
            events=tuple(_history_event(row, monitor, core_reads) for row in sorted(rows[patient], key=_place)),
            known_since=known_since({row.source for row in rows[patient]}),
            newest_recorded=newest,
        )
        for patient in patients
    ]


def _place(row: HistoryRow) -> tuple[object, EventKey]:
    return row.occurred, row.key


def _history_event(row: HistoryRow, monitor: MonitorPositions, core_reads: CoreReads) -> HistoryEvent:
    if not row.fully_coded or not core_reads(row.payload):
        return HistoryEvent(
            payload=row.payload,
            check_state=CheckState.NOT_ASSESSED,
            not_assessed_reason=UNREAD_REASON if row.fully_coded else UNCODED_REASON,
        )
    checked = row.published is not None and monitor.passed(row.published)
    return HistoryEvent(payload=row.payload, check_state=CheckState.CHECKED if checked else CheckState.PENDING)


async def uncoded_products(page_size: int, *, store: EventStore) -> Collection[UncodedCount]:
    """Work items, most frequent first."""
    if page_size > MAX_UNCODED:
        raise InvalidInput("PAGE_SIZE_TOO_LARGE", f"asks for at most {MAX_UNCODED} items")
    return await store.uncoded(page_size or DEFAULT_UNCODED)
