"""Receipts: what became of each inbound record, summed up."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rx_ingest.model import Draft, EventKey, Position, ReadEntry, ReadRecord, UncodedProduct

from rx_prescriptions.domain.ledger import Decision, Verdict
from rx_prescriptions.domain.model import Receipt, Rejection, ResourceCount, UncodedCount

Judged = Mapping[tuple[Position, int], list[tuple[Draft, Verdict, Rejection | None]]]


def by_entry(decision: Decision) -> Judged:
    """Verdicts of a decision by the place of their entry."""
    found: dict[tuple[Position, int], list[tuple[Draft, Verdict, Rejection | None]]] = {}
    for judged in decision.verdicts:
        found.setdefault((judged[0].position, judged[0].entry), []).append(judged)
    return found


def rejections(read: ReadRecord, judged: Judged) -> tuple[Rejection, ...]:
    """Why entries of the record go to the dead-letter topic, in order."""
    return tuple(found for entry in read.entries for found in _rejections(read, entry, judged))


def receipt(read: ReadRecord, judged: Judged, published: Mapping[EventKey, Position]) -> Receipt:
    """The receipt of one record. `published`: where the events of the batch stand in `rx.medication-events.v1`."""
    kinds: dict[str, ResourceCount] = {}
    for entry in read.entries:
        _count(kinds.setdefault(entry.kind, ResourceCount(kind=entry.kind)), read, entry, judged)
    drafts = [draft for entry in read.entries for draft in entry.drafts]
    return Receipt(
        position=read.record.position,
        resources=tuple(kinds[kind] for kind in sorted(kinds)),
        ignored=dict(sorted(read.ignored.items())),
        rejections=rejections(read, judged),
        uncoded=_uncoded(drafts),
        event_positions=_highest(published[draft.key] for draft in drafts if draft.key in published),
        patients=tuple(sorted({draft.patient for draft in drafts})),
    )


def _rejections(read: ReadRecord, entry: ReadEntry, judged: Judged) -> list[Rejection]:
    if entry.error:
        where = entry.error.pointer or "the document"
        return [Rejection(entry=entry.number, code=entry.error.code, reason=f"{where}: {entry.error.message}")]
    verdicts = judged.get((read.record.position, entry.number), [])
    return [rejection for _, _, rejection in verdicts if rejection]


def _count(count: ResourceCount, read: ReadRecord, entry: ReadEntry, judged: Judged) -> None:
    verdicts = {verdict for _, verdict, _ in judged.get((read.record.position, entry.number), [])}
    count.read += 1
    if entry.error or Verdict.CONFLICT in verdicts:
        count.dead_letter += 1
    elif verdicts & {Verdict.STORED, Verdict.REPLAYED}:
        count.stored += 1
    else:
        count.unchanged += 1


def _uncoded(drafts: Iterable[Draft]) -> tuple[UncodedCount, ...]:
    return uncoded_counts(product for draft in drafts for product in draft.unknown)


def uncoded_counts(products: Iterable[UncodedProduct]) -> tuple[UncodedCount, ...]:
    """One count a work item, sorted; the display is the first one seen."""
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], UncodedProduct] = {}
    for product in products:
        counts[product.item] += 1
        first.setdefault(product.item, product)
    return tuple(UncodedCount(product=first[item], count=counts[item]) for item in sorted(counts))


def _highest(positions: Iterable[Position]) -> tuple[Position, ...]:
    highest: dict[int, int] = {}
    for partition, offset in positions:
        highest[partition] = max(offset, highest.get(partition, -1))
    return tuple(Position(partition, highest[partition]) for partition in sorted(highest))
