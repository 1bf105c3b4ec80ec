"""Reads JSON strictly: bounded size and depth, no duplicate keys, exact numbers."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from rx_contracts.edge.errors import EdgeError

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
"""Size limit of a document, 4 MiB."""

MAX_DEPTH = 64
"""Depth limit of nested objects and arrays. FHIR needs about 20."""


def read_json(raw: bytes) -> Any:  # noqa: ANN401  # JSON is any of six types, models decide
    """Return the value of a JSON document. Numbers with a fraction or exponent become exact `Decimal`s, others `int`s.

    Raises EdgeError: RECORD_EMPTY, RECORD_TOO_LARGE, NOT_UTF8, NOT_JSON, NUMBER_NOT_FINITE, NUMBER_TOO_LARGE,
    DUPLICATE_KEY, NESTING_TOO_DEEP.
    """
    try:
        value = _DECODER.decode(check_size(raw).decode("utf-8"))
    except UnicodeDecodeError:
        raise EdgeError("NOT_UTF8", "", "the record is not UTF-8 text") from None
    except RecursionError:
        raise _too_deep() from None
    except EdgeError:
        raise
    except ValueError:  # broken syntax, a byte order mark, or an integer of thousands of digits
        raise EdgeError("NOT_JSON", "", "the record is not one JSON document") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else the nesting cannot be too deep
        _check_depth(value)
    return value


def check_size(raw: bytes) -> bytes:
    """Return `raw`. Raises EdgeError RECORD_EMPTY or RECORD_TOO_LARGE."""
    if not raw:
        raise EdgeError("RECORD_EMPTY", "", "the record has no content")
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise EdgeError("RECORD_TOO_LARGE", "", f"the record is larger than {MAX_DOCUMENT_BYTES} bytes")
    return raw


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise EdgeError("DUPLICATE_KEY", "", "an object names a key twice; which value is meant is not known")
    return found


def _constant(_name: str) -> None:
    raise EdgeError("NUMBER_NOT_FINITE", "", "NaN and Infinity are no JSON numbers")


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise EdgeError("NUMBER_TOO_LARGE", "", "a number has an exponent that no quantity needs") from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_exact, parse_constant=_constant)


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [child for child in value.values() if isinstance(child, dict | list)]
    if isinstance(value, list):
        return [child for child in value if isinstance(child, dict | list)]
    return []


def _too_deep() -> EdgeError:
    return EdgeError("NESTING_TOO_DEEP", "", f"objects and arrays nest deeper than {MAX_DEPTH} levels")
