"""CloudEvents around a document: binary mode (headers), structured mode (one JSON object), or none at all."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.json import read_json

FHIR_JSON = "application/fhir+json"
EVENT_JSON = "application/json"
CLOUD_EVENT_TYPES = {EVENT_JSON: "pharmacy.event.v1", FHIR_JSON: "pharmacy.fhir-r4.v1"}
_STRUCTURED = "application/cloudevents+json"
DEFAULT_FHIR_SOURCE = "fhir"
"""Source of a FHIR document whose envelope names none."""

_READ_HEADERS = frozenset({"ce_specversion", "ce_source", "ce_siteid", "content-type"})
_MAX_ATTRIBUTE_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A document and what is said around it. `source` and `site_id` count for FHIR alone: an event names its own."""

    document: Any  # JSON value, see rx_contracts.edge.json
    is_fhir: bool
    source: str = DEFAULT_FHIR_SOURCE
    site_id: str | None = None


def open_envelope(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The document of a record.

    Raises EdgeError: RECORD_EMPTY, HEADER_UNREADABLE, CONTENT_TYPE_NOT_SUPPORTED, FHIR_VERSION_NOT_SUPPORTED,
    CLOUDEVENT_VERSION_NOT_SUPPORTED, CLOUDEVENT_DATA_MISSING, or what `read_json` raises.
    """
    attributes = _attributes(headers)
    media_type, parameters = _content_type(attributes.get("content-type", ""))
    _check_version(attributes.get("ce_specversion", "1.0"))
    if media_type not in ("", EVENT_JSON, FHIR_JSON, _STRUCTURED):
        raise EdgeError("CONTENT_TYPE_NOT_SUPPORTED", "", f"the content type is neither {EVENT_JSON} nor {FHIR_JSON}")
    document = read_json(value or b"")
    if media_type == _STRUCTURED or (not media_type and _is_structured(document)):
        return _structured(document)
    return _envelope(document, media_type, parameters, attributes.get("ce_source"), attributes.get("ce_siteid"))


def _envelope(document: Any, media_type: str, parameters: str, source: str | None, site_id: str | None) -> Envelope:  # noqa: ANN401  # JSON value
    if "fhirversion=" in parameters and "fhirversion=4." not in parameters:
        raise EdgeError("FHIR_VERSION_NOT_SUPPORTED", "", "only FHIR R4 (fhirVersion=4.0) is read")
    is_fhir = media_type == FHIR_JSON or (isinstance(document, dict) and "resourceType" in document)
    return Envelope(document=document, is_fhir=is_fhir, source=source or DEFAULT_FHIR_SOURCE, site_id=site_id or None)


def _structured(event: Any) -> Envelope:  # noqa: ANN401  # JSON value
    if not isinstance(event, dict):
        raise EdgeError("NOT_AN_OBJECT", "", "a CloudEvent is a JSON object")
    _check_version(_text(event, "specversion"))
    media_type, parameters = _content_type(_text(event, "datacontenttype") or EVENT_JSON)
    if media_type not in (EVENT_JSON, FHIR_JSON):
        raise EdgeError("CONTENT_TYPE_NOT_SUPPORTED", "/datacontenttype", f"is neither {EVENT_JSON} nor {FHIR_JSON}")
    return _envelope(_data(event), media_type, parameters, _text(event, "source"), _text(event, "siteid"))


def _data(event: dict[str, Any]) -> Any:  # noqa: ANN401  # JSON value
    if "data" in event:
        return event["data"]
    encoded = event.get("data_base64")
    if not isinstance(encoded, str):
        raise EdgeError("CLOUDEVENT_DATA_MISSING", "/data", "a CloudEvent needs data here")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise EdgeError("CLOUDEVENT_DATA_MISSING", "/data_base64", "is not base64") from None
    return read_json(decoded)


def _is_structured(document: object) -> bool:
    return isinstance(document, dict) and "specversion" in document and "resourceType" not in document


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name, "")
    if not isinstance(value, str):
        raise EdgeError("WRONG_TYPE", f"/{name}", "is a text")
    return value


def _attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """The headers that are read, first one of a name; the others may hold anything."""
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
    media_type, _, parameters = text.partition(";")
    return media_type.strip().lower(), parameters.replace(" ", "").replace('"', "").lower()


def _check_version(version: str) -> None:
    if version != "1.0":
        raise EdgeError("CLOUDEVENT_VERSION_NOT_SUPPORTED", "", "only CloudEvents 1.0 is read")
