"""The free text of a compounding request: terms, parts of the filler, preservative, and the request in words."""

import re
from collections.abc import Iterable

from rx_clinical.model.facts import BatchRecord, CompoundRequest
from rx_clinical.model.washout import plain

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_SEPARATORS = re.compile(r"[,;/+&()]|\b(?:and|with|plus|or)\b")
_INVERTED = re.compile(r"(cellulose)\s*,\s*(microcrystalline)")  # monograph titles; elsewhere a comma separates parts
_NO_FILLER = re.compile(r"(?:no filler|none|nil|n a|na|not applicable)?")
_ABSENT = re.compile(r"(?:no|without|not)\b.*|.* free|(?:ph )?[0-9 ]*")  # a part that is absent, or only a grade


class TermMatcher:
    """Finds terms as words in normalised text, the longest first, each with or without a plural s."""

    def __init__(self, terms: Iterable[str]) -> None:
        longest_first = sorted(set(terms), key=lambda term: (-len(term), term))
        self._pattern = re.compile(rf"(?<![a-z0-9])({'|'.join(map(re.escape, longest_first))})s?(?![a-z0-9])")

    def found(self, text: str) -> list[str]:
        """Return the terms of a text in their order. No word belongs to two terms."""
        return [match[1] for match in self._pattern.finditer(_alphanumeric(text))]


def _alphanumeric(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub(" ", text.lower()).strip()


def filler_parts(filler: str) -> list[str]:
    """Return the parts of a filler as written, without those that it states to be absent."""
    if _NO_FILLER.fullmatch(_alphanumeric(filler)):
        return []
    parts = (part.strip() for part in _SEPARATORS.split(_INVERTED.sub(r"\2 \1", filler.lower())))
    return [part for part in parts if not _ABSENT.fullmatch(_alphanumeric(part))]


def preserved(request: CompoundRequest, meanings: frozenset[str]) -> bool | None:
    """Return whether a preparation is preserved, None if not stated; of two statements, not preserved wins.

    `meanings`: those of the words in its preparation and vehicle.
    """
    if request.preserved is False or "unpreserved" in meanings:
        return False
    return True if request.preserved or "preserved" in meanings else None


def requests(compounding: Iterable[CompoundRequest | BatchRecord]) -> list[CompoundRequest]:
    """Return the requests among the facts about compounding."""
    return [fact for fact in compounding if isinstance(fact, CompoundRequest)]


def request_text(request: CompoundRequest) -> str:
    """Return the request in words: `naltrexone 4.5 mg capsule`."""
    strength = ""
    if request.strength_mg is not None:
        strength = f" {plain(request.strength_mg)} mg"
    elif request.strength_mg_per_ml is not None:
        strength = f" {plain(request.strength_mg_per_ml)} mg/mL"
    return f"naltrexone{strength} {request.preparation or 'preparation'}"
