"""A YAML file as text: every scalar a string, every key known, every error with its place."""

import re
from collections.abc import Hashable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from rx_clinical.model.facts import Moment

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})")


class ScenarioFileError(Exception):
    """A scenario file that cannot be run. `code`: UNREADABLE, INVALID or UNKNOWN_ID."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_yaml(path: Path) -> "Node":
    """Return the mapping of a YAML file. Raises ScenarioFileError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506  # a BaseLoader: text only
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioFileError("UNREADABLE", f"{path.name}: {error}") from error
    except yaml.YAMLError as error:
        raise ScenarioFileError("INVALID", f"{path.name}: {error}") from error
    return Node(content, path.name)


class _TextLoader(yaml.BaseLoader):
    """Scalars as text; a key that stands twice in one mapping is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Node:
    """A mapping of the file with its place, for errors that say where."""

    def __init__(self, content: object, place: str) -> None:
        self.place = place
        if not isinstance(content, dict):
            raise self.error("is not a mapping")
        self._content: dict[str, Any] = content

    def error(self, message: str) -> ScenarioFileError:
        """Return the error to raise about this mapping."""
        return ScenarioFileError("INVALID", f"{self.place}: {message}")

    def only(self, allowed: set[str] | frozenset[str]) -> None:
        """Refuses unknown keys."""
        if unknown := sorted(self._content.keys() - allowed):
            raise self.error(f"unknown keys {', '.join(unknown)}")

    def keys(self) -> set[str]:
        """Return the keys that are there."""
        return set(self._content)

    def optional(self, key: str) -> str | None:
        """Return a scalar, None where the key is absent."""
        value = self._content.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{key} is not a scalar")
        return value

    def text(self, key: str) -> str:
        """Return a scalar that must be there."""
        value = self.optional(key)
        if not value:
            raise self.error(f"{key} is missing")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of scalars, empty where the key is absent."""
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key} is not a list of texts")
        return value

    def child(self, key: str) -> "Node":
        """Return a mapping below."""
        return Node(self._content.get(key), f"{self.place} {key}")

    def children(self, key: str) -> list["Node"]:
        """Return a list of mappings below, empty where the key is absent."""
        value = self._content.get(key, [])
        if not isinstance(value, list):
            raise self.error(f"{key} is not a list")
        return [Node(item, f"{self.place} {key}[{number}]") for number, item in enumerate(value, 1)]

    def flag(self, key: str) -> bool:
        """Return a truth value; False where the key is absent."""
        value = self.optional(key)
        if value not in (None, "true", "false"):
            raise self.error(f"{key} is neither true nor false: {value!r}")
        return value == "true"

    def word(self, key: str, allowed: frozenset[str]) -> str | None:
        """One of the allowed words, None where the key is absent."""
        value = self.optional(key)
        if value is not None and value not in allowed:
            raise self.error(f"{key} {value!r} is not one of {', '.join(sorted(allowed))}")
        return value

    def decimal(self, key: str) -> Decimal | None:
        """Return a finite decimal of zero or more, None where the key is absent."""
        value = self.optional(key)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self.error(f"{key} is not a number: {value!r}") from None
        if not number.is_finite() or number < 0:
            raise self.error(f"{key} is not a finite number of zero or more: {value!r}")
        return number

    def whole(self, key: str) -> int | None:
        """Return a whole number of zero or more, None where the key is absent."""
        number = self.decimal(key)
        if number is not None and number != int(number):
            raise self.error(f"{key} is not a whole number")
        return None if number is None else int(number)

    def moment(self, key: str, zone: str | None) -> Moment | None:
        """Return an instant, or a local date in the zone, else in UTC; None where the key is absent."""
        value = self.optional(key)
        if value is None:
            return None
        try:
            if _DATE.fullmatch(value):
                return Moment.local_date(date.fromisoformat(value), zone or "UTC")
            if _INSTANT.fullmatch(value):
                return Moment.instant(datetime.fromisoformat(value), zone)
        except ValueError as error:
            raise self.error(f"{key}: {error}") from error
        raise self.error(f"{key} is neither an instant with zone nor a date: {value!r}")
