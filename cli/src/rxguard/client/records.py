"""Reads the lines of a file as records of the inbound topic. The edge refuses lines of no known format."""

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

from rx_ingest.envelope import CLOUD_EVENT_JSON
from rx_ingest.formats.fhir_r4.document import BUNDLE
from rx_ingest.registry import FORMATS
from rx_runtime.errors import InvalidInput
from rx_runtime.kafka import headers as names

STDIN: Final = "-"
MAX_LINE_BYTES: Final = 8 * 1024 * 1024 - 64 * 1024
"""Longest line that the inbound topic takes, with room for the headers."""

_DEFAULT_TYPE: Final = FORMATS.default.media_types[0]
_FALLBACK_SOURCE: Final = "fhir"
"""CloudEvents requires a source. For a format whose events name their own, nobody reads it."""

_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One line that is not blank."""

    line: int
    """Number in the file, from 1."""
    value: bytes | None
    """Bytes of the line; None if it is longer than MAX_LINE_BYTES."""
    content_type: str = _DEFAULT_TYPE
    is_bundle: bool = False


def check_readable(file: str) -> None:
    """Raise InvalidInput FILE_UNREADABLE if the file cannot be opened. Reads its start only."""
    if file != STDIN:
        with open_records(file):
            pass


@contextmanager
def open_records(file: str) -> Iterator[Iterator[Record]]:
    """Open a file, or standard input for `-`, and yield an iterator of its records. Detects gzip by content.

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
    """Return the only record of a file that is one JSON object over any number of lines, else one record a line.

    Raises InvalidInput FILE_UNREADABLE.
    """
    with _readable(file), _opened(file) as raw:
        content = _plain(raw).read()
    document = content.removeprefix(_BYTE_ORDER_MARK).strip()
    if _object(document) is not None and len(document) <= MAX_LINE_BYTES:
        return [record_of(1, document)]
    return list(_records(io.BytesIO(content)))


def records_of(lines: Iterable[bytes]) -> list[Record]:
    """Return the records of lines in memory."""
    return list(_records(io.BytesIO(b"\n".join(lines))))


def headers(record: Record, *, source: str | None = None, site: str | None = None) -> Headers:
    """Return the headers of a record: of a CloudEvent in binary mode, unless its line is one in structured mode.

    `source` and `site` apply to formats whose documents do not name them, such as FHIR. Equal lines have equal ids.
    """
    content_type: Headers = [(names.CONTENT_TYPE, record.content_type.encode())]
    found = FORMATS.by_media_type(record.content_type)
    if found is None:
        return content_type
    identity = hashlib.blake2b(record.value or b"", digest_size=16).hexdigest()
    attributes = {
        names.CLOUD_EVENT_VERSION: "1.0",
        names.CLOUD_EVENT_ID: identity,
        names.CLOUD_EVENT_SOURCE: source or found.default_source or _FALLBACK_SOURCE,
        names.CLOUD_EVENT_TYPE: found.cloud_event_type,
    }
    if site:
        attributes[names.CLOUD_EVENT_SITE_ID] = site
    return content_type + [(name, value.encode()) for name, value in attributes.items()]


def record_of(line: int, value: bytes) -> Record:
    """Return the record of one document. The edge refuses a document of no known format as an edge event."""
    document = _object(value)
    if document is None:
        found = FORMATS.of_bytes(value) or FORMATS.default
        return Record(line, value, found.media_types[0])
    if "specversion" in document:
        return Record(line, value, CLOUD_EVENT_JSON)
    found = FORMATS.specific_json(document) or FORMATS.default
    return Record(line, value, found.media_types[0], is_bundle=document.get("resourceType") == BUNDLE)


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
    """Yield each line, or None for a line that is too long. Skips such a line without holding it in memory."""
    while line := lines.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (rest := lines.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None
