"""Refusals of the edge: a stable code, a place and a message, which never repeat the document."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class EdgeError(ValueError):
    """The reason for refusing a document or a part of it.

    `code`: stable, UPPER_SNAKE. `pointer`: RFC 6901 JSON pointer to the place, empty for the whole document.
    `message`: for people. None of the three holds a value or a key of the document.
    """

    def __init__(self, code: str, pointer: str, message: str) -> None:
        super().__init__(f"{code} at {pointer or 'the document'}: {message}")
        self.code = code
        self.pointer = pointer
        self.message = message

    @property
    def reason(self) -> str:
        """Return place and message, as receipts and dead letters carry them."""
        return f"{self.pointer or 'the document'}: {self.message}"

    def under(self, prefix: str) -> "EdgeError":
        """Return the same error for an outer document that holds this one at the pointer `prefix`."""
        return EdgeError(self.code, prefix + self.pointer, self.message)


M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], document: object) -> M:
    """Return `document` as an instance of a strict model. Raises EdgeError for its first defect."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _edge_error(error.errors(include_input=False, include_url=False)[0]) from None


_CODES = {
    "missing": ("FIELD_MISSING", "is required"),
    "extra_forbidden": ("FIELD_UNKNOWN", "is not a field of this type"),
    "literal_error": ("VALUE_NOT_ALLOWED", "is none of the values allowed here"),
    "string_pattern_mismatch": ("CHARACTER_NOT_ALLOWED", "holds a character that is not allowed here"),
    "string_unicode": ("NOT_UNICODE", "is not valid Unicode text"),
    "string_too_short": ("TOO_SHORT", "is too short"),
    "too_short": ("TOO_SHORT", "has too few items"),
    "string_too_long": ("TOO_LONG", "is too long"),
    "too_long": ("TOO_LONG", "has too many items"),
    "greater_than_equal": ("OUT_OF_RANGE", "is too small"),
    "less_than_equal": ("OUT_OF_RANGE", "is too large"),
}


def _edge_error(error: ErrorDetails) -> EdgeError:
    kind, location = error["type"], error["loc"]
    if kind.isupper():
        return EdgeError(kind, _pointer(location), error["msg"])
    if kind == "extra_forbidden":  # the last step is the sender's own key
        location = (*location[:-1], "?")
    code, message = _CODES.get(kind, ("WRONG_TYPE", "has another JSON type than the one needed"))
    return EdgeError(code, _pointer(location), message)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return the JSON pointer of steps: indices, field names of the models, and `?` for a key that no model names."""
    return "".join(f"/{step}" for step in location)
