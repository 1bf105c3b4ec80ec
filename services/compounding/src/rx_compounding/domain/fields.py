"""Read decimal text of a request: exact, plain and within its range."""

import re
from decimal import Decimal

from rx_runtime.errors import InvalidInput

_PLAIN = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
_ZERO = Decimal(0)


def decimal_field(
    name: str, text: str, *, highest: Decimal, lowest: Decimal = _ZERO, above: Decimal | None = None
) -> Decimal:
    """Return the number in `text`: up to 6 digits, optionally a point and up to 6 more.

    The range is `lowest` to `highest`, both inclusive, and above `above` if that is given.

    Raises InvalidInput <NAME>_MISSING, <NAME>_NOT_A_NUMBER or <NAME>_OUT_OF_RANGE; the message names the field.
    """
    if not text:
        raise InvalidInput(f"{name.upper()}_MISSING", f"{name}: decimal text is required")
    if not _PLAIN.fullmatch(text):
        raise InvalidInput(
            f"{name.upper()}_NOT_A_NUMBER", f"{name}: up to 6 digits before and after the point, without sign or unit"
        )
    value = Decimal(text)
    if not lowest <= value <= highest or (above is not None and value <= above):
        raise InvalidInput(f"{name.upper()}_OUT_OF_RANGE", f"{name}: above {above or lowest}, at most {highest}")
    return value


def optional_decimal_field(name: str, text: str, *, highest: Decimal) -> Decimal | None:
    """Return the number in `text`, above 0 and at most `highest`; None for an empty text."""
    return decimal_field(name, text, above=_ZERO, highest=highest) if text else None
