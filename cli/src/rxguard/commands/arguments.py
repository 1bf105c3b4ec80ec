"""Arguments that are checked before a command starts. Imports nothing heavy: `rxguard --help` reads this too."""

from typing import Final

import typer

LEAST_ID_DIGITS: Final = 4
_HEX: Final = frozenset("0123456789abcdef")


def hex_prefix(value: str | None) -> str | None:
    """Return the beginning of an id or of a patient's name, in lower case. Raises BadParameter."""
    if value is None:
        return None
    prefix = value.lower()
    if not prefix or not set(prefix) <= _HEX:
        raise typer.BadParameter(f"{value!r} is not made of hex digits")
    return prefix


def finding_prefix(value: str | None) -> str | None:
    """Return the prefix if it has enough digits to name one finding. Raises BadParameter."""
    prefix = hex_prefix(value)
    if prefix is not None and len(prefix) < LEAST_ID_DIGITS:
        raise typer.BadParameter(f"give {LEAST_ID_DIGITS} hex digits or more")
    return prefix
