"""Lines of a file as records of the inbound topic. What cannot be read as JSON is a record too: the edge refuses it."""

import gzip
import hashlib
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from rx_ingest.envelope import CLOUD_EVENT_TYPES, DEFAULT_FHIR_SOURCE, EVENT_JSON, FHIR_JSON
from rx_runtime.errors import InvalidInput
from rx_runtime.kafka import headers as names

STDIN: Final = "-"
MAX_LINE_BYTES: Final = 8 * 1024 * 1024 - 64 * 1024
"""Longest line that the inbound topic takes, with room for the headers."""

CLOUD_EVENT: Final = "application/cloudevents+json"

_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One line that is not blank."""

    line: int
    """Its number in the file, from 1."""
    value: bytes | None
    """Its bytes as they stand; None if it is longer than MAX_LINE_BYTES."""
    content_type: str = EVENT_JSON
    is_bundle: bool = False


def check_readable(file: str) -> None:
    """Raise InvalidInput FILE_UNREADABLE if the file cannot be opened; says nothing of what comes after its start."""
    if file != STDIN:
        with open_records(file):
            pass


@contextmanager
def open_records(file: str) -> Iterator[Iterator[Record]]:
    """Yield records of a file, or of standard input for `-`; gzip is told by its content.

    Raises InvalidInput FILE_UNREADABLE, before or after some records.
    """
    with ExitStack() as stack:
        with _readable(file):
            raw = stack.enter_context(_opened(file))
            lines = _plain(raw)
        yield _reading(file, lines)


def _reading(file: str, lines: IO[bytes]) -> Iterator[Record]:
    with _readable(file, "; lines before it may have been sent. Send the whole file: nothing is stored twice"):
        yield from _records(lines)


@contextmanager
def _readable(file: str, consequence: str = "") -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidInput("FILE_UNREADABLE", f"cannot read {file}: {reason}{consequence}") from error


def read_documents(file: str) -> list[Record]:
    """Return the one record of a file that is a JSON object, over however many lines, else a record a line.

    Raises InvalidInput FILE_UNREADABLE.
    """
    with _readable(file), _opened(file) as raw:
        content = _plain(raw).read()
    one = content.removeprefix(_BYTE_ORDER_MARK).strip()
    if _object(one) is not None and len(one) <= MAX_LINE_BYTES:
        return [record_of(1, one)]
    return list(_records(io.BytesIO(content)))


def records_of(lines: Iterable[bytes]) -> list[Record]:
    """Return the records of lines in memory."""
    return list(_records(io.BytesIO(b"\n".join(lines))))


def headers(record: Record, *, source: str | None = None, site: str | None = None) -> Headers:
    """Headers of a record: a CloudEvent in binary mode, unless its line is a structured one.

    `source` and `site` count for FHIR documents, whose default source is that of every other way in; an edge event
    names its own. Equal lines have equal ids.
    """
    content_type: Headers = [(names.CONTENT_TYPE, record.content_type.encode())]
    if record.content_type == CLOUD_EVENT:
        return content_type
    identity = hashlib.blake2b(record.value or b"", digest_size=16).hexdigest()
    attributes = {
        names.CLOUD_EVENT_VERSION: "1.0",
        names.CLOUD_EVENT_ID: identity,
        names.CLOUD_EVENT_SOURCE: source or DEFAULT_FHIR_SOURCE,
        names.CLOUD_EVENT_TYPE: CLOUD_EVENT_TYPES[record.content_type],
    }
    if site:
        attributes[names.CLOUD_EVENT_SITE_ID] = site
    return content_type + [(name, value.encode()) for name, value in attributes.items()]


def record_of(line: int, value: bytes) -> Record:
    """Return the record of one document. What is not JSON is sent as an edge event, which refuses it by name."""
    document = _object(value)
    if document is None:
        return Record(line, value)
    if "specversion" in document:
        return Record(line, value, CLOUD_EVENT)
    kind = document.get("resourceType")
    return Record(line, value) if kind is None else Record(line, value, FHIR_JSON, is_bundle=kind == "Bundle")


def _object(value: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _opened(file: str) -> AbstractContextManager[io.BufferedReader]:
    return nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if file == STDIN else Path(file).open("rb")


def _plain(raw: io.BufferedReader) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if raw.peek(2).startswith(_GZIP) else raw


def _records(lines: IO[bytes]) -> Iterator[Record]:
    for number, line in enumerate(_bounded(lines), start=1):
        if line is None:
            yield Record(number, None)
        elif value := (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip():
            yield record_of(number, value)


def _bounded(lines: IO[bytes]) -> Iterator[bytes | None]:
    """Each line, or None for one that is too long, which is passed over without being held in memory."""
    while line := lines.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (rest := lines.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None
