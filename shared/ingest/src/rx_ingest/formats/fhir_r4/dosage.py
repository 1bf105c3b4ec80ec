"""Reads FHIR dosages: route, as-needed flag, text, and milligrams a day if they follow exactly."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from rx_ingest.formats.fhir_r4.resources import SNOMED, CodeableConcept, Dosage, Quantity, Repeat

_PLACES = Decimal("0.000000001")
_MOST_MG = 1_000_000
"""Plausibility limit, as of the edge event: a larger dose is unknown. The limit also keeps the rounding exact."""

_PERIODS_A_DAY = {
    "s": Fraction(86400),
    "min": Fraction(1440),
    "h": Fraction(24),
    "d": Fraction(1),
    "wk": Fraction(1, 7),
}
"""Months and years have no fixed length, so a dose per month is unknown."""

_COUNTED = {"tablet", "tablets", "tab", "tabs", "tbl", "capsule", "capsules", "cap", "caps"}
_VOLUME = {"ml", "milliliter", "milliliters"}
_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}
_PATCHES = {"patch", "patches"}

_ROUTES = {
    "26643006": "oral",
    "47625008": "iv",
    "78421000": "im",
    "34206005": "sc",
    "37161004": "rectal",
    "37839007": "sublingual",
    "54471007": "buccal",
    "45890007": "transdermal",
    "6064005": "topical",
    "54485002": "ophthalmic",
    "10547007": "otic",
    "16857009": "vaginal",
    "447694001": "inhaled",
}
"""SNOMED CT route codes. The nasal route is omitted: a spray may be systemic, as an unknown route is."""


def route(dosages: Iterable[Dosage]) -> str | None:
    """Return the one route that all dosages name, None if it is unknown or they differ."""
    found = {_route(dosage.route) for dosage in dosages}
    return found.pop() if len(found) == 1 else None


def _route(concept: CodeableConcept | None) -> str | None:
    if concept is None:
        return None
    for coding in concept.coding:
        if coding.system == SNOMED and coding.code in _ROUTES:
            return _ROUTES[coding.code]
    return None


def as_needed(dosages: Iterable[Dosage]) -> bool:
    """Return True if any dosage is to be taken as needed."""
    return any(dosage.as_needed_boolean or dosage.as_needed_codeable_concept for dosage in dosages)


def directions(dosages: Iterable[Dosage]) -> str:
    """Return the texts of the dosages, one a line."""
    return "\n".join(text for dosage in dosages if (text := dosage.text or dosage.patient_instruction))


def daily_dose_mg(dosages: Sequence[Dosage], strength_mg: Decimal | None) -> Decimal | None:
    """Return the milligrams a day of a single dosage, None if they are not exactly known.

    `strength_mg`: milligrams a tablet or mL of the product, None if unknown.
    """
    if len(dosages) != 1 or len(dosages[0].dose_and_rate) != 1:
        return None
    timing, dose = dosages[0].timing, dosages[0].dose_and_rate[0].dose_quantity
    per_dose = _milligrams(dose, strength_mg) if dose else None
    per_day = _times_a_day(timing.repeat) if timing and timing.repeat else None
    if per_dose is None or per_day is None:
        return None
    return exact(per_dose * per_day)


def _milligrams(dose: Quantity, strength_mg: Decimal | None) -> Fraction | None:
    if dose.value is None or dose.value <= 0:
        return None
    if dose.unit_name == "mg":
        return Fraction(dose.value)
    if strength_mg is not None and dose.unit_name in _COUNTED | _VOLUME:
        return Fraction(dose.value) * Fraction(strength_mg)
    return None


def _times_a_day(repeat: Repeat) -> Fraction | None:
    unit = _PERIODS_A_DAY.get(repeat.period_unit or "")
    frequency = repeat.frequency if repeat.frequency is not None else 1
    if unit is None or repeat.period is None or repeat.period <= 0 or frequency <= 0:
        return None
    if repeat.frequency_max is not None or repeat.period_max is not None:
        return None
    if repeat.time_of_day or repeat.when or repeat.day_of_week:  # several doses a period are possible, or none
        return None
    return frequency * unit / Fraction(repeat.period)


def exact(value: Fraction) -> Decimal | None:
    """Return a fraction of milligrams as a decimal of nine places, None if it rounds to zero or is not plausible."""
    if value > _MOST_MG:
        return None
    rounded = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_PLACES, ROUND_HALF_UP)
    return rounded if rounded > 0 else None


def days(duration: Quantity | None) -> Decimal | None:
    """Return the days of a supply given in days or weeks, None for units without a fixed length."""
    factor = _DAYS.get(duration.unit_name) if duration else None
    return duration.value * factor if duration and factor and duration.value is not None else None


def patch_count(quantity: Quantity | None) -> int | None:
    """Return the number of patches, None if the quantity does not count patches."""
    if quantity is None or quantity.value is None or quantity.unit_name not in _PATCHES:
        return None
    return int(quantity.value) if quantity.value == int(quantity.value) and quantity.value > 0 else None


def strength_mg(numerator: Quantity | None, denominator: Quantity | None) -> Decimal | None:
    """Return the milligrams a tablet, capsule or mL of a compound's ingredient, None for other units."""
    if not numerator or numerator.value is None or numerator.unit_name != "mg":
        return None
    per = denominator.value if denominator and denominator.value is not None else Decimal(1)
    unit = denominator.unit_name if denominator else ""
    if per <= 0 or unit not in _COUNTED | _VOLUME | {"", "1"}:
        return None
    return exact(Fraction(numerator.value) / Fraction(per))
