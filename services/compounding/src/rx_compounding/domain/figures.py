"""The figures of the arithmetic, each with its sources. Pure: tables are arguments.

Figures that rules of the clinical core use too come from the core's policy.csv; arithmetic.csv holds the others.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

SHARED_ROWS = frozenset({"tablet_strength", "potency_low", "potency_high"})
"""Rows of the core's policy.csv that the arithmetic uses."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A positive number with the keys of its sources, in the order of the table."""

    value: Decimal
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of the arithmetic, in milligrams, per cent or capsules as the names end."""

    tablet_strength_mg: Figure
    potency_low_pct: Figure
    potency_high_pct: Figure
    direct_dilution_pct: Figure
    ldn_from_mg: Figure
    excess_highest_pct: Figure
    quantity_highest_count: Figure
    strength_highest_mg: Figure
    weight_highest_mg: Figure


_SUFFIX_OF_UNIT = {"mg": "mg", "%": "pct", "percent": "pct", "capsules": "count"}


def read_figures(table: str, shared: Mapping[str, Figure]) -> Figures:
    """Return the figures of a CSV text and the shared ones, by field name.

    Raises ValueError if a figure is missing, unknown, stated twice, not a positive number or without a source.
    """
    figures = dict(shared)
    for row in csv.DictReader(table.splitlines()):
        name = field_name(row["name"], row["unit"])
        if name in figures:
            raise ValueError(f"arithmetic.csv: {row['name']} is stated twice, here or in policy.csv of the core")
        figures[name] = figure(row["name"], Decimal(row["value"]), [key for key in row["source"].split(";") if key])
    if differing := figures.keys() ^ Figures.__dataclass_fields__.keys():
        raise ValueError(f"arithmetic.csv: {sorted(differing)} missing or unknown")
    return Figures(**figures)


def field_name(row_name: str, unit: str) -> str:
    """Return the field of `Figures` for a row: its name with the unit as suffix."""
    return f"{row_name}_{_SUFFIX_OF_UNIT.get(unit, unit)}"


def figure(row_name: str, value: Decimal, sources: list[str] | tuple[str, ...]) -> Figure:
    """Return a figure. Raises ValueError if the number is not positive and finite, or has no source."""
    if not value.is_finite() or value <= 0 or not sources:
        raise ValueError(f"arithmetic.csv: {row_name} needs a positive number and a source")
    return Figure(value, tuple(sources))
