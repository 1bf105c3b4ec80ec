"""Names of opioids and antagonists in free text, and directions that space the two by hours, which is never safe."""

import re
from collections.abc import Iterable

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Tables

_HOURS = r"(?:h|hr|hrs|hours?)\b"
_DOSING_INTERVAL = re.compile(rf"\b(every|q)\s*\d{{1,2}}(\s*(-|to)\s*\d{{1,2}})?\s*{_HOURS}")
_SPAN = re.compile(rf"\b(\d{{1,3}})(\s*(-|to)\s*\d{{1,3}})?\s*{_HOURS}")
_CUE = re.compile(r"after|before|apart|between|wait")  # waiting and beforehand are cues too
_NEGATION = re.compile(r"do not|don't|never|avoid")


class Names:
    """The names of names.csv as patterns over lower-cased text. A letter beside a name makes it another word."""

    def __init__(self, tables: Tables, policy: Policy) -> None:
        by_role: dict[str, list[str]] = {"opioid": [], "antagonist": [], "rescue": [], "release": [], "home": []}
        own: list[str] = []
        for row in tables.rows("names.csv"):
            term = row.required("term").lower()
            by_role[row.one_of("role", *by_role)].append(term)
            if row.flag("names_antagonist"):
                own.append(term)
        self._opioid = _any_of(by_role["opioid"])
        self._antagonist = _any_of(by_role["antagonist"])
        self._any = _any_of(term for role in ("opioid", "antagonist", "rescue") for term in by_role[role])
        self._release = _any_of(by_role["release"], ending="[a-z]*")  # stems: crush, crushed, crushes
        self._home = _any_of(by_role["home"])
        self._own_name = _any_of(own)
        self._spacing_below_h = policy.spacing_below.total_seconds() / 3600
        self._cue_characters = policy.spacing_cue
        self._negation_characters = policy.spacing_negation

    def names_opioid_or_antagonist(self, text: str) -> bool:
        """Return True if the text names an opioid or an antagonist, rescue naloxone included."""
        return self._any.search(text.lower()) is not None

    def names_antagonist(self, text: str) -> bool:
        """Return True if the text states the antagonist under its own name, not only a brand that hides it."""
        return self._own_name.search(text.lower()) is not None

    def releases(self, text: str) -> bool:
        """Return True if the text instructs to crush, chew, dissolve, snort or inject, without a negation before it."""
        lowered = text.lower().replace("\u2019", "'")
        return any(
            not any(
                0 <= found.start() - forbids.end() <= self._negation_characters
                for forbids in _NEGATION.finditer(lowered)
            )
            for found in self._release.finditer(lowered)
        )

    def made_at_home(self, text: str) -> bool:
        """Return True if the text describes a preparation made at home."""
        return self._home.search(text.lower()) is not None

    def spaces_by_hours(self, text: str) -> bool:
        """Return True if the text instructs to keep opioid and antagonist some hours apart."""
        lowered = _DOSING_INTERVAL.sub("", text.lower().replace("\u2019", "'"))
        if not (self._opioid.search(lowered) and self._antagonist.search(lowered)):
            return False
        return any(
            int(span[1]) < self._spacing_below_h
            and _near(_CUE, lowered, span, self._cue_characters)
            and not _near(_NEGATION, lowered, span, self._negation_characters)
            for span in _SPAN.finditer(lowered)
        )


def _any_of(terms: Iterable[str], ending: str = "(?![a-z])") -> re.Pattern[str]:
    # Not \b, because "methadone10mg" and "LDN4.5mg" contain names.
    return re.compile(rf"(?<![a-z])(?:{'|'.join(map(re.escape, terms))}){ending}")


def _near(pattern: re.Pattern[str], text: str, span: re.Match[str], characters: int) -> bool:
    """Return True if the pattern matches at most `characters` characters before or after the span."""
    return any(
        span.start() - found.end() <= characters and found.start() - span.end() <= characters
        for found in pattern.finditer(text)
    )
