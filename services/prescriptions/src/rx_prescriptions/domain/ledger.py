"""Which drafts are new: the position that first brought an event tells a replay from a duplicate.

| held for (event, revision)             | verdict                                                     |
|----------------------------------------|-------------------------------------------------------------|
| nothing                                | stored, published                                           |
| equal content, same position and entry | replayed: an earlier attempt got this far; published again  |
| equal content, another position        | unchanged: counted, not published                           |
| other content, or another patient      | dead letter                                                 |

What is published of an event is always the highest revision held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rx_ingest.model import Draft, EventClass, EventKey, EventVersion, Position, Pseudonym, ReadRecord

from rx_prescriptions.domain.model import Rejection


class Verdict(StrEnum):
    """What becomes of a draft."""

    STORED = "stored"
    REPLAYED = "replayed"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A revision that is already stored."""

    version: EventVersion
    patient: Pseudonym
    content: bytes
    position: Position
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPublish:
    """The highest revision of an event; `draft` is None if an earlier batch stored it."""

    version: EventVersion
    draft: Draft | None
    corrects: bool  # more than one revision is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to store and publish for a batch, and what became of each draft."""

    verdicts: tuple[tuple[Draft, Verdict, Rejection | None], ...]
    new: tuple[Draft, ...]
    to_publish: tuple[ToPublish, ...]


def drafts_of(batch: Iterable[ReadRecord]) -> list[Draft]:
    """The drafts of records in order."""
    return [draft for read in batch for entry in read.entries for draft in entry.drafts]


def decide(drafts: Sequence[Draft], held: Iterable[Held]) -> Decision:
    """What becomes of drafts in this order, given every revision held of their events."""
    revisions: dict[EventKey, dict[int, Held | Draft]] = {}
    for one in held:
        revisions.setdefault(one.version.key, {})[one.version.revision] = one
    verdicts: list[tuple[Draft, Verdict, Rejection | None]] = []
    new: list[Draft] = []
    touched: dict[EventKey, None] = {}
    for draft in drafts:
        known = revisions.setdefault(draft.key, {})
        verdict, rejection = _judge(draft, known)
        if verdict is Verdict.STORED:
            known[draft.revision] = draft
            new.append(draft)
        if verdict in (Verdict.STORED, Verdict.REPLAYED):
            touched[draft.key] = None
        verdicts.append((draft, verdict, rejection))
    return Decision(
        verdicts=tuple(verdicts),
        new=tuple(new),
        to_publish=tuple(_highest(key, revisions[key]) for key in touched),
    )


def event_class(first: EventClass, *, corrects: bool) -> EventClass:
    """Class of what is published: only a lone first revision may pass unread."""
    return EventClass.CORRECTION if corrects else first


def _judge(draft: Draft, known: dict[int, Held | Draft]) -> tuple[Verdict, Rejection | None]:
    if any(one.patient != draft.patient for one in known.values()):
        return _conflict(draft, "EVENT_PATIENT_CHANGED", "the event is on record for another patient")
    same = known.get(draft.revision)
    if same is None:
        return Verdict.STORED, None
    if same.content != draft.content:
        return _conflict(draft, "EVENT_CONFLICT", "this revision is on record with other content; send a higher one")
    replayed = (same.position, same.entry) == (draft.position, draft.entry)
    return (Verdict.REPLAYED if replayed else Verdict.UNCHANGED), None


def _conflict(draft: Draft, code: str, reason: str) -> tuple[Verdict, Rejection]:
    return Verdict.CONFLICT, Rejection(entry=draft.entry, code=code, reason=reason)


def _highest(key: EventKey, revisions: dict[int, Held | Draft]) -> ToPublish:
    revision = max(revisions)
    highest = revisions[revision]
    return ToPublish(
        version=EventVersion(key, revision),
        draft=highest if isinstance(highest, Draft) else None,
        corrects=len(revisions) > 1,
    )
