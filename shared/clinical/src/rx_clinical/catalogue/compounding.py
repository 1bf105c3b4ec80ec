"""The compounding tables: beyond-use limits, fillers and allergens of compounded naltrexone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rx_clinical.catalogue.beyond_use import last_day
from rx_clinical.catalogue.compounding_request import TermMatcher, filler_parts, preserved
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.facts import CompoundRequest

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
    """Class of a preparation in compounding_bud.csv, which sets its beyond-use limit."""

    OTHER_NONAQUEOUS = "other_nonaqueous"
    NONAQUEOUS_LIQUID = "nonaqueous_liquid"
    AQUEOUS_PRESERVED = "aqueous_preserved"
    AQUEOUS_UNPRESERVED = "aqueous_unpreserved"
    STUDIED_LIQUID = "studied_liquid"


class FillerVerdict(StrEnum):
    """Assessment of a filler."""

    FINE = "fine"
    OVERRIDE = "override"  # by a pharmacist, with an allergy check
    UNKNOWN = "unknown"  # in no table: of what is not microcrystalline cellulose, the least severe
    REFUSED = "refused"


_WORST_FIRST = (FillerVerdict.REFUSED, FillerVerdict.OVERRIDE, FillerVerdict.FINE)  # verdicts of the table


@dataclass(frozen=True, slots=True)
class Filler:
    """A part of the filler as written, with its verdict."""

    text: str
    verdict: FillerVerdict
    meaning: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondUseLimit:
    """The longest beyond-use time of a preparation. The day of compounding is Day 1."""

    days: int  # the day of compounding included
    bud_class: BudClass
    preparation: str  # row of compounding_limits.csv
    storage: str
    assumed: tuple[str, ...]  # the safer reading of what the request does not state
    sources: tuple[str, ...]

    def last_day(self, compounded: date) -> date:
        """Return the last usable day."""
        return last_day(compounded, self.days)


@dataclass(frozen=True, slots=True)
class AllergenSource:
    """An allergen in a preparation, and the part that contains it."""

    allergen: str  # meaning in patient_terms.csv
    by: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Excipient:
    part: str
    term: str
    allergen: str  # "": contains none, whatever other terms match
    instead_of: str  # allergen that does not count beside this one
    sources: tuple[str, ...]


class Compounding:
    """The compounding tables as one object. Raises TableError if a table contradicts another."""

    def __init__(self, tables: Tables) -> None:
        kinds = tables.keyed("compounding_words.csv", lambda row: (row.required("term"), row.one_of("kind", *_KINDS)))
        self._kinds: Mapping[str, str] = kinds
        self._words = TermMatcher(kinds)
        stored = {row.required("preparation"): row for row in tables.rows("compounding_limits.csv")}
        self._limits = tables.keyed("compounding_bud.csv", lambda row: _limit(row, stored, tables))
        if {limit.bud_class for limit in self._limits.values()} != set(BudClass):
            raise TableError("compounding_bud.csv: a class is missing")
        studied = (row for row in tables.rows("compounding_bud.csv") if row.text("strength_mg_per_ml"))
        self._studied_strengths = frozenset(row.decimal("strength_mg_per_ml") for row in studied)
        self._fillers = tables.keyed(
            "compounding_fillers.csv", lambda row: (row.required("term"), _filler_row(row, tables))
        )
        self._filler_words = TermMatcher(self._fillers)
        allergens = {row.required("meaning") for row in tables.rows("patient_terms.csv")}
        self._excipients = [_excipient(row, allergens, tables) for row in tables.rows("compounding_excipients.csv")]
        parts = {excipient.part for excipient in self._excipients}
        self._part_words = {part: TermMatcher(e.term for e in self._excipients if e.part == part) for part in parts}

    def limit(self, request: CompoundRequest) -> BeyondUseLimit:
        """Return the limit of a request; the shortest of all if its preparation is unknown."""
        meanings = self._meanings_of(request.preparation) | self._meanings_of(request.vehicle)
        is_preserved = preserved(request, meanings)
        bud_class = self._bud_class(request, meanings, preserved=is_preserved is True)
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
            if is_preserved is None:
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
    def water_limit(self) -> BeyondUseLimit:
        """Return the limit of unpreserved water, which applies to everything dissolved at home."""
        return self._limits[f"{BudClass.AQUEOUS_UNPRESERVED} any"]

    def _bud_class(self, request: CompoundRequest, meanings: frozenset[str], *, preserved: bool) -> BudClass | None:
        """Return the class by preparation and vehicle. If they disagree, water counts before oil; None if unknown."""
        if not meanings & _PREPARATIONS:
            return None
        if "anhydrous" in meanings and "water" not in meanings:
            is_liquid = meanings & {"liquid", "oil"}
            return BudClass.NONAQUEOUS_LIQUID if is_liquid else BudClass.OTHER_NONAQUEOUS
        if not meanings & {"water", "semisolid"}:
            if "oil" in meanings:
                return BudClass.NONAQUEOUS_LIQUID
            if "liquid" not in meanings:
                return BudClass.OTHER_NONAQUEOUS
        if not preserved:
            return BudClass.AQUEOUS_UNPRESERVED
        oral = "semisolid" not in meanings
        studied = "studied" in meanings or request.strength_mg_per_ml in self._studied_strengths
        return BudClass.STUDIED_LIQUID if oral and studied else BudClass.AQUEOUS_PRESERVED

    def _meanings_of(self, text: str) -> frozenset[str]:
        return frozenset(self._kinds[term] for term in self._words.found(text))

    def fillers(self, request: CompoundRequest) -> list[Filler]:
        """Return the parts of the filler, each with the worst verdict of its terms."""
        return [self._filler(part) for part in filler_parts(request.filler)]

    def _filler(self, part: str) -> Filler:
        known = [self._fillers[term] for term in self._filler_words.found(part)]
        if not known:
            return Filler(part, FillerVerdict.UNKNOWN, "it is in no list", ())
        worst = min(known, key=lambda filler: _WORST_FIRST.index(filler.verdict))
        return Filler(part, worst.verdict, worst.meaning, worst.sources)

    def allergens(self, request: CompoundRequest) -> list[AllergenSource]:
        """Return the allergens in a preparation, each once: from tablets, shell, filler or vehicle."""
        found = [
            *self._allergens_of("api_source", request.api_source),
            *self._allergens_of("shell", f"{request.preparation}; {request.vehicle}"),
            *self._allergens_of("added", f"{request.filler}; {request.vehicle}"),
        ]
        if not request.api_source:
            tablets = (excipient for excipient in self._excipients if excipient.part == "api_source")
            found += [
                AllergenSource(e.allergen, f"a source that is not stated ({e.term}s bring it)", e.sources)
                for e in tablets
            ]
        unique: dict[str, AllergenSource] = {}
        for source in found:
            unique.setdefault(source.allergen, source)
        return list(unique.values())

    def _allergens_of(self, part: str, text: str) -> Iterator[AllergenSource]:
        terms = set(self._part_words[part].found(text))
        found = [e for e in self._excipients if e.part == part and e.term in terms and e.allergen]
        replaced = {excipient.instead_of for excipient in found}
        return (AllergenSource(e.allergen, e.term, e.sources) for e in found if e.allergen not in replaced)


def _assuming(limit: BeyondUseLimit, assumed: Sequence[str]) -> BeyondUseLimit:
    return BeyondUseLimit(
        days=limit.days,
        bud_class=limit.bud_class,
        preparation=limit.preparation,
        storage=limit.storage,
        assumed=tuple(assumed),
        sources=limit.sources,
    )


def _limit(row: Row, stored: Mapping[str, Row], tables: Tables) -> tuple[str, BeyondUseLimit]:
    """Return a row of compounding_bud.csv by class and storage, checked against its row of compounding_limits.csv."""
    bud_class, storage = BudClass(row.one_of("class", *BudClass)), row.one_of("storage", "any", "room", "cold")
    days, preparation = row.decimal("max_bud_days"), row.required("preparation")
    if preparation not in stored or str(days) not in re.findall(r"\d+", stored[preparation].text("max_bud_days")):
        raise row.error(f"compounding_limits.csv has no {days} days for {preparation}")
    limit = BeyondUseLimit(
        days=int(days),
        bud_class=bud_class,
        preparation=preparation,
        storage=stored[preparation].text("storage"),
        assumed=(),
        sources=tables.sources_of(row),
    )
    return f"{bud_class} {storage}", limit


def _filler_row(row: Row, tables: Tables) -> Filler:
    verdict = FillerVerdict(row.one_of("verdict", FillerVerdict.FINE, FillerVerdict.OVERRIDE, FillerVerdict.REFUSED))
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
