"""An event comes in here, is decided on, and what follows from it goes out.

    batch of rx.medication-events.v1
      -> gather   leave out what cannot matter, decode the rest, look up the patients
      -> decide   fold and assess (pure)
      -> write    findings, acknowledged; then state, acknowledged
      -> progress

A crash anywhere repeats work and loses none: nothing is committed before progress moves.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rx_runtime.kafka.headers import EVENT_CLASS, EVENT_KEY, RULESET

from rx_monitor.domain.decide import Decision, Incoming, decide
from rx_monitor.domain.patient import Patient, Pseudonym
from rx_monitor.domain.progress import EventsMissingError, Progress
from rx_monitor.domain.store import Foreign, PartitionStore
from rx_monitor.handlers.repair import mend
from rx_monitor.ports import Batch, Codec, EventRecord, Ports, Relevance

IRRELEVANT = b"irrelevant"
"""Value of the header `rx-class` that lets an event pass unread: first revision, coded, nothing in it concerns us."""


class RecordTooLargeError(Exception):
    """A patient's facts or findings have grown beyond one record: nothing of that patient can be left out."""

    def __init__(self, partition: int, patient: Pseudonym, size: int, limit: int) -> None:
        super().__init__(f"partition {partition}: a record of {size} bytes, at most {limit} may be")
        self.partition = partition
        self.patient = patient
        self.size = size


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a batch, in numbers."""

    skipped: int
    folded: int
    changed_patients: int
    published: int


async def process_batch(batch: Batch, ports: Ports) -> Summary:
    """Process one batch to its end. Whatever it raises, progress has not moved and the process must end."""
    _check_complete(batch, ports.progress)
    store = ports.stores.of(batch.generation, batch.partition)
    events = list(gather(batch, store, ports))
    decision = Decision()
    if events:
        known = known_patients({incoming.patient for incoming in events}, store, ports.codec)
        silent_below = ports.rebuilds.silent_below(batch.partition)
        # In a thread: a patient with a long history must not keep health checks and commits waiting.
        decision = await asyncio.to_thread(decide, known, events, ports.assess, silent_below)
        await write(batch.partition, decision, store, ports)
    ports.progress.advance(batch.generation, batch.partition, batch.following)
    return Summary(
        skipped=len(batch.records) - len(events),
        folded=len(events),
        changed_patients=len(decision.patients),
        published=len(decision.findings),
    )


def gather(batch: Batch, store: PartitionStore, ports: Ports) -> Iterator[Incoming]:
    """The events that can change something."""
    for record in batch.records:
        if not can_skip(record, store, ports.relevance):
            yield Incoming(record.key, record.offset, ports.codec.event(record))


def can_skip(record: EventRecord, store: PartitionStore, relevance: Relevance) -> bool:
    """The cheap path: told from the headers, undecoded, and never for an event of which a revision is held.

    The word of tables that may read less than ours, or of none, is checked against the codes of the event.
    """
    event_class = key = ruleset = None
    for name, value in record.headers:  # no dictionary: to make one costs more than all the rest
        if name == EVENT_CLASS:
            event_class = value
        elif name == EVENT_KEY:
            key = value
        elif name == RULESET:
            ruleset = value
    if event_class != IRRELEVANT or key is None:
        return False
    if ruleset not in relevance.trusted and relevance.concerns(record.value):
        return False
    return not store.may_hold(record.key, key)


def known_patients(names: Iterable[Pseudonym], store: PartitionStore, codec: Codec) -> dict[Pseudonym, Patient]:
    """These patients, as far as they are known."""
    return {name: codec.patient(encoded) for name in names if (encoded := store.get(name)) is not None}


async def write(partition: int, decision: Decision, store: PartitionStore, ports: Ports) -> None:
    """Findings before state, so that a state never claims a publication that did not happen."""
    states = {name: ports.codec.encode(patient) for name, patient in decision.patients.items()}
    _check_sizes(partition, [*decision.findings, *states.items()], ports.max_record_bytes)
    published = await ports.outbox.findings(partition, decision.findings)
    stored = await ports.outbox.states(partition, states.items())
    for name, encoded in states.items():
        store.put(name, encoded, is_assessed=decision.patients[name].is_assessed)
    foreign = Foreign(store.findings_tail.passed(published), store.states_tail.passed(stored))
    await mend(partition, foreign, store, ports)


def _check_sizes(partition: int, records: list[tuple[Pseudonym, bytes]], limit: int) -> None:
    for name, value in records:
        if len(value) > limit:
            raise RecordTooLargeError(partition, name, len(value), limit)


def _check_complete(batch: Batch, progress: Progress) -> None:
    progress.expect(batch.generation, batch.partition, batch.first)
    if batch.following - batch.first != len(batch.records):
        raise EventsMissingError(f"partition {batch.partition}: the batch from {batch.first} has holes")
