"""The edge event: every example is taken or refused as its place says, and no bad input gets past the edge."""

import json
from importlib import resources

import jsonschema
import pytest
from rx_contracts.edge.event import EVENT_MODELS, EdgeError, json_schema, parse_event
from rx_contracts.edge.json import MAX_DOCUMENT_BYTES

VALID = sorted(resources.files("rx_contracts.examples.edge").glob("*.json"))
INVALID = sorted(resources.files("rx_contracts.examples.edge_invalid").glob("*.json"))
FILL = json.loads(resources.files("rx_contracts.examples.edge").joinpath("medication_filled.json").read_text())


def fill(**changes):
    return json.dumps({**FILL, **changes}).encode()


def fill_of(**changes):
    return fill(medicine={**FILL["medicine"], **changes})


def refusal(document):
    with pytest.raises(EdgeError) as caught:
        parse_event(document)
    return caught.value


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_each_valid_example_is_taken_as_the_type_it_is_named_after(path):
    assert parse_event(path.read_bytes()).type == path.stem


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_each_valid_example_satisfies_the_published_schema(path):
    jsonschema.validate(json.loads(path.read_bytes()), json_schema(), cls=jsonschema.Draft202012Validator)


def test_there_is_one_valid_example_for_each_type_and_a_schema_variant():
    variants = {name for name, model in json_schema()["$defs"].items() if "type" in model["properties"]}

    assert {path.stem for path in VALID} == set(EVENT_MODELS)
    assert variants == {model.__name__ for model in EVENT_MODELS.values()}


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_each_invalid_example_is_refused_with_the_code_in_its_name(path):
    assert refusal(path.read_bytes()).code == path.stem.partition("-")[0]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0.100000001", "0.100000001"),
        ('"4.50"', "4.5"),
        ("4.50", "4.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1.0E1", "10"),
    ],
)
def test_doses_keep_every_digit_and_lose_only_trailing_zeros(written, kept):
    document = fill_of(daily_dose_mg="HERE").replace(b'"HERE"', written.encode())

    assert str(parse_event(document).medicine.daily_dose_mg) == kept


def test_an_instant_keeps_its_meaning_across_offsets():
    event = parse_event(fill(occurred_time="2026-03-01T09:00:00.123456-05:00"))

    assert event.occurred_time.isoformat() == "2026-03-01T14:00:00.123456+00:00"


def test_the_revision_defaults_to_the_recorded_time_in_microseconds():
    event = parse_event(fill(source_revision=None, recorded_time="2026-03-01T15:30:01.000002Z"))

    assert event.revision == 1_772_379_001_000_002


BAD_DOCUMENTS = {
    "empty value": (b"", "RECORD_EMPTY"),
    "random bytes": (bytes(range(128, 256)) * 8, "NOT_UTF8"),
    "invalid UTF-8 in a name": (fill_of(text="methXdone").replace(b"X", b"\xff"), "NOT_UTF8"),
    "truncated": (fill()[:-1], "NOT_JSON"),
    "array": (b"[]", "NOT_AN_OBJECT"),
    "string": (b'"x"', "NOT_AN_OBJECT"),
    "number": (b"7", "NOT_AN_OBJECT"),
    "byte order mark": (b"\xef\xbb\xbf" + fill(), "NOT_JSON"),
    "UTF-16": (fill().decode().encode("utf-16"), "NOT_UTF8"),
    "UTF-16 without mark": (fill().decode().encode("utf-16-le"), "NOT_JSON"),
    "trailing garbage": (fill() + b"{}", "NOT_JSON"),
    "depth 100,000": (b"[" * 100_000, "NESTING_TOO_DEEP"),
    "depth 65": (b"[" * 65 + b"]" * 65, "NESTING_TOO_DEEP"),
    "5,000-digit integer": (
        fill(source_revision=1).replace(b'"source_revision": 1', b'"source_revision": ' + b"9" * 5000),
        "NOT_JSON",
    ),
    "one byte too long": (b" " * (MAX_DOCUMENT_BYTES + 1), "RECORD_TOO_LARGE"),
    "another topic's type": (b'{"finding_id": "aa", "rule": "WR-01"}', "FIELD_MISSING"),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins\x94.", "NOT_UTF8"),
    "exponent of 19 digits": (
        fill_of(days_supply="HERE").replace(b'"HERE"', b"1e9999999999999999999"),
        "NUMBER_TOO_LARGE",
    ),
    "exponent of 19 digits below zero": (
        fill_of(days_supply="HERE").replace(b'"HERE"', b"1e-9999999999999999999"),
        "NUMBER_TOO_LARGE",
    ),
    "lone surrogate": (fill(event_id="x").replace(b'"x"', b'"\\ud800"'), "NOT_UNICODE"),
    "10,000 unknown fields": (fill(**{f"field{n}": n for n in range(10_000)}), "FIELD_UNKNOWN"),
    "duplicate key deep inside": (
        fill_of(text="A").replace(b'"text": "A"', b'"text": "A", "text": "B"'),
        "DUPLICATE_KEY",
    ),
}


@pytest.mark.parametrize(("document", "code"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_document_that_cannot_be_read_is_refused_with_its_code(document, code):
    assert refusal(document).code == code


@pytest.mark.parametrize(
    ("dose", "code"),
    [
        ("NaN", "NUMBER_NOT_FINITE"),
        ("Infinity", "NUMBER_NOT_FINITE"),
        ("-Infinity", "NUMBER_NOT_FINITE"),
        ('"inf"', "DOSE_NOT_A_NUMBER"),
        ('"1e3"', "DOSE_NOT_A_NUMBER"),
        ('"0x10"', "DOSE_NOT_A_NUMBER"),
        ('"٤"', "DOSE_NOT_A_NUMBER"),
        ('" 4.5"', "DOSE_NOT_A_NUMBER"),
        ('".5"', "DOSE_NOT_A_NUMBER"),
        ('"mcg"', "DOSE_NOT_A_NUMBER"),
        ('"500 mcg"', "DOSE_NOT_A_NUMBER"),
        ("true", "DOSE_NOT_A_NUMBER"),
        ("[4.5]", "DOSE_NOT_A_NUMBER"),
        ("1e400", "DOSE_OUT_OF_RANGE"),
        ("1e-400", "DOSE_OUT_OF_RANGE"),
        ("1e999999999999", "DOSE_OUT_OF_RANGE"),
        ("-4.5", "DOSE_OUT_OF_RANGE"),
        ("0", "DOSE_OUT_OF_RANGE"),
        ("-0.0", "DOSE_OUT_OF_RANGE"),
        ("4." + "5" * 30, "DOSE_OUT_OF_RANGE"),
        ("4." + "0" * 40 + "1", "DOSE_OUT_OF_RANGE"),
    ],
)
def test_a_dose_that_is_no_exact_plausible_number_is_refused(dose, code):
    document = fill_of(daily_dose_mg="HERE").replace(b'"HERE"', dose.encode())

    assert refusal(document).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-03-01T09:00:00", "TIME_WITHOUT_ZONE"),
        ("2026-03-01 09:00:00Z", "TIME_MALFORMED"),
        ("2026-03-01T24:00:00Z", "TIME_MALFORMED"),
        ("2026-03-01T09:00:60Z", "TIME_MALFORMED"),
        ("2026-02-30T09:00:00Z", "TIME_MALFORMED"),
        ("2026-03-01", "TIME_MALFORMED"),
        ("20260301T090000Z", "TIME_MALFORMED"),
        ("9999-12-31T23:59:59Z", "TIME_OUT_OF_RANGE"),
        ("0001-01-01T00:00:00+23:00", "TIME_MALFORMED"),
        (0, "TIME_MALFORMED"),
        (1772355600.5, "TIME_MALFORMED"),
        (None, "TIME_MISSING"),
        ("2027-03-01T09:00:00Z", "OCCURRED_AFTER_RECORDED"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(text, code):
    assert refusal(fill(occurred_time=text)).code == code


@pytest.mark.parametrize("text", ["2026-02-30", "2026-3-1", "2026-03-01T00:00:00Z", 20260301])
def test_a_date_that_is_no_date_is_refused(text):
    assert refusal(fill(occurred_time=None, occurred_date=text)).code == "DATE_MALFORMED"


@pytest.mark.parametrize("value", ["", "x" * 257, "x" * 1_048_576, "line\nbreak", "esc\x1b[31m", 7, None, ["x"]])
def test_an_event_id_that_is_no_short_printable_text_is_refused(value):
    assert refusal(fill(event_id=value)).pointer == "/event_id"


@pytest.mark.parametrize("system", ["", "x" * 257, "urn:\x00", "urn:\n", 7, None])
def test_a_code_system_that_is_no_short_printable_text_is_refused(system):
    assert refusal(fill_of(codings=[{"system": system, "code": "1"}])).pointer == "/medicine/codings/0/system"


@pytest.mark.parametrize(
    "text",
    [
        "\u202enoxertlan",
        "nal\u200btrexone",
        "пaltrexone",
        "Ame\u0301lie's naltrexone",
        "'; DROP TABLE event_revisions; --",
        "{{7*7}} ${jndi:ldap://x}",
        "naltrexone LDN 4.5",
    ],
)
def test_odd_but_harmless_text_is_kept_as_it_came(text):
    assert parse_event(fill_of(text=text)).medicine.text == text


def test_no_refusal_repeats_a_value_or_a_key_that_could_hold_one():
    marker = "Jane Q Marker 1962"
    documents = [
        fill(event_id=[marker]),
        fill(type=marker),
        fill(occurred_time=marker),
        fill(patient={"namespace": "x", "value": {"name": marker}}),
        fill(**{marker: 1}),
        fill_of(daily_dose_mg=marker),
        fill_of(route=marker),
        fill_of(**{marker: marker}),
        fill_of(codings=[{"system": "x", "code": marker * 9}]),
        b'{"' + marker.encode() + b'": ',
    ]

    assert all("Marker" not in str(refusal(document)) for document in documents)


def test_the_place_of_an_unknown_field_shows_no_key_of_the_sender():
    assert refusal(fill(Marker_1962=1)).pointer == "/?"
    assert refusal(fill_of(Marker_1962=1)).pointer == "/medicine/?"
