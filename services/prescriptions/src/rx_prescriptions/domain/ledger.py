"""Decides which drafts are new. The inbound position that first stored an event tells a replay from a duplicate.

| stored for (event, revision)           | verdict                                                     |
|----------------------------------------|-------------------------------------------------------------|
| nothing                                | stored, published                                           |
| equal content, same position and entry | replayed: an earlier attempt stored it; published again     |
| equal content, another position        | unchanged: counted, not published                           |
| other content, or another patient      | dead letter                                                 |

The published revision of an event is always the highest one stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rx_contracts.ids import EventKey, Pseudonym
from rx_ingest.model import Draft, EventClass, EventVersion, Position

from rx_prescriptions.domain.model import Rejection


class DraftVerdict(StrEnum):
    """The outcome of a draft."""

    STORED = "stored"
    REPLAYED = "replayed"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRevision:
    """A revision that is already stored."""

    version: EventVersion
    patient: Pseudonym
    content: bytes  # 16-byte hash, see Draft.content
    position: Position
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPublication:
    """The highest revision of an event, to be published."""

    version: EventVersion
    draft: Draft | None  # None: an earlier batch stored the revision
    corrects: bool  # more than one revision is stored


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDraft:
    """A draft with its verdict; a conflict has a rejection."""

    draft: Draft
    verdict: DraftVerdict
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDecision:
    """What to store and publish for a batch, and the verdict of each draft."""

    judged: tuple[JudgedDraft, ...]
    new: tuple[Draft, ...]
    to_publish: tuple[PendingPublication, ...]


def decide(drafts: Sequence[Draft], stored: Iterable[StoredRevision]) -> BatchDecision:
    """Return the decision for drafts in this order, given every stored revision of their events."""
    revisions: dict[EventKey, dict[int, StoredRevision | Draft]] = {}
    for revision in stored:
        revisions.setdefault(revision.version.key, {})[revision.version.revision] = revision
    judged: list[JudgedDraft] = []
    new: list[Draft] = []
    touched: dict[EventKey, None] = {}
    for draft in drafts:
        known = revisions.setdefault(draft.key, {})
        outcome = _judge(draft, known)
        if outcome.verdict is DraftVerdict.STORED:
            known[draft.revision] = draft
            new.append(draft)
        if outcome.verdict in (DraftVerdict.STORED, DraftVerdict.REPLAYED):
            touched[draft.key] = None
        judged.append(outcome)
    return BatchDecision(
        judged=tuple(judged),
        new=tuple(new),
        to_publish=tuple(_highest_revision(key, revisions[key]) for key in touched),
    )


def published_class(first: EventClass, *, corrects: bool) -> EventClass:
    """Return the class to publish. Only a single first revision may be irrelevant."""
    return EventClass.CORRECTION if corrects else first


def _judge(draft: Draft, known: dict[int, StoredRevision | Draft]) -> JudgedDraft:
    if any(revision.patient != draft.patient for revision in known.values()):
        return _conflict(draft, "EVENT_PATIENT_CHANGED", "the event is on record for another patient")
    same = known.get(draft.revision)
    if same is None:
        return JudgedDraft(draft=draft, verdict=DraftVerdict.STORED)
    if same.content != draft.content:
        return _conflict(draft, "EVENT_CONFLICT", "this revision is on record with other content; send a higher one")
    is_replay = (same.position, same.entry) == (draft.position, draft.entry)
    return JudgedDraft(draft=draft, verdict=DraftVerdict.REPLAYED if is_replay else DraftVerdict.UNCHANGED)


def _conflict(draft: Draft, code: str, reason: str) -> JudgedDraft:
    rejection = Rejection(entry=draft.entry, code=code, reason=reason)
    return JudgedDraft(draft=draft, verdict=DraftVerdict.CONFLICT, rejection=rejection)


def _highest_revision(key: EventKey, revisions: dict[int, StoredRevision | Draft]) -> PendingPublication:
    number = max(revisions)
    highest = revisions[number]
    return PendingPublication(
        version=EventVersion(key, number),
        draft=highest if isinstance(highest, Draft) else None,
        corrects=len(revisions) > 1,
    )
