"""Field types of the edge event: exact decimals, instants with an offset, local dates, bounded text.

Bounds are plausibility limits against unit errors and attacks. None of them is a clinical figure.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_DECIMAL_TEXT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_INSTANT_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MAX_DIGITS = 18
_MAX_SCALE = 9
FIRST_YEAR, LAST_YEAR = 1900, 2199


def parse_decimal(value: object, kind: str, lowest: Decimal, highest: Decimal) -> Decimal:
    """Return the exact value of a JSON number or decimal text, without trailing zeros.

    Raises PydanticCustomError `<kind>_NOT_A_NUMBER`, or `<kind>_OUT_OF_RANGE` outside [lowest, highest] or with
    more than 9 decimal places.
    """
    number = _number(value)
    if number is None:
        raise PydanticCustomError(f"{kind}_NOT_A_NUMBER", "needs a JSON number or plain decimal text, without unit")
    if not lowest <= number <= highest:
        raise PydanticCustomError(f"{kind}_OUT_OF_RANGE", "lies outside what is plausible")
    is_whole = isinstance(value, int) or (isinstance(value, str) and "." not in value)
    return number if is_whole else _plain(number, kind)


def _number(value: object) -> Decimal | None:
    match value:
        case bool():
            return None
        case int():
            return Decimal(value)
        case str():
            return Decimal(value) if _DECIMAL_TEXT.fullmatch(value.removeprefix("-")) else None
        case Decimal():
            return value if value.is_finite() else None
        case _:
            return None


def _plain(number: Decimal, kind: str) -> Decimal:
    _, digits, exponent = number.as_tuple()
    if len(digits) > _MAX_DIGITS or int(exponent) < -_MAX_SCALE:
        raise PydanticCustomError(f"{kind}_OUT_OF_RANGE", "has too many digits")
    if exponent == 0 or digits[-1] != 0:
        return number if int(exponent) <= 0 else number.quantize(Decimal(1))
    normal = number.normalize()
    return normal if int(normal.as_tuple().exponent) <= 0 else normal.quantize(Decimal(1))


def _decimal(kind: str, lowest: str, highest: str) -> Callable[[object], Decimal]:
    low, high = Decimal(lowest), Decimal(highest)
    return lambda value: parse_decimal(value, kind, low, high)


def parse_instant(value: object) -> datetime:
    """Return the UTC instant of an RFC 3339 text with offset, truncated to the microsecond.

    Raises PydanticCustomError TIME_MALFORMED, TIME_WITHOUT_ZONE or TIME_OUT_OF_RANGE.
    """
    match = _INSTANT_TEXT.fullmatch(value) if isinstance(value, str) else None
    if not match or not isinstance(value, str):
        raise PydanticCustomError("TIME_MALFORMED", "needs an RFC 3339 instant, for example 2026-03-01T09:00:00Z")
    if match[1] is None:
        raise PydanticCustomError("TIME_WITHOUT_ZONE", "a clock time needs Z or an offset")
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("TIME_MALFORMED", "there is no such date or clock time") from None
    return _within_years(instant)


def parse_date(value: object) -> date:
    """Return the date of a YYYY-MM-DD text. Raises PydanticCustomError DATE_MALFORMED or TIME_OUT_OF_RANGE."""
    if not isinstance(value, str) or not _DATE_TEXT.fullmatch(value):
        raise PydanticCustomError("DATE_MALFORMED", "needs a local date, for example 2026-03-01")
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("DATE_MALFORMED", "there is no such date") from None
    return _within_years(found)


D = TypeVar("D", bound=date)


def _within_years(found: D) -> D:
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise PydanticCustomError("TIME_OUT_OF_RANGE", "the year lies outside 1900 to 2199")
    return found


def _schema(**schema: Any) -> WithJsonSchema:  # noqa: ANN401  # JSON Schema keywords
    return WithJsonSchema(schema)


_NUMBER_SCHEMA: list[dict[str, str]] = [
    {"type": "number"},
    {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?$"},
]

DoseMg = Annotated[
    Decimal,
    BeforeValidator(_decimal("DOSE", "0.000001", "1000000")),
    _schema(anyOf=_NUMBER_SCHEMA, description="Milligrams a day, above 0, exact."),
]
DaysSupply = Annotated[
    Decimal,
    BeforeValidator(_decimal("DAYS_SUPPLY", "0", "3660")),
    _schema(anyOf=_NUMBER_SCHEMA, description="Days the supply lasts, 0 to 3660."),
]
Quantity = Annotated[
    Decimal,
    BeforeValidator(_decimal("QUANTITY", "0", "1000000")),
    _schema(anyOf=_NUMBER_SCHEMA, description="Units, 0 to 1000000."),
]
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    _schema(type="string", format="date-time", description="RFC 3339 with offset."),
]
LocalDate = Annotated[
    date,
    BeforeValidator(parse_date),
    _schema(type="string", format="date", description="Local date: the interval [00:00, 24:00) in the site's zone."),
]

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"

EventId = Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTABLE)]
CodeSystem = Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTABLE)]
SourceName = Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
SiteId = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
Number = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
Name = Annotated[str, Field(max_length=1_000, pattern=_PRINTABLE)]
Lines = Annotated[str, Field(max_length=4_000, pattern=_LINES)]
FormKey = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
RxNormCode = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
Revision = Annotated[int, Field(ge=0, le=2**63 - 1)]
PatchCount = Annotated[int, Field(ge=1, le=10_000)]
