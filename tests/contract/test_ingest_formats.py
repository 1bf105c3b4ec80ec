"""Every input format of the registry keeps the promises of the edge, and a new one joins with one package and one line.

Also run over a toy format of bytes, so that the door for formats that are no JSON stays open.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rx_clinical import load_catalogue
from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import validate_event
from rx_ingest import reader as reader_module
from rx_ingest.encoding import encode_event
from rx_ingest.formats.protocol import DocumentEntry, Origin, ReadDocument, Syntax
from rx_ingest.model import WHOLE_DOCUMENT, InboundRecord, Position, ReadRecord
from rx_ingest.reader import Reader
from rx_ingest.registry import FORMATS, Registry
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

from tests.lib.ingest_formats.conformance import MARKER, Example, FormatCase, Generated, case_of

STABLE_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
POINTER = re.compile(r"(/[A-Za-z0-9_?]+)*", re.ASCII)
CATALOGUE, SITES = load_catalogue(), load_sites(SHIPPED_SITES)


class Pipe:
    """A toy format of bytes, standing for HL7 v2: `PIPE` and one `id|patient|instant|code` a line."""

    media_types = ("application/x-pipe", "text/x-pipe")
    cloud_event_type = "test.pipe.v1"
    default_source = "pipe"
    syntax = Syntax.BYTES

    def sniff(self, document: Any) -> bool:
        return bool(document.startswith(b"PIPE\n"))

    def check_parameters(self, parameters: str) -> None:
        if parameters.startswith("pipeversion=") and parameters != "pipeversion=1":
            raise EdgeError("PIPE_VERSION_NOT_SUPPORTED", "", "only version 1 is read")

    def read(self, document: Any, origin: Origin) -> ReadDocument:
        head, *lines = document.split(b"\n")
        if head != b"PIPE":
            raise EdgeError("PIPE_HEAD_MISSING", "", "does not start with PIPE")
        return ReadDocument(entries=tuple(self._entry(number, line, origin) for number, line in enumerate(lines)))

    def _entry(self, number: int, line: bytes, origin: Origin) -> DocumentEntry:
        try:
            event_id, patient, instant, code = line.decode().split("|")
        except ValueError:
            return DocumentEntry(number=number, kind="line", error=EdgeError("PIPE_LINE", "", "has no four fields"))
        event = {
            "type": "medication_reported",
            "kind": "history",
            "event_id": event_id,
            "source": origin.source,
            "site_id": origin.site_id,
            "patient": {"namespace": origin.source, "value": patient},
            "occurred_time": instant,
            "recorded_time": instant,
            "medicine": {"codings": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}]},
        }
        try:
            return DocumentEntry(number=number, kind="line", events=(validate_event(event),))
        except EdgeError as error:
            return DocumentEntry(number=number, kind="line", error=error)


GOOD_LINE = b"e1|p1|2026-03-01T09:00:00Z|864706"
BAD_LINES = [b"", b"x", b"e1|p1|yesterday|864706", b"|p1|2026-03-01T09:00:00Z|864706", b"\xff|p|2026-03-01T09:00:00Z|1"]
PIPE = FormatCase(
    format=Pipe(),
    valid=[Example("two_lines", b"PIPE\n" + GOOD_LINE + b"\n" + GOOD_LINE.replace(b"e1", b"e2"))],
    invalid=[Example("PIPE_LINE-no_fields", b"PIPE\nx"), Example("TIME_MALFORMED-word", b"PIPE\n" + BAD_LINES[2])],
    documents=st.lists(st.sampled_from([GOOD_LINE, *BAD_LINES]), min_size=1, max_size=5).map(
        lambda lines: Generated(b"PIPE\n" + b"\n".join(lines), entries=tuple(range(len(lines))))
    ),
)
ALL_FORMATS = Registry((*FORMATS.formats, PIPE.format))
CASES = [*(case_of(found) for found in FORMATS.formats), PIPE]

every_format = pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.format).__name__)
valid_examples = pytest.mark.parametrize(
    ("case", "example"),
    [
        pytest.param(case, example, id=f"{type(case.format).__name__}-{example.name}")
        for case in CASES
        for example in case.valid
    ],
)
invalid_examples = pytest.mark.parametrize(
    ("case", "example"),
    [
        pytest.param(case, example, id=f"{type(case.format).__name__}-{example.name}")
        for case in CASES
        for example in case.invalid
    ],
)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def new_reader(formats: Registry = ALL_FORMATS) -> Reader:
    return Reader(
        catalogue=CATALOGUE,
        sites=SITES,
        pseudonym=lambda _namespace, value: value.encode(errors="replace").ljust(16, b".")[:16],
        formats=formats,
    )


READER = new_reader()


def read(raw: bytes | None, **headers: bytes) -> ReadRecord:
    return READER.read(inbound(raw, **headers))


def inbound(raw: bytes | None, **headers: bytes) -> InboundRecord:
    named = [(name.replace("content_type", "content-type"), value) for name, value in headers.items()]
    return InboundRecord(position=Position(0, 0), key=None, value=raw, headers=named)


def as_declared(case: FormatCase, raw: bytes) -> ReadRecord:
    return read(raw, content_type=case.media_type.encode())


def refusals(record: ReadRecord) -> list[EdgeError]:
    return [entry.error for entry in record.entries if entry.error]


def assert_sound(record: ReadRecord) -> None:
    """Each entry is read or refused; refusals are stable codes with a place; events can be published."""
    assert all((entry.error is None) == bool(entry.drafts) for entry in record.entries)
    for error in refusals(record):
        assert STABLE_CODE.fullmatch(error.code)
        assert POINTER.fullmatch(error.pointer)
        assert error.code != "RECORD_UNREADABLE"
    assert all(encode_event(draft) for draft in record.drafts)


@contextmanager
def recorded_log() -> Iterator[list[str]]:
    lines: list[str] = []
    original, stub = reader_module.log, SimpleNamespace(error=lambda *words, **fields: lines.append(f"{words}{fields}"))
    reader_module.log = stub
    try:
        yield lines
    finally:
        reader_module.log = original


# Examples


@valid_examples
def test_each_valid_example_is_read_with_and_without_its_media_type(case: FormatCase, example: Example):
    declared, sniffed = as_declared(case, example.raw), read(example.raw)

    assert_sound(declared)
    assert refusals(declared) == []
    assert declared.drafts
    assert [draft.event for draft in sniffed.drafts] == [draft.event for draft in declared.drafts]


@invalid_examples
def test_each_invalid_example_is_refused_with_the_code_in_its_name(case: FormatCase, example: Example):
    record = as_declared(case, example.raw)

    assert_sound(record)
    assert [error.code for error in refusals(record)] == [example.code]


@every_format
def test_a_format_has_examples_of_both_kinds(case: FormatCase):
    assert case.valid
    assert case.invalid


@every_format
def test_each_media_type_leads_to_its_format(case: FormatCase):
    assert {ALL_FORMATS.by_media_type(name) for name in case.format.media_types} == {case.format}


# Bad input


@every_format
@thorough
@given(data=st.data())
def test_damaged_input_is_read_or_refused_and_nothing_escapes(case: FormatCase, data: st.DataObject):
    raw = data.draw(case.damaged())
    record = as_declared(case, raw)

    assert_sound(record)
    assert [error.code for error in refusals(as_declared(case, raw))] == [error.code for error in refusals(record)]


@every_format
@thorough
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(case: FormatCase, raw: bytes):
    assert_sound(as_declared(case, raw))
    assert_sound(read(raw))


@every_format
@pytest.mark.parametrize("raw", [None, b"", b" " * (4 * 1024 * 1024 + 1)], ids=["none", "empty", "too large"])
def test_a_record_without_content_or_too_large_is_refused_as_a_whole(case: FormatCase, raw: bytes | None):
    record = read(raw, content_type=case.media_type.encode())

    assert [entry.number for entry in record.entries] == [WHOLE_DOCUMENT]
    assert refusals(record)[0].code in {"RECORD_EMPTY", "RECORD_TOO_LARGE"}


@every_format
def test_a_defect_of_a_format_sets_one_record_aside_and_quotes_nothing(case: FormatCase):
    class Defective(type(case.format)):  # type: ignore[misc]  # any of the formats
        def read(self, document: Any, origin: Origin) -> ReadDocument:
            raise ZeroDivisionError(MARKER, document, origin)

    defective = Registry([Defective() if found is case.format else found for found in ALL_FORMATS.formats])
    with recorded_log() as lines:
        record = new_reader(defective).read(inbound(case.valid[0].raw, content_type=case.media_type.encode()))

    assert [(entry.number, entry.error and entry.error.code) for entry in record.entries] == [
        (WHOLE_DOCUMENT, "RECORD_UNREADABLE")
    ]
    assert len(lines) == 1
    assert "ZeroDivisionError" in lines[0]
    assert MARKER not in lines[0] + str(record.entries[0].error)


# Conservation


@every_format
@thorough
@given(data=st.data())
def test_every_entry_becomes_one_read_entry_or_one_refusal_in_order(case: FormatCase, data: st.DataObject):
    document = data.draw(case.documents)
    record = as_declared(case, document.raw)

    assert_sound(record)
    assert tuple(entry.number for entry in record.entries) == document.entries
    assert record.ignored == document.ignored
    assert [draft.entry for draft in record.drafts] == sorted(draft.entry for draft in record.drafts)


# No value in a refusal


@valid_examples
def test_no_refusal_and_no_log_line_repeats_a_value_or_key(case: FormatCase, example: Example):
    refused = 0
    with recorded_log() as lines:
        for raw in case.marked(example):
            record = as_declared(case, raw)
            refused += len(refusals(record))
            shown = [f"{error.code} {error} {error.reason}" for error in refusals(record)]
            kinds = [*(entry.kind for entry in record.entries), *record.ignored]
            assert not any("Marker" in text for text in [*shown, *kinds])
    assert lines == []
    assert refused


@every_format
@thorough
@given(data=st.data())
def test_no_refusal_repeats_whatever_text_the_sender_wrote(case: FormatCase, data: st.DataObject):
    marker = data.draw(st.text(alphabet="qzxQZX-19_ é|", min_size=6, max_size=12).filter(lambda text: text.strip()))
    planted = data.draw(st.sampled_from(list(case.marked(case.valid[0]))))
    record = as_declared(case, planted.replace(MARKER.encode(), json.dumps(marker)[1:-1].encode()))

    assert not any(marker in error.reason for error in refusals(record))


@pytest.mark.parametrize("name", ["content_type", "ce_source", "ce_siteid", "ce_specversion"])
@every_format
def test_no_refusal_of_an_envelope_repeats_a_header(case: FormatCase, name: str):
    headers = {"content_type": case.media_type.encode()} | {name: MARKER.encode() * 100}
    short = headers | {name: MARKER.encode()}

    for record in (read(case.valid[0].raw, **headers), read(case.valid[0].raw, **short)):
        assert not any("Marker" in str(error) for error in refusals(record))


# The door for formats that are no JSON


@pytest.mark.parametrize("data", ["data", "data_base64"])
def test_a_structured_cloud_event_carries_a_format_of_bytes(data: str):
    raw = PIPE.valid[0].raw
    event = {
        "specversion": "1.0",
        "source": "lab",
        "datacontenttype": "text/x-pipe",
        data: raw.decode() if data == "data" else base64.b64encode(raw).decode(),
    }
    record = read(json.dumps(event).encode(), content_type=b"application/cloudevents+json")

    assert refusals(record) == []
    assert [draft.event.source for draft in record.drafts] == ["lab", "lab"]


def test_a_format_checks_the_parameters_of_its_media_type():
    record = read(PIPE.valid[0].raw, content_type=b"application/x-pipe; pipeVersion=2")

    assert [error.code for error in refusals(record)] == ["PIPE_VERSION_NOT_SUPPORTED"]


def test_a_record_without_envelope_has_the_default_source_and_site_of_its_format():
    [first, _] = read(PIPE.valid[0].raw).drafts

    assert (first.event.source, first.site_id) == ("pipe", SITES.default_site.id)


def test_an_unknown_site_of_the_envelope_refuses_a_format_that_relies_on_it_and_no_other():
    codes = {
        type(case.format).__name__: [
            error.code
            for error in refusals(
                read(case.valid[0].raw, content_type=case.media_type.encode(), ce_siteid=b"nowhere-at-all")
            )
        ]
        for case in CASES
    }

    assert codes == {"RxguardJson": [], "FhirR4": ["UNKNOWN_SITE"], "Pipe": ["UNKNOWN_SITE"]}


def test_two_formats_cannot_claim_one_media_type():
    with pytest.raises(ValueError, match="media type"):
        Registry((*FORMATS.formats, FORMATS.formats[0]))


def test_the_refusal_of_an_unknown_media_type_names_every_known_one():
    record = read(b"x", content_type=b"image/png")

    assert refusals(record)[0].message == (
        "the content type is neither application/json nor application/fhir+json nor application/x-pipe"
    )
