"""What a dead letter looks like on its topic: the record as it came, and around it why and from where.

The broker takes compressed records whose content is larger than any record we may write. Such a letter is compressed;
what is too large even so is cut, and its headers say so and still identify the whole.
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
"""Key, value and headers of a letter; the rest is room for what the protocol adds."""

KEPT_BYTES = 1024 * 1024
"""What is kept of a value that is too large even when compressed."""

_MAX_LISTED_REJECTIONS = 100
_MAX_KEPT_HEADERS = 50
_SMALL_BYTES = 1024
"""Of a letter that is cut, the sender's headers and key are kept up to this size each."""

_HEADER_OVERHEAD_BYTES = 10
Headers = list[tuple[str, bytes]]


class Message(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes
    headers: Headers


def dead_letter(letter: DeadLetter) -> Message:
    """The letter as a record of at most MAX_LETTER_BYTES; compresses large ones, so not for the event loop."""
    value, headers = letter.record.value or b"", dead_letter_headers(letter)
    whole = Message(letter.record.key, value, headers)
    if _size(whole) <= MAX_LETTER_BYTES:
        return whole
    packed = gzip.compress(value, compresslevel=6, mtime=0)
    compressed = Message(letter.record.key, packed, [*headers, (names.CONTENT_ENCODING, b"gzip")])
    return compressed if _size(compressed) <= MAX_LETTER_BYTES else _cut(whole)


def is_large(letter: DeadLetter) -> bool:
    """`dead_letter` of it takes more than a moment."""
    return len(letter.record.value or b"") > KEPT_BYTES


def _cut(whole: Message) -> Message:
    """The start of a letter, and what identifies the whole."""
    key = whole.key if len(whole.key or b"") <= _SMALL_BYTES else None
    small = [
        (name, value)
        for name, value in whole.headers
        if name in names.DEAD_LETTER or len(name.encode()) + len(value or b"") <= _SMALL_BYTES
    ]
    about = {
        names.CONTENT_CUT: str(min(KEPT_BYTES, len(whole.value))),
        names.CONTENT_SHA256: hashlib.sha256(whole.value).hexdigest(),
        names.CONTENT_BYTES: str(len(whole.value)),
    }
    return Message(key, whole.value[:KEPT_BYTES], small + [(name, text.encode()) for name, text in about.items()])


def _size(message: Message) -> int:
    headers = sum(len(name.encode()) + len(value or b"") + _HEADER_OVERHEAD_BYTES for name, value in message.headers)
    return len(message.key or b"") + len(message.value) + headers


def dead_letter_headers(letter: DeadLetter) -> Headers:
    """Why and from where, without patient data, and the sender's own headers as far as they are few."""
    first = letter.rejections[0]
    partition, offset = letter.record.position
    reasons = {
        names.REASON_CODE: first.code,
        names.REASON: first.reason,
        names.ENTRY: str(first.entry),
        names.REJECTIONS: _listed(letter.rejections),
        names.INBOUND_PARTITION: str(partition),
        names.INBOUND_OFFSET: str(offset),
    }
    kept = [(name, value) for name, value in letter.record.headers[:_MAX_KEPT_HEADERS] if name not in names.DEAD_LETTER]
    return [*((name, text.encode()) for name, text in reasons.items()), *kept]


def _listed(rejections: Sequence[Rejection]) -> str:
    """All of them as JSON, up to 100; `count` says how many there are."""
    listed = [{"entry": one.entry, "code": one.code} for one in rejections[:_MAX_LISTED_REJECTIONS]]
    return json.dumps({"count": len(rejections), "rejections": listed})
