"""Recorded events without any server: the edge code of the service reads a file, the core assesses each patient.

The answer is a function of the set of events in the file: neither the order nor the repetition of lines matters.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import Assessment, Catalogue, History, assess, check_rules
from rx_clinical.catalogue.tables import TABLES, TableError
from rx_contracts.wire.event_facts import history_facts
from rx_ingest.encoding import encode_event
from rx_ingest.model import WHOLE_DOCUMENT, Draft, InboundRecord, Position, ReadRecord, UncodedProduct
from rx_ingest.reader import Reader
from rx_runtime.errors import InvalidInput
from rx_runtime.sites import SiteRegistry

from rxguard.client.delivery import Progress, silent
from rxguard.client.records import MAX_LINE_BYTES, Headers, Record, headers, open_records

BUILTIN: Final = "builtin"
"""Names the tables that this version ships; a folder of that name is written ./builtin."""

NAME_BYTES: Final = 16
_REPORT_EVERY: Final = 256


def load_rules(folder: str) -> Catalogue:
    """Return the catalogue of a folder of tables, or of the shipped ones for `builtin`.

    Raises InvalidInput RULES_UNREADABLE, naming table and row as the core does.
    """
    path = TABLES if folder == BUILTIN else Path(folder)
    if not path.is_dir():
        raise InvalidInput("RULES_UNREADABLE", f"{folder} is no folder; name one with all tables, or {BUILTIN}")
    try:
        catalogue = Catalogue(path)
        check_rules(catalogue)
    except TableError as error:
        raise _unusable(folder, str(error)) from error
    except (LookupError, ValueError, ArithmeticError) as error:  # a defect that the core does not name by its row
        raise _unusable(folder, f"{type(error).__name__} {error}") from error
    return catalogue


def _unusable(folder: str, reason: str) -> InvalidInput:
    return InvalidInput("RULES_UNREADABLE", f"the tables in {folder} cannot be used: {reason}. Mend it and run again")


def patient_name(namespace: str, value: str) -> bytes:
    """Return the name of a patient outside an installation: a fixed, unkeyed hash of 16 bytes.

    Whoever knows an identifier can compute it: it keeps names apart, and keeps nothing secret.
    """
    issuer = namespace.encode()
    named = b"%d:%b%b" % (len(issuer), issuer, value.encode())
    return hashlib.blake2b(named, digest_size=NAME_BYTES, person=b"rxguard-offline").digest()


class Refusal(NamedTuple):
    """Why an entry of a line was not taken. Holds no patient data."""

    line: int
    entry: int | None  # None: the whole line
    code: str
    reason: str


class Revision(NamedTuple):
    """A revision of an event, reduced to what is needed after the whole file is read."""

    revision: int
    line_hash: bytes  # decides between revisions in conflict, whatever the order of lines
    entry: int
    line: int
    patient: bytes
    content: bytes
    payload: bytes  # the event as the service publishes it
    unknown: tuple[UncodedProduct, ...]

    @property
    def sort_key(self) -> tuple[int, bytes, int]:
        """Return the order of revisions of an event. It does not depend on the order of lines, except of equal ones."""
        return (self.revision, self.line_hash, self.entry)


@dataclass
class Recording:
    """The events of a file, coded with one catalogue."""

    catalogue: Catalogue
    events: dict[bytes, list[Revision]] = field(default_factory=dict)  # by event key
    refused: Counter[Refusal] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    repeated: int = 0  # duplicate events

    def add(self, line: int, line_hash: bytes, read: ReadRecord) -> None:
        """Add the entries of a line."""
        self.ignored.update(read.ignored)
        for entry in read.entries:
            if entry.error:
                number = None if entry.number == WHOLE_DOCUMENT else entry.number
                self.refused[Refusal(line, number, entry.error.code, entry.error.reason)] += 1
        for draft in read.drafts:
            self.events.setdefault(draft.key, []).append(_revision(line, line_hash, draft))

    def settle(self) -> None:
        """Drop duplicate events, and refuse revisions in conflict with another one, as the service does.

        The service keeps the first of two revisions in conflict. Here their sort key decides, so that the order of
        lines does not matter.
        """
        for key, revisions in self.events.items():
            kept: dict[int, Revision] = {}
            revisions.sort(key=lambda revision: revision.sort_key)
            for found in revisions:
                if found.patient != revisions[0].patient:
                    self._refuse(found, "EVENT_PATIENT_CHANGED", "the file holds the event for another patient")
                elif kept.setdefault(found.revision, found).content != found.content:
                    self._refuse(found, "EVENT_CONFLICT", "the file holds this revision with other content")
                elif kept[found.revision] is not found:
                    self.repeated += 1
            self.events[key] = list(kept.values())

    def _refuse(self, found: Revision, code: str, reason: str) -> None:
        self.refused[Refusal(found.line, found.entry, code, reason)] += 1

    def versions(self) -> set[tuple[bytes, int]]:
        """Return event key and revision of each event."""
        return {(key, found.revision) for key, revisions in self.events.items() for found in revisions}

    def uncoded(self) -> Counter[UncodedProduct]:
        """How many events carry each product that no table knows."""
        return Counter(product for kept in self.events.values() for found in kept for product in found.unknown)

    def patients(self) -> dict[bytes, list[bytes]]:
        """Return the events of each patient, every revision kept: the core folds them.

        Two records that the file merges stay two patients, as in the services; the answer names the fact not read.
        """
        events: dict[bytes, list[bytes]] = {}
        for kept in self.events.values():
            for found in kept:
                events.setdefault(found.patient, []).append(found.payload)
        return events


def _revision(line: int, line_hash: bytes, draft: Draft) -> Revision:
    return Revision(
        revision=draft.revision,
        line_hash=line_hash,
        entry=draft.entry,
        line=line,
        patient=draft.patient,
        content=draft.content,
        payload=encode_event(draft),
        unknown=draft.unknown,
    )


def read_file(
    file: str,
    catalogues: Sequence[Catalogue],
    *,
    sites: SiteRegistry,
    now_ms: int,
    source: str | None = None,
    site: str | None = None,
    progress: Progress = silent,
) -> list[Recording]:
    """Return a recording of the file for each catalogue, in one pass; `-` is standard input.

    `now_ms`: Unix time; what was recorded long after it is refused, as if it were sent now. Raises InvalidInput
    FILE_UNREADABLE, also for a file that breaks off.
    """
    recordings = [Recording(catalogue) for catalogue in catalogues]
    readers = [Reader(catalogue=catalogue, sites=sites, pseudonym=patient_name) for catalogue in catalogues]
    named = partial(headers, source=source, site=site)
    for record in _records(file, progress):
        for reader, recording in zip(readers, recordings, strict=True):
            _take(record, named(record), reader, recording, now_ms)
    for recording in recordings:
        recording.settle()
    return recordings


def _take(record: Record, named: Headers, reader: Reader, recording: Recording, now_ms: int) -> None:
    if record.value is None:
        reason = f"the line is longer than {MAX_LINE_BYTES} bytes; split it"
        recording.refused[Refusal(record.line, None, "LINE_TOO_LONG", reason)] += 1
        return
    inbound = InboundRecord(
        position=Position(0, record.line), key=None, value=record.value, headers=named, timestamp_ms=now_ms
    )
    line_hash = hashlib.blake2b(record.value, digest_size=NAME_BYTES).digest()
    recording.add(record.line, line_hash, reader.read(inbound))


def _records(file: str, progress: Progress) -> Iterator[Record]:
    """Yield every line and report progress. Opens the file once, because a pipe can be read only once."""
    last = 0
    with open_records(file) as records:
        try:
            for count, record in enumerate(records, start=1):
                last = record.line
                yield record
                if count % _REPORT_EVERY == 0:
                    progress("reading", count, None)
        except InvalidInput as error:
            raise InvalidInput(
                error.code, f"{file} breaks off after line {last}: nothing was assessed. Fetch it again"
            ) from error


def assess_all(
    recording: Recording, *, sites: SiteRegistry, doing: str = "assessing", progress: Progress = silent
) -> Iterator[tuple[bytes, Assessment]]:
    """Yield the name and the assessment of each patient, by name."""
    patients = recording.patients()
    for count, name in enumerate(sorted(patients), start=1):
        yield name, assess(_history(patients[name], sites), recording.catalogue)
        if count % _REPORT_EVERY == 0 or count == len(patients):
            progress(doing, count, len(patients))


def _history(payloads: Sequence[bytes], sites: SiteRegistry) -> History:
    facts = history_facts(map(Event.FromString, payloads))
    return History(facts=facts, known_since=sites.known_since(fact.source for fact in facts))


def _by_line(refusal: Refusal) -> tuple[int, int, str, str]:
    entry = -1 if refusal.entry is None else refusal.entry
    return refusal.line, entry, refusal.code, refusal.reason


def refusals_to_json(recordings: Mapping[str, Recording]) -> list[dict[str, object]]:
    """Return the refusals by line, as `rxguard ingest` does; `rules` names the recordings that refused it."""
    every = {refusal for recording in recordings.values() for refusal in recording.refused}
    return [
        {
            "line": refusal.line,
            "entry": refusal.entry,
            "code": refusal.code,
            "reason": refusal.reason,
            "count": max(recording.refused[refusal] for recording in recordings.values()),
            "rules": [name for name, recording in recordings.items() if refusal in recording.refused],
        }
        for refusal in sorted(every, key=_by_line)
    ]


def uncoded_to_json(recording: Recording) -> list[dict[str, object]]:
    """Products that no table knows, as in `rxguard ingest`, the most frequent first."""
    return [
        {
            "system": product.system or None,
            "code": product.code or None,
            "display": product.display or None,
            "count": count,
        }
        for product, count in sorted(
            recording.uncoded().items(), key=lambda item: (-item[1], item[0].item, item[0].display)
        )
    ]


def require_events(document: Mapping[str, Any]) -> None:
    """Raise InvalidInput NOTHING_ASSESSED if no event was taken: nothing was compared then, and nothing is equal."""
    if not document["events"]:
        refused = sum(letter["count"] for letter in document["dead_letters"])
        raise InvalidInput(
            "NOTHING_ASSESSED",
            f"no event in {document['file']} could be taken, {refused} entries were refused: nothing was assessed. "
            "It takes one of our events or one FHIR R4 document a line",
        )
