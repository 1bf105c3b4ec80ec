"""Convert between exact decimals and the decimal text of messages. Nothing is rounded."""

from decimal import Decimal


def decimal_text(value: Decimal | None) -> str:
    """Return plain digits of exactly that value, without exponent or trailing zeros; empty for None."""
    if not value:
        return "" if value is None else "0"
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def decimal(text: str) -> Decimal | None:
    """Return the exact decimal of a text, None for an empty one. Raises decimal.InvalidOperation for anything else."""
    return Decimal(text) if text else None
