"""What the conformance suite needs of an input format, and how to derive it from examples and a generator.

A format supplies `tests/lib/ingest_formats/<name>.py` with a `CASE`: its examples and a generator of documents whose
entries it knows. Damaged and marked documents are derived from these.
"""

import importlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from hypothesis import strategies as st
from rx_ingest.formats.protocol import Format, Syntax

MARKER = "Jane Q Marker-1962"
"""A text that no model names: it must not appear in a refusal or a log line."""

HUGE_NUMBERS = ("1e400", "-1e400", "1e-400", "9" * 400, "9" * 5_000, "1e9999999999999999999", "NaN", "Infinity")
ODD_VALUES: tuple[Any, ...] = (
    *(0, -1, 2**31, 10**20, 1e-9, True, None, "", "0", "\x00", "\ud800", "x" * 2_000),
    *("2026-02-30", "9999-12-31", "0001-01-01", "9999-12-31T23:59:59-12:00", "#", "/", "urn:uuid:"),
    *([], {}, [[]], [None], {"": None}, [{}], {"reference": "#"}, {"resourceType": "Bundle", "entry": [None]}),
)
_PLACEHOLDER = "NUMBER-HERE"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Example:
    """A document of the examples folder."""

    name: str
    raw: bytes

    @property
    def code(self) -> str:
        """The refusal code that the name of an invalid example states."""
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Generated:
    """A document and the entries that a reader must find in it."""

    raw: bytes
    entries: tuple[int, ...]  # numbers of the entries to be read or refused, in order
    ignored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FormatCase:
    """A format with what the suite feeds it."""

    format: Format
    valid: Sequence[Example]
    invalid: Sequence[Example]
    documents: st.SearchStrategy[Generated]

    @property
    def media_type(self) -> str:
        return self.format.media_types[0]

    def damaged(self) -> st.SearchStrategy[bytes]:
        """Documents with wrong types, huge numbers, duplicate keys, deep nesting, wrong encodings, or cut short."""
        anything = st.sampled_from([example.raw for example in self.valid])
        common = [anything.flatmap(_cut), anything.flatmap(_recoded), anything.flatmap(_flipped)]
        if self.format.syntax is Syntax.JSON:
            common += [anything.flatmap(_with_odd_values), anything.flatmap(_with_huge_number)]
            common += [anything.flatmap(_with_duplicate_key), anything.flatmap(_nested)]
        return st.one_of(common)

    def marked(self, example: Example) -> Iterator[bytes]:
        """The example with the marker at one place after another."""
        if self.format.syntax is Syntax.JSON:
            yield from _marked_json(json.loads(example.raw))
        else:
            yield from _marked_text(example.raw)


def case_of(found: Format) -> FormatCase:
    """The case that a format supplies, found by the name of its package."""
    package = type(found).__module__.split(".")[-2]
    case: FormatCase = importlib.import_module(f"tests.lib.ingest_formats.{package}").CASE
    return case


def examples(folder: Traversable) -> list[Example]:
    """The documents of a folder, by name."""
    files = sorted((file for file in folder.iterdir() if not file.name.startswith("__")), key=lambda file: file.name)
    return [Example(file.name.rpartition(".")[0], file.read_bytes()) for file in files if file.is_file()]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place of a JSON value, the whole value included."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(value: Any, path: Path, other: Any) -> Any:
    """A copy of the JSON value with another value at a place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


def at(value: Any, path: Path) -> Any:
    """The value at a place."""
    for step in path:
        value = value[step]
    return value


def encoded(value: Any) -> bytes:
    """A JSON document."""
    return json.dumps(value).encode()


def _cut(raw: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, len(raw) - 1).map(lambda end: raw[:end])


def _recoded(raw: bytes) -> st.SearchStrategy[bytes]:
    text = raw.decode()
    other_encodings = [text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32"), b"\xef\xbb\xbf" + raw]
    no_text = [raw.replace(b"a", b"\xe9"), raw + raw, raw + b"\x00", bytes(range(128, 256)) * 4]
    return st.sampled_from([*other_encodings, *no_text])


@st.composite
def _flipped(draw: st.DrawFn, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        changed[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(changed)


@st.composite
def _with_odd_values(draw: st.DrawFn, raw: bytes) -> bytes:
    value = json.loads(raw)
    for _ in range(draw(st.integers(1, 3))):
        value = replaced(value, draw(st.sampled_from(list(places(value)))), draw(st.sampled_from(ODD_VALUES)))
    return encoded(value)


@st.composite
def _with_huge_number(draw: st.DrawFn, raw: bytes) -> bytes:
    value = json.loads(raw)
    holed = replaced(value, draw(st.sampled_from(list(places(value)))), _PLACEHOLDER)
    return encoded(holed).replace(f'"{_PLACEHOLDER}"'.encode(), draw(st.sampled_from(HUGE_NUMBERS)).encode())


@st.composite
def _with_duplicate_key(draw: st.DrawFn, raw: bytes) -> bytes:
    keys = [match.span() for match in re.finditer(rb'"[A-Za-z_]+"\s*:', raw)]
    start, end = draw(st.sampled_from(keys))
    return raw[:start] + raw[start:end] + b" null, " + raw[start:]


@st.composite
def _nested(draw: st.DrawFn, raw: bytes) -> bytes:
    value = json.loads(raw)
    holed = replaced(value, draw(st.sampled_from(list(places(value)))), _PLACEHOLDER)
    depth = draw(st.sampled_from([60, 70, 5_000, 100_000]))
    brackets = b"[" * depth + b"]" * depth
    return encoded(holed).replace(f'"{_PLACEHOLDER}"'.encode(), brackets)


def _marked_json(value: Any) -> Iterator[bytes]:
    for path in places(value):
        old = at(value, path)
        for other in (MARKER, [MARKER], {MARKER: MARKER}):
            yield encoded(replaced(value, path, other))
        if isinstance(old, str):
            yield encoded(replaced(value, path, f"{old}{MARKER}"))
            yield encoded(replaced(value, path, MARKER * 300))
            yield encoded(replaced(value, path, f"{MARKER}\x00"))
        if isinstance(old, dict):
            yield encoded(replaced(value, path, {**old, MARKER: 1}))
    yield encoded({**value, MARKER: value})[:-20] if isinstance(value, dict) else b""
    yield encoded(_marked_everywhere(value))


def _marked_everywhere(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _marked_everywhere(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked_everywhere(child) for child in value]
    return f"{value}{MARKER}" if isinstance(value, str) else value


def _marked_text(raw: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"[A-Za-z0-9.\-]{2,}", raw):
        yield raw[: match.start()] + MARKER.encode() + raw[match.end() :]
        yield raw[: match.end()] + MARKER.encode() + raw[match.end() :]
