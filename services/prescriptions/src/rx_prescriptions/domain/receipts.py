"""Summarises the outcome of each inbound record as a receipt."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rx_contracts.ids import EventKey
from rx_ingest.model import Draft, Position, ReadEntry, ReadRecord, UncodedProduct

from rx_prescriptions.domain.ledger import BatchDecision, DraftVerdict, JudgedDraft
from rx_prescriptions.domain.model import Receipt, Rejection, ResourceCount, UncodedCount

JudgedEntries = Mapping[tuple[Position, int], list[JudgedDraft]]
"""Judged drafts by position of their record and number of their entry."""


def by_entry(decision: BatchDecision) -> JudgedEntries:
    """Group the judged drafts of a decision by their entry."""
    found: dict[tuple[Position, int], list[JudgedDraft]] = {}
    for judged in decision.judged:
        found.setdefault((judged.draft.position, judged.draft.entry), []).append(judged)
    return found


def rejections(read: ReadRecord, judged: JudgedEntries) -> tuple[Rejection, ...]:
    """Return why entries of the record are dead letters, in order."""
    return tuple(found for entry in read.entries for found in _entry_rejections(read, entry, judged))


def receipt(read: ReadRecord, judged: JudgedEntries, published: Mapping[EventKey, Position]) -> Receipt:
    """Return the receipt of a record. `published`: positions of the batch's events in `rx.medication-events.v1`."""
    kinds: dict[str, ResourceCount] = {}
    for entry in read.entries:
        _count(kinds.setdefault(entry.kind, ResourceCount(kind=entry.kind)), read, entry, judged)
    drafts = read.drafts
    return Receipt(
        position=read.record.position,
        resources=tuple(kinds[kind] for kind in sorted(kinds)),
        ignored=dict(sorted(read.ignored.items())),
        rejections=rejections(read, judged),
        uncoded=_uncoded(drafts),
        event_positions=_highest_offsets(published[draft.key] for draft in drafts if draft.key in published),
        patients=tuple(sorted({draft.patient for draft in drafts})),
    )


def _entry_rejections(read: ReadRecord, entry: ReadEntry, judged: JudgedEntries) -> list[Rejection]:
    if entry.error:
        return [Rejection(entry=entry.number, code=entry.error.code, reason=entry.error.reason)]
    found = judged.get((read.record.position, entry.number), [])
    return [draft.rejection for draft in found if draft.rejection]


def _count(count: ResourceCount, read: ReadRecord, entry: ReadEntry, judged: JudgedEntries) -> None:
    verdicts = {draft.verdict for draft in judged.get((read.record.position, entry.number), [])}
    count.read += 1
    if entry.error or DraftVerdict.CONFLICT in verdicts:
        count.dead_letter += 1
    elif verdicts & {DraftVerdict.STORED, DraftVerdict.REPLAYED}:
        count.stored += 1
    else:
        count.unchanged += 1


def _uncoded(drafts: Iterable[Draft]) -> tuple[UncodedCount, ...]:
    return uncoded_counts(product for draft in drafts for product in draft.unknown)


def uncoded_counts(products: Iterable[UncodedProduct]) -> tuple[UncodedCount, ...]:
    """Return one count for each work item, sorted by item; its display is that of the first product."""
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], UncodedProduct] = {}
    for product in products:
        counts[product.item] += 1
        first.setdefault(product.item, product)
    return tuple(UncodedCount(product=first[item], count=counts[item]) for item in sorted(counts))


def _highest_offsets(positions: Iterable[Position]) -> tuple[Position, ...]:
    highest: dict[int, int] = {}
    for partition, offset in positions:
        highest[partition] = max(offset, highest.get(partition, -1))
    return tuple(Position(partition, highest[partition]) for partition in sorted(highest))
