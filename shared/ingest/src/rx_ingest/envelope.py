"""Opens the CloudEvents envelope of a record: binary mode (headers), structured mode (one JSON object), or none."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.json import check_size, read_json

from rx_ingest.formats.protocol import Format, Syntax
from rx_ingest.registry import Registry

CLOUD_EVENT_JSON: Final = "application/cloudevents+json"
"""Media type of a CloudEvent in structured mode."""

_READ_HEADERS = frozenset({"ce_specversion", "ce_source", "ce_siteid", "content-type"})
_MAX_ATTRIBUTE_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A document, its format, and the sender and site that the envelope names."""

    document: Any  # a JSON value or bytes, see Format.syntax
    media_type: str  # first one of the document's format
    source: str | None = None
    site_id: str | None = None


def open_envelope(value: bytes | None, headers: Iterable[tuple[str, bytes]], formats: Registry) -> Envelope:
    """Return the document of a record.

    Raises EdgeError: RECORD_EMPTY, HEADER_UNREADABLE, CONTENT_TYPE_NOT_SUPPORTED, CLOUDEVENT_VERSION_NOT_SUPPORTED,
    CLOUDEVENT_DATA_MISSING, FHIR_VERSION_NOT_SUPPORTED, or what `read_json` raises.
    """
    attributes = _attributes(headers)
    media_type, parameters = _content_type(attributes.get("content-type", ""))
    _check_version(attributes.get("ce_specversion", "1.0"))
    declared = formats.by_media_type(media_type)
    if declared is None and media_type not in ("", CLOUD_EVENT_JSON):
        raise EdgeError("CONTENT_TYPE_NOT_SUPPORTED", "", f"the content type is {formats.supported}")
    raw = value or b""
    found = declared if media_type else formats.of_bytes(raw)
    if found is None or found.syntax is Syntax.JSON:
        document = read_json(raw)
        if media_type == CLOUD_EVENT_JSON or (not media_type and _is_structured(document, formats)):
            return _open_structured(document, formats)
        found = _json_format(document, declared, formats)
    else:
        document = check_size(raw)
    if parameters:
        formats.check_parameters(parameters)
    return _envelope(document, found, attributes.get("ce_source"), attributes.get("ce_siteid"))


def _json_format(document: Any, declared: Format | None, formats: Registry) -> Format:  # noqa: ANN401  # JSON value
    """Return the format of a JSON document. Plain `application/json` also carries the more specific formats."""
    if declared is not None and declared is not formats.default:
        return declared
    return formats.specific_json(document) or formats.default


def _envelope(document: Any, found: Format, source: str | None, site_id: str | None) -> Envelope:  # noqa: ANN401  # JSON value or bytes
    return Envelope(
        document=document,
        media_type=found.media_types[0],
        source=source or found.default_source,
        site_id=site_id or None,
    )


def _open_structured(event: Any, formats: Registry) -> Envelope:  # noqa: ANN401  # JSON value
    if not isinstance(event, dict):
        raise EdgeError("NOT_AN_OBJECT", "", "a CloudEvent is a JSON object")
    _check_version(_attribute(event, "specversion"))
    media_type, parameters = _content_type(_attribute(event, "datacontenttype") or formats.default.media_types[0])
    declared = formats.by_media_type(media_type)
    if declared is None:
        raise EdgeError("CONTENT_TYPE_NOT_SUPPORTED", "/datacontenttype", f"is {formats.supported}")
    document = _data(event, declared)
    source, site_id = _attribute(event, "source"), _attribute(event, "siteid")
    if parameters:
        formats.check_parameters(parameters)
    found = declared if declared.syntax is Syntax.BYTES else _json_format(document, declared, formats)
    return _envelope(document, found, source, site_id)


def _data(event: dict[str, Any], declared: Format) -> Any:  # noqa: ANN401  # JSON value or bytes
    """Return `data` or the decoded `data_base64`: a JSON value, or the bytes that the format reads."""
    if "data" in event:
        return event["data"] if declared.syntax is Syntax.JSON else _attribute(event, "data").encode(errors="replace")
    encoded = event.get("data_base64")
    if not isinstance(encoded, str):
        raise EdgeError("CLOUDEVENT_DATA_MISSING", "/data", "a CloudEvent needs data here")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise EdgeError("CLOUDEVENT_DATA_MISSING", "/data_base64", "is not base64") from None
    return read_json(decoded) if declared.syntax is Syntax.JSON else check_size(decoded)


def _is_structured(document: object, formats: Registry) -> bool:
    return isinstance(document, dict) and "specversion" in document and formats.specific_json(document) is None


def _attribute(event: dict[str, Any], name: str) -> str:
    value = event.get(name, "")
    if not isinstance(value, str):
        raise EdgeError("WRONG_TYPE", f"/{name}", "is a text")
    return value


def _attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return the headers of the envelope, the first of each name. Other headers may hold anything."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in _READ_HEADERS and name not in found:
            found[name] = _header_text(name, value)
    return found


def _header_text(name: str, value: bytes | None) -> str:
    if value is not None and len(value) <= _MAX_ATTRIBUTE_BYTES:
        with suppress(UnicodeDecodeError):
            return value.decode("utf-8")
    raise EdgeError("HEADER_UNREADABLE", "", f"the header {name} is no short UTF-8 text")


def _content_type(text: str) -> tuple[str, str]:
    """Return media type and parameters, lower case, without blanks and quotes."""
    media_type, _, parameters = text.partition(";")
    return media_type.strip().lower(), parameters.replace(" ", "").replace('"', "").lower()


def _check_version(version: str) -> None:
    if version != "1.0":
        raise EdgeError("CLOUDEVENT_VERSION_NOT_SUPPORTED", "", "only CloudEvents 1.0 is read")
