"""A file becomes records: nothing is dropped, and nothing is guessed about what cannot be read."""

import gzip
import json
from pathlib import Path

import pytest
from rx_ingest.envelope import CLOUD_EVENT_JSON
from rx_runtime.errors import InvalidInput
from rxguard.client.records import (
    MAX_LINE_BYTES,
    check_readable,
    headers,
    open_records,
    read_documents,
    record_of,
    records_of,
)

EVENT_JSON, FHIR_JSON = "application/json", "application/fhir+json"
BUNDLE = json.dumps({"resourceType": "Bundle", "entry": []}).encode()
ORDER = json.dumps({"resourceType": "MedicationRequest", "id": "1"}).encode()
EVENT = json.dumps({"type": "medication_filled", "event_id": "f1"}).encode()
STRUCTURED = json.dumps({"specversion": "1.0", "id": "1", "source": "x", "data": {}}).encode()


def lines_of(path: Path) -> list[tuple[int, bytes | None]]:
    with open_records(str(path)) as records:
        return [(record.line, record.value) for record in records]


@pytest.mark.parametrize(
    ("value", "content_type", "is_bundle"),
    [
        (BUNDLE, FHIR_JSON, True),
        (ORDER, FHIR_JSON, False),
        (EVENT, EVENT_JSON, False),
        (STRUCTURED, CLOUD_EVENT_JSON, False),
        (b"{broken", EVENT_JSON, False),
        (b"[1]", EVENT_JSON, False),
        (b"\xff\xfe", EVENT_JSON, False),
        (b"[" * 100_000, EVENT_JSON, False),
    ],
)
def test_the_content_decides_what_a_line_is_sent_as(value: bytes, content_type: str, is_bundle: bool) -> None:  # noqa: FBT001  # a column
    record = record_of(7, value)
    assert (record.line, record.value) == (7, value)
    assert (record.content_type, record.is_bundle) == (content_type, is_bundle)


def test_blank_lines_are_skipped_and_still_counted(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\xef\xbb\xbf" + EVENT + b"\r\n\n   \n{broken\n" + BUNDLE)
    assert lines_of(file) == [(1, EVENT), (4, b"{broken"), (5, BUNDLE)]


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(gzip.compress(EVENT + b"\n" + BUNDLE + b"\n"))
    assert lines_of(file) == [(1, EVENT), (2, BUNDLE)]


def test_a_line_longer_than_the_topic_takes_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"x" * (2 * MAX_LINE_BYTES + 5) + b"\n" + EVENT + b"\n")
    assert lines_of(file) == [(1, None), (2, EVENT)]


def test_a_line_as_long_as_the_topic_takes_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"x" * MAX_LINE_BYTES + b"\n" + EVENT)
    assert lines_of(file) == [(1, b"x" * MAX_LINE_BYTES), (2, EVENT)]


def test_a_gzip_file_that_ends_too_early_is_unreadable_after_its_last_line(tmp_path: Path) -> None:
    file = tmp_path / "events.gz"
    file.write_bytes(gzip.compress(b"\n".join([EVENT] * 1000))[:-20])
    with pytest.raises(InvalidInput) as error:
        lines_of(file)
    assert error.value.code == "FILE_UNREADABLE"


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_opened_is_refused_before_anything_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="FILE_UNREADABLE"):
        check_readable(str(tmp_path / name))


def test_one_document_over_many_lines_is_one_record(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(json.loads(BUNDLE), indent=2))
    (record,) = read_documents(str(file))
    assert record.is_bundle
    assert json.loads(record.value or b"") == json.loads(BUNDLE)


def test_a_file_of_many_documents_is_a_record_a_line(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(EVENT + b"\n" + BUNDLE)
    assert [record.line for record in read_documents(str(file))] == [1, 2]


def test_a_fhir_record_carries_its_source_and_site() -> None:
    found = dict(headers(record_of(1, BUNDLE), source="ehr", site="river-road"))
    assert found["content-type"] == b"application/fhir+json"
    assert (found["ce_source"], found["ce_siteid"], found["ce_specversion"]) == (b"ehr", b"river-road", b"1.0")


def test_equal_lines_have_equal_ids_and_others_do_not() -> None:
    first, again, other = (dict(headers(record))["ce_id"] for record in records_of([EVENT, EVENT, BUNDLE]))
    assert first == again != other


def test_a_structured_cloud_event_keeps_its_own_attributes() -> None:
    assert headers(record_of(1, STRUCTURED)) == [("content-type", b"application/cloudevents+json")]
