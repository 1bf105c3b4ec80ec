"""Process a batch of the event log.

    batch of rx.medication-events.v1
      -> gather   skip records that cannot matter, decode the rest, look up the patients
      -> decide   fold and assess (pure)
      -> write    findings, acknowledged; then states, acknowledged; then repair stale writes
      -> advance  progress

A crash anywhere repeats work and loses none: offsets are committed from progress alone.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rx_contracts.ids import Pseudonym
from rx_runtime.kafka import headers

from rx_monitor.domain.decide import BatchDecision, IncomingEvent, decide
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.patient import Patient
from rx_monitor.domain.progress import EventsMissingError, Progress
from rx_monitor.domain.store import PartitionStore
from rx_monitor.handlers.write_outputs import write_outputs
from rx_monitor.ports import Batch, Codec, EventRecord, Ports, Relevance

IRRELEVANT = b"irrelevant"
"""Value of the header `rx-class` of an event that may be skipped: first revision, coded, concerns no rule."""

_EVENT_CLASS, _EVENT_KEY, _RULESET = headers.EVENT_CLASS, headers.EVENT_KEY, headers.RULESET


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Counts of one processed batch."""

    skipped: int
    """Records skipped without decoding."""
    folded: int
    """Records decoded and folded in."""
    changed_patients: int
    published: int
    """Finding sets."""


async def process_batch(batch: Batch, ports: Ports, state: PartitionState) -> BatchSummary:
    """Process one batch to its end, then advance progress.

    Raises EventsMissingError, NotOwnedError, RecordTooLargeError, ValueError, or what a port raises. After any
    exception, progress has not advanced; unless it is RecordTooLargeError, the process must end.
    """
    _check_complete(batch, state.progress)
    store = state.stores.of(batch.generation, batch.partition)
    events = list(gather(batch, store, ports))
    decision = BatchDecision()
    if events:
        known = load_patients({incoming.patient for incoming in events}, store, ports.codec)
        replay_end = state.rebuilds.replay_end_offset(batch.partition)
        # In a thread: assessing a long history must not delay health checks and commits.
        decision = await asyncio.to_thread(decide, known, events, ports.assess, replay_end)
        await write_outputs(batch.partition, decision, store, ports)
    state.progress.advance(batch.generation, batch.partition, batch.next_offset)
    return BatchSummary(
        skipped=len(batch.records) - len(events),
        folded=len(events),
        changed_patients=len(decision.patients),
        published=len(decision.findings),
    )


def gather(batch: Batch, store: PartitionStore, ports: Ports) -> Iterator[IncomingEvent]:
    """Yield the decoded events that may change something. Raises ValueError if a record breaks its contract."""
    codec, relevance = ports.codec, ports.relevance
    for record in batch.records:
        if not can_skip(record, store, codec, relevance):
            yield IncomingEvent(record.key, record.offset, codec.decode_event(record))


def can_skip(record: EventRecord, store: PartitionStore, codec: Codec, relevance: Relevance) -> bool:
    """Return True if the record may be skipped without decoding.

    Uses headers only; never skips a key with a stored revision. If the producer's ruleset is not trusted, also checks
    the event's drug codes.
    """
    event_class = key = ruleset = None
    for name, value in record.headers:  # no dictionary: building one costs more than the rest of this function
        if name == _EVENT_CLASS:
            event_class = value
        elif name == _EVENT_KEY:
            key = value
        elif name == _RULESET:
            ruleset = value
    if event_class != IRRELEVANT or key is None:
        return False
    if ruleset not in relevance.trusted_rulesets and relevance.concerns_rules(record.value):
        return False
    encoded = store.get(record.key)
    return encoded is None or not codec.may_hold(encoded, key)


def load_patients(names: Iterable[Pseudonym], store: PartitionStore, codec: Codec) -> dict[Pseudonym, Patient]:
    """Decode the stored patients among `names`."""
    return {name: codec.decode_state(encoded) for name in names if (encoded := store.get(name)) is not None}


def _check_complete(batch: Batch, progress: Progress) -> None:
    progress.expect(batch.generation, batch.partition, batch.first_offset)
    if batch.next_offset - batch.first_offset != len(batch.records):
        raise EventsMissingError(f"partition {batch.partition}: the batch from {batch.first_offset} has gaps")
