"""Strengths as people write them: what a text states, and where a slip of the pen would change the dose.

Free text only. Structured numbers are never doubted here: they are what a text is compared with.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rx_clinical.catalogue.antagonists import BY_DOSE
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.names import Names
from rx_clinical.findings.wording import number_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.facts import Medicine

_UNIT = (
    r"(?:milligrams?|micrograms?|mgs?|mcgs?|ug|grams?|gm|g|millilit(?:er|re)s?|mls?|cc|%|tab(?:let)?s?|cap(?:sule)?s?"
    r"|clicks?|pumps?|drops?)(?![a-z])"
)
# What follows a number that stands for an amount: a unit, or the rest of a range and its unit.
_AMOUNT = rf"(?=(?P<unit>\s*(?:(?:-|to)\s*[\d.,]+\s*)?-?\s*{_UNIT}))"
_NO_TIME = r"(?!\s*(?:[ap]\.?\s?m\b|h\b|hrs?\b|hours?\b|o'?clock))"
_TRAILING_ZERO = re.compile(rf"(?<![\d.,])\d+\.\d*0(?!\d|[.,]\d){_AMOUNT}")
_NAKED_DECIMAL = re.compile(rf"(?<![\d.,])\.\d+(?!\d|[.,]\d){_AMOUNT}")
_DECIMAL_COMMA = re.compile(rf"(?:(?<![\d.,])\d+|(?<!\S)),\d+(?!\d|[.,]\d){_AMOUNT}")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")
# Without a unit a number is a strength only after a name of the medicine or a word that means to take it.
_BARE = (
    ("trailing zero", re.compile(rf"(?<![\w.,$/-])\d+\.0+(?!\w|[.,]\d){_NO_TIME}")),
    ("naked decimal", re.compile(r"(?<![\w.,$/-])\.\d+(?!\w|[.,]\d)")),
    ("decimal comma", re.compile(r"(?<![\w.,$/-])\d+,\d{1,2}(?!\w|[.,]\d)")),
)
_TAKE = frozenset({"take", "takes", "taking", "give", "use", "dose", "strength", "to"})
_COUNT = re.compile(r"(?<![\d.,])(\d{1,4})\s*(?:x\s*)?(?:tab(?:let)?s?|cap(?:sule)?s?)(?![a-z])")

_STRENGTH = re.compile(
    r"(?<![\d.])(?P<number>\d{1,3}(?:,\d{3})+|\d+[.,]\d+|\d+|[.,]\d+)\s*-?\s*"
    r"(?P<unit>milligrams?|micrograms?|mgs?|mcgs?|ug)(?![a-z])"
    r"(?P<per>\s*(?:/|per\s|in\s)\s*(?P<volume>\d+(?:\.\d+)?)?\s*"
    r"(?P<of>mls?|cc|millilit(?:er|re)s?|g|gm|grams?|clicks?|pumps?|drops?)(?![a-z]))?"
)
_AMOUNT_BEHIND = re.compile(_AMOUNT)
_TABLET = re.compile(r"\s*(?:\w+\s+){0,2}?tab(?:let)?s?(?![a-z])")
_SAME_DOSE = re.compile(r"\s*(?:\(|\[|=|i\.?\s?e\.?,?|equals|equal to|equivalent to)\s*")
_VOLUME = re.compile(
    r"\d\s*-?(?:mls?|cc|millilit(?:er|re)s?)(?![a-z])"
    r"(?!\s*\)?\s*(?:(?:glass|cup)\s+)?(?:of\s+)?(?:(?:distilled|purified|sterile|tap|plain|warm|cold)\s+)?"
    r"(?:water|juice|milk|liquid)(?![a-z]))"
)
_BLANKS = re.compile(r"\s+")
_SLIPS = (Decimal(10), Decimal(100), Decimal(1000))  # a decimal point slips; milligrams and micrograms differ by 1000


@dataclass(frozen=True, slots=True)
class Strength:
    """An amount in milligrams as a text states it."""

    mg: Decimal
    written: str
    micrograms: bool
    concentration: bool  # in so much of a liquid or cream: no dose
    per_ml: Decimal | None  # mg in 1 mL, of a liquid
    of_tablet: bool  # the word tablet follows: what one holds
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A piece of text that may be misread, and why."""

    written: str
    why: str


@lru_cache(maxsize=4096)
def strengths(text: str) -> tuple[Strength, ...]:
    """Return the strengths that a text states, in its order."""
    plain = _plain(text)
    return tuple(_read(match, plain) for match in _STRENGTH.finditer(plain))


def _plain(text: str) -> str:
    """Return the text in lower case, with single blanks, one sign for micro and one for a dash."""
    one_way = text.lower().replace("\u00b5", "u").replace("\u03bc", "u").replace("\u2013", "-")
    return _BLANKS.sub(" ", one_way)


def _read(match: re.Match[str], text: str) -> Strength:
    micrograms = match["unit"].startswith(("mic", "mc", "u"))
    mg = _number(match["number"]) / (1000 if micrograms else 1)
    volume = Decimal(match["volume"] or 1)
    liquid = bool(match["of"]) and match["of"].startswith(("m", "cc"))
    return Strength(
        mg=mg,
        written=match[0].strip(),
        micrograms=micrograms,
        concentration=bool(match["per"]),
        per_ml=mg / volume if liquid and volume else None,
        of_tablet=_TABLET.match(text, match.end()) is not None,
        begin=match.start(),
        end=match.end(),
    )


def _number(written: str) -> Decimal:
    """Read a number; a comma before groups of three digits separates thousands, any other is a decimal comma."""
    if _THOUSANDS.fullmatch(written):
        return Decimal(written.replace(",", ""))
    return Decimal(written.replace(",", "."))


@lru_cache(maxsize=4096)
def ambiguities(text: str, names: Names) -> tuple[Doubt, ...]:
    """Return what of a text may be misread, whatever the dose is."""
    plain = _plain(text)
    return (*dict.fromkeys((*_notation(plain), *_bare(plain, names), *_units(text))),)


def _notation(text: str) -> Iterator[Doubt]:
    for match in _TRAILING_ZERO.finditer(text):
        yield Doubt(_written(match), f"a trailing zero, easily read as {_joined(match[0])}")
    for match in _NAKED_DECIMAL.finditer(text):
        yield Doubt(_written(match), f"a naked decimal point, easily read as {_joined(match[0])}")
    for match in _DECIMAL_COMMA.finditer(text):
        if not _THOUSANDS.fullmatch(match[0]):
            yield Doubt(_written(match), f"a decimal comma, easily read as {_joined(match[0])}")


def _joined(number: str) -> str:
    """Return the number as it reads without its point or comma."""
    return re.sub(r"[.,]", "", number).lstrip("0") or "0"


def _written(match: re.Match[str]) -> str:
    return f"{match[0]}{match['unit']}".strip()


def _bare(text: str, names: Names) -> Iterator[Doubt]:
    for kind, pattern in _BARE:
        for match in pattern.finditer(text):
            before = text[: match.start()].replace(":", " ").split()[-2:]
            named = names.names_antagonist(" ".join(before))
            instructed = kind != "decimal comma" and bool(_TAKE.intersection(before[-1:]))
            if (named or instructed) and not _AMOUNT_BEHIND.match(text, match.end()):
                yield Doubt(match[0], f"a {kind} without unit")


def _units(text: str) -> Iterator[Doubt]:
    """Yield milligrams and micrograms that are stated for one dose and disagree."""
    found = strengths(text)
    plain = _plain(text)
    for left, other in itertools.pairwise(found):
        between = _SAME_DOSE.fullmatch(plain[left.end : other.begin])
        if between and left.micrograms != other.micrograms and left.mg != other.mg:
            yield Doubt(f"{left.written} / {other.written}", "milligrams and micrograms that do not agree")
    in_micrograms = {
        strength.mg * 1000: strength for strength in found if strength.micrograms and not strength.concentration
    }
    for other in found:
        if not (other.micrograms or other.concentration) and (same := in_micrograms.get(other.mg)):
            yield Doubt(f"{same.written} / {other.written}", "one number in milligrams and in micrograms")


def slips(text: str, dose_mg: Decimal, *, explained: Sequence[Decimal] = ()) -> list[Doubt]:
    """Return strengths of a text that are the dose with its decimal point or its unit slipped.

    Returns none where the text states the dose too. `explained`: strengths that something else accounts for.
    """
    stated = [strength for strength in strengths(text) if not strength.concentration]
    if not dose_mg or any(strength.mg == dose_mg for strength in stated):
        return []
    return [
        Doubt(strength.written, f"{ratio} the daily dose on record, {number_text(dose_mg)} mg")
        for strength in stated
        if strength.mg not in explained and (ratio := _slipped(strength.mg, dose_mg))
    ]


def concentration_slips(text: str, mg_per_ml: Decimal) -> list[Doubt]:
    """Do the same for mg in 1 mL."""
    return [
        Doubt(strength.written, f"{ratio} the strength on record, {number_text(mg_per_ml)} mg/mL")
        for strength in strengths(text)
        if strength.per_ml is not None and (ratio := _slipped(strength.per_ml, mg_per_ml))
    ]


def _slipped(written: Decimal, meant: Decimal) -> str | None:
    for times in _SLIPS:
        if meant and written == meant * times:
            return f"{times} times"
        if written and written * times == meant:
            return f"one {times}th of"
    return None


def by_volume(directions: str) -> bool:
    """Return True if directions tell to take millilitres; the water to swallow a tablet with does not count."""
    return _VOLUME.search(_plain(directions)) is not None


def commercial_tablets(medicine: Medicine, catalogue: Catalogue) -> bool:
    """Return True for tablets of the lowest commercial strength: by product code, else by form, else by text."""
    product = catalogue.product(medicine.product_code)
    strength = catalogue.policy.tablet_strength
    if product is not None and product.strength_mg is not None:
        return product.strength_mg == strength
    if medicine.form_key in catalogue.tablet_forms:
        return True  # the display text is never the identity
    stated = strengths(medicine.text)
    return (
        bool(stated)
        and stated[0].of_tablet
        and all(found.mg == strength and not found.concentration for found in stated)
    )


def counts(directions: str) -> list[int]:
    """Return the numbers of tablets or capsules that directions name."""
    return [int(match[1]) for match in _COUNT.finditer(_plain(directions))]


def naltrexone_entries(context: RuleContext) -> list[Entry]:
    """Return orders without a fill, fills, doses and reports of naltrexone, each once."""
    found = context.cache.get("naltrexone_entries")
    if found is None:
        found = context.cache["naltrexone_entries"] = _naltrexone_entries(context)
    return found  # type: ignore[return-value]  # written above, nowhere else


def _naltrexone_entries(context: RuleContext) -> list[Entry]:
    entries = {
        start.event.entry.fact.key: start.event.entry
        for start in context.starts
        if start.exposure.antagonist.depot or start.exposure.antagonist.tier == BY_DOSE
    }
    return list(entries.values())
