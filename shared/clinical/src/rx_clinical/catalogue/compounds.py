"""Compounded naltrexone: what a request asks for, how long it may be used, and what it brings with it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.facts import BatchRecord, CompoundRequest, Moment
from rx_clinical.model.washout import plain

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_PARTS = re.compile(r"[,;/+&()]|\b(?:and|with|plus|or)\b")
_INVERTED = re.compile(r"(cellulose)\s*,\s*(microcrystalline)")  # as monographs are titled; a comma parts otherwise
_NOTHING = re.compile(r"(?:no filler|none|nil|n a|na|not applicable)?")
_SAYS_NO = re.compile(r"(?:no|without|not)\b.*|.* free|(?:ph )?[0-9 ]*")  # of a part: absent, or only its grade
_LONGEST_DAYS = Decimal(1_000_000)  # longer than any calendar in use

ANY_COMPONENT = "no component expires earlier: the earliest expiry of any component shortens it further"
_KINDS = (
    "solid",
    "liquid",
    "semisolid",
    "water",
    "oil",
    "anhydrous",
    "preserved",
    "unpreserved",
    "cold",
    "room",
    "studied",
)
_PREPARATIONS = frozenset({"solid", "liquid", "semisolid", "water", "oil", "anhydrous"})


class BudClass(StrEnum):
    """The classes of compounding_bud.csv."""

    OTHER_NONAQUEOUS = "other_nonaqueous"
    NONAQUEOUS_LIQUID = "nonaqueous_liquid"
    AQUEOUS_PRESERVED = "aqueous_preserved"
    AQUEOUS_UNPRESERVED = "aqueous_unpreserved"
    STUDIED_LIQUID = "studied_liquid"


class Verdict(StrEnum):
    """What a filler is."""

    FINE = "fine"
    OVERRIDE = "override"  # by a pharmacist, with an allergy check
    UNKNOWN = "unknown"  # in no table: the least of what is no microcrystalline cellulose
    REFUSED = "refused"


_WORST_FIRST = (Verdict.REFUSED, Verdict.OVERRIDE, Verdict.FINE)  # of what the table may say


@dataclass(frozen=True, slots=True)
class Filler:
    """A part of the filler as it is written, and what it is."""

    text: str
    verdict: Verdict
    meaning: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How long a preparation may be used. The day of compounding is Day 1."""

    days: int
    bud_class: BudClass
    preparation: str  # row of compounding_limits.csv
    storage: str
    assumed: tuple[str, ...]  # what was not stated and taken the safer way
    sources: tuple[str, ...]

    def last_day(self, compounded: date) -> date:
        """The last usable day."""
        return last_day(compounded, self.days)


@dataclass(frozen=True, slots=True)
class Brought:
    """An allergen that a preparation brings, and by what."""

    allergen: str  # meaning in patient_terms.csv
    by: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Excipient:
    part: str
    term: str
    allergen: str  # "": brings nothing, whatever the words in it say
    instead_of: str
    sources: tuple[str, ...]


class Compounding:
    """The compounding tables. Raises TableError where one contradicts another."""

    def __init__(self, tables: Tables) -> None:
        kinds = tables.keyed("compounding_words.csv", lambda row: (row.required("term"), row.one_of("kind", *_KINDS)))
        self._kinds: Mapping[str, str] = kinds
        self._words = _Words(kinds)
        stored = {row.required("preparation"): row for row in tables.rows("compounding_limits.csv")}
        self._limits = tables.keyed("compounding_bud.csv", lambda row: _limit(row, stored, tables))
        if {limit.bud_class for limit in self._limits.values()} != set(BudClass):
            raise TableError("compounding_bud.csv: a class is missing")
        studied = (row for row in tables.rows("compounding_bud.csv") if row.text("strength_mg_per_ml"))
        self._studied_strengths = frozenset(row.decimal("strength_mg_per_ml") for row in studied)
        self._fillers = tables.keyed(
            "compounding_fillers.csv", lambda row: (row.required("term"), _filler(row, tables))
        )
        self._filler_words = _Words(self._fillers)
        allergens = {row.required("meaning") for row in tables.rows("patient_terms.csv")}
        self._excipients = [_excipient(row, allergens, tables) for row in tables.rows("compounding_excipients.csv")]
        parts = {one.part for one in self._excipients}
        self._part_words = {part: _Words(e.term for e in self._excipients if e.part == part) for part in parts}

    def limit(self, request: CompoundRequest) -> Limit:
        """The longest beyond-use time of what is asked for; the shortest one where the preparation is not known."""
        meanings = self._meanings_of(request.preparation) | self._meanings_of(request.vehicle)
        preserved = _preserved(request, meanings)
        bud_class = self._bud_class(request, meanings, preserved=preserved is True)
        if bud_class is None:
            shortest = min(self._limits.values(), key=lambda limit: limit.days)
            named = (
                f"the preparation {request.preparation!r} is not known"
                if request.preparation
                else "no preparation is named"
            )
            return _assuming(shortest, [f"{named}: the shortest limit counts"])
        storage = self._meanings_of(request.storage)
        cold = "cold" in storage and "room" not in storage
        assumed = []
        if bud_class is BudClass.AQUEOUS_UNPRESERVED:
            if preserved is None:
                assumed.append("a preservative is not stated: counted as not preserved")
            if not cold:
                stated = f"storage is stated as {request.storage!r}" if request.storage else "storage is not stated"
                assumed.append(f"{stated}: the limit holds in the refrigerator only")
        if bud_class is not BudClass.STUDIED_LIQUID:
            return _assuming(self._limits[f"{bud_class} any"], assumed)
        if not storage:
            assumed.append("storage is not stated: room temperature counts")
        return _assuming(self._limits[f"{bud_class} {'cold' if cold else 'room'}"], assumed)

    @property
    def water_limit(self) -> Limit:
        """The limit of water without a preservative: that of everything dissolved at home."""
        return self._limits[f"{BudClass.AQUEOUS_UNPRESERVED} any"]

    def _bud_class(self, request: CompoundRequest, meanings: frozenset[str], *, preserved: bool) -> BudClass | None:
        """By what the preparation and its vehicle say. Where they disagree, water counts, then oil."""
        if not meanings & _PREPARATIONS:
            return None
        if "anhydrous" in meanings and "water" not in meanings:
            oral = meanings & {"liquid", "oil"}
            return BudClass.NONAQUEOUS_LIQUID if oral else BudClass.OTHER_NONAQUEOUS
        if not meanings & {"water", "semisolid"}:
            if "oil" in meanings:
                return BudClass.NONAQUEOUS_LIQUID
            if "liquid" not in meanings:
                return BudClass.OTHER_NONAQUEOUS
        if not preserved:
            return BudClass.AQUEOUS_UNPRESERVED
        drunk = "semisolid" not in meanings
        studied = "studied" in meanings or request.strength_mg_per_ml in self._studied_strengths
        return BudClass.STUDIED_LIQUID if drunk and studied else BudClass.AQUEOUS_PRESERVED

    def _meanings_of(self, text: str) -> frozenset[str]:
        return frozenset(self._kinds[term] for term in self._words.found(text))

    def fillers(self, request: CompoundRequest) -> list[Filler]:
        """The parts of the added filler, each as the worst that its words say."""
        return [self._filler(part) for part in _parts(request.filler)]

    def _filler(self, part: str) -> Filler:
        known = [self._fillers[term] for term in self._filler_words.found(part)]
        if not known:
            return Filler(part, Verdict.UNKNOWN, "it is in no list", ())
        worst = min(known, key=lambda filler: _WORST_FIRST.index(filler.verdict))
        return Filler(part, worst.verdict, worst.meaning, worst.sources)

    def brought(self, request: CompoundRequest) -> list[Brought]:
        """The allergens that the preparation brings: with its tablets, its shell, its filler or its vehicle."""
        found = [
            *self._brought_by("api_source", request.api_source),
            *self._brought_by("shell", f"{request.preparation}; {request.vehicle}"),
            *self._brought_by("added", f"{request.filler}; {request.vehicle}"),
        ]
        if not request.api_source:
            tablets = (one for one in self._excipients if one.part == "api_source")
            found += [
                Brought(e.allergen, f"a source that is not stated ({e.term}s bring it)", e.sources) for e in tablets
            ]
        unique: dict[str, Brought] = {}
        for one in found:
            unique.setdefault(one.allergen, one)
        return list(unique.values())

    def _brought_by(self, part: str, text: str) -> Iterator[Brought]:
        terms = set(self._part_words[part].found(text))
        found = [one for one in self._excipients if one.part == part and one.term in terms and one.allergen]
        replaced = {one.instead_of for one in found}
        return (Brought(one.allergen, one.term, one.sources) for one in found if one.allergen not in replaced)


class _Words:
    """Terms as one pattern over plain text, longest first, with or without a plural s."""

    def __init__(self, terms: Iterable[str]) -> None:
        longest_first = sorted(set(terms), key=lambda term: (-len(term), term))
        self._pattern = re.compile(rf"(?<![a-z0-9])({'|'.join(map(re.escape, longest_first))})s?(?![a-z0-9])")

    def found(self, text: str) -> list[str]:
        """The terms in a text, in its order; a word counts once."""
        return [match[1] for match in self._pattern.finditer(_plain(text))]


def _plain(text: str) -> str:
    return _NOT_A_WORD.sub(" ", text.lower()).strip()


def _parts(filler: str) -> list[str]:
    if _NOTHING.fullmatch(_plain(filler)):
        return []
    parts = (part.strip() for part in _PARTS.split(_INVERTED.sub(r"\2 \1", filler.lower())))
    return [part for part in parts if not _SAYS_NO.fullmatch(_plain(part))]


def _preserved(request: CompoundRequest, meanings: frozenset[str]) -> bool | None:
    """Preserved or not, None where nobody says; of two statements the safer one."""
    if request.preserved is False or "unpreserved" in meanings:
        return False
    return True if request.preserved or "preserved" in meanings else None


def _assuming(limit: Limit, assumed: Sequence[str]) -> Limit:
    return Limit(
        days=limit.days,
        bud_class=limit.bud_class,
        preparation=limit.preparation,
        storage=limit.storage,
        assumed=tuple(assumed),
        sources=limit.sources,
    )


def _limit(row: Row, stored: Mapping[str, Row], tables: Tables) -> tuple[str, Limit]:
    """A row of compounding_bud.csv, which must say what its row of compounding_limits.csv says."""
    bud_class, storage = BudClass(row.one_of("class", *BudClass)), row.one_of("storage", "any", "room", "cold")
    days, preparation = row.decimal("max_bud_days"), row.required("preparation")
    if preparation not in stored or str(days) not in re.findall(r"\d+", stored[preparation].text("max_bud_days")):
        raise row.error(f"compounding_limits.csv has no {days} days for {preparation}")
    limit = Limit(
        days=int(days),
        bud_class=bud_class,
        preparation=preparation,
        storage=stored[preparation].text("storage"),
        assumed=(),
        sources=tables.sources_of(row),
    )
    return f"{bud_class} {storage}", limit


def _filler(row: Row, tables: Tables) -> Filler:
    verdict = Verdict(row.one_of("verdict", Verdict.FINE, Verdict.OVERRIDE, Verdict.REFUSED))
    return Filler(row.required("term"), verdict, row.required("meaning"), tables.sources_of(row))


def _excipient(row: Row, allergens: set[str], tables: Tables) -> _Excipient:
    allergen = row.text("allergen")
    if allergen and allergen not in allergens:
        raise row.error(f"{allergen} is no meaning of patient_terms.csv")
    return _Excipient(
        row.one_of("part", "api_source", "shell", "added"),
        row.required("term"),
        allergen,
        row.text("instead_of"),
        tables.sources_of(row),
    )


def last_day(first: date, days: Decimal | int) -> date:
    """The last of so many days, the first one counted; a part of a day is a day. Nothing leaves the calendar."""
    whole = int(min(Decimal(days), _LONGEST_DAYS).to_integral_value(ROUND_CEILING))
    try:
        return first + timedelta(days=whole - 1)
    except OverflowError:
        return date.max


def days_until(first: date, last: date) -> int:
    """Days from one to the other, both counted; 0 where the first lies after the last."""
    return max(0, (last - first).days + 1)


def day_of(moment: Moment) -> date:
    """The local date of a moment; of a zone that nobody knows, the date in UTC."""
    try:
        return moment.earliest.astimezone(ZoneInfo(moment.zone or "UTC")).date()
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return moment.earliest.date()


def bud_of(request: CompoundRequest, limit: Limit) -> date:
    """The beyond-use date that counts: the one asked for, capped by the limit."""
    longest = limit.last_day(day_of(request.occurred))
    return longest if request.requested_bud is None else min(request.requested_bud, longest)


def requests(compounding: Iterable[CompoundRequest | BatchRecord]) -> list[CompoundRequest]:
    """The requests among the facts about compounding."""
    return [fact for fact in compounding if isinstance(fact, CompoundRequest)]


def request_text(request: CompoundRequest) -> str:
    """`naltrexone 4.5 mg capsule`: what is asked for, as people read it."""
    strength = ""
    if request.strength_mg is not None:
        strength = f" {plain(request.strength_mg)} mg"
    elif request.strength_mg_per_ml is not None:
        strength = f" {plain(request.strength_mg_per_ml)} mg/mL"
    return f"naltrexone{strength} {request.preparation or 'preparation'}"
