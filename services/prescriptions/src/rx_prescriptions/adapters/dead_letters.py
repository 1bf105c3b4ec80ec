"""Builds dead letters: the record as it was received, with headers that state the reasons and its inbound position.

The broker accepts compressed batches whose content exceeds the size limit of a single record. Such a record is written
with gzip content. If that is still too large, its value is cut; headers state the cut and identify the whole value.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from rx_runtime.kafka import headers as names
from rx_runtime.kafka.clients import MAX_RECORD_BYTES

from rx_prescriptions.domain.model import Rejection
from rx_prescriptions.ports import DeadLetter

MAX_LETTER_BYTES = MAX_RECORD_BYTES - 64 * 1024
"""Size limit of key, value and headers together. The rest of the limit is room for the overhead of the protocol."""

KEPT_BYTES = 1024 * 1024
"""Bytes kept of a value that is too large even with gzip."""

_MAX_LISTED_REJECTIONS = 100
_MAX_KEPT_HEADERS = 50
_SMALL_BYTES = 1024
"""Size limit of each header and of the key of the sender, if the value is cut."""

_HEADER_OVERHEAD_BYTES = 10
Headers = list[tuple[str, bytes]]


class Message(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes
    headers: Headers


def dead_letter(letter: DeadLetter) -> Message:
    """Return the record of a dead letter, at most MAX_LETTER_BYTES. Blocks while it compresses a large one."""
    value, headers = letter.record.value or b"", dead_letter_headers(letter)
    whole = Message(letter.record.key, value, headers)
    if _size(whole) <= MAX_LETTER_BYTES:
        return whole
    packed = gzip.compress(value, compresslevel=6, mtime=0)
    compressed = Message(letter.record.key, packed, [*headers, (names.CONTENT_ENCODING, b"gzip")])
    return compressed if _size(compressed) <= MAX_LETTER_BYTES else _cut(whole)


def is_large(letter: DeadLetter) -> bool:
    """Return True if `dead_letter` should run in a thread."""
    return len(letter.record.value or b"") > KEPT_BYTES


def _cut(whole: Message) -> Message:
    """Return the start of a message, with headers that identify the whole value."""
    key = whole.key if len(whole.key or b"") <= _SMALL_BYTES else None
    small = [
        (name, value)
        for name, value in whole.headers
        if name in names.DEAD_LETTER or len(name.encode()) + len(value or b"") <= _SMALL_BYTES
    ]
    cut_headers = {
        names.CONTENT_CUT: str(min(KEPT_BYTES, len(whole.value))),
        names.CONTENT_SHA256: hashlib.sha256(whole.value).hexdigest(),
        names.CONTENT_BYTES: str(len(whole.value)),
    }
    return Message(key, whole.value[:KEPT_BYTES], small + [(name, text.encode()) for name, text in cut_headers.items()])


def _size(message: Message) -> int:
    headers = sum(len(name.encode()) + len(value or b"") + _HEADER_OVERHEAD_BYTES for name, value in message.headers)
    return len(message.key or b"") + len(message.value) + headers


def dead_letter_headers(letter: DeadLetter) -> Headers:
    """Return reasons and inbound position, without patient data, and the first 50 headers of the sender."""
    first = letter.rejections[0]
    partition, offset = letter.record.position
    reasons = {
        names.REASON_CODE: first.code,
        names.REASON: first.reason,
        names.ENTRY: str(first.entry),
        names.REJECTIONS: _rejections_json(letter.rejections),
        names.INBOUND_PARTITION: str(partition),
        names.INBOUND_OFFSET: str(offset),
    }
    kept = [(name, value) for name, value in letter.record.headers[:_MAX_KEPT_HEADERS] if name not in names.DEAD_LETTER]
    return [*((name, text.encode()) for name, text in reasons.items()), *kept]


def _rejections_json(rejections: Sequence[Rejection]) -> str:
    """Return the first 100 rejections as JSON, and the count of all."""
    listed = [{"entry": rejection.entry, "code": rejection.code} for rejection in rejections[:_MAX_LISTED_REJECTIONS]]
    return json.dumps({"count": len(rejections), "rejections": listed})
