"""The figures of the table `arithmetic.csv`, each with its source. Pure: the text of the table is an argument."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a number with the keys of its sources."""

    value: Decimal
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the arithmetic rests on; milligrams, percent or capsules as the names say."""

    tablet_strength_mg: Figure
    potency_low_pct: Figure
    potency_high_pct: Figure
    direct_dilution_pct: Figure
    ldn_from_mg: Figure
    excess_highest_pct: Figure
    quantity_highest_count: Figure
    strength_highest_mg: Figure
    weight_highest_mg: Figure


_UNIT_OF = {"mg": "mg", "%": "pct", "capsules": "count"}


def read_figures(table: str) -> Figures:
    """The figures of a CSV text; raises ValueError if a row is missing, unknown, doubled or not a positive number."""
    rows: dict[str, Figure] = {}
    for row in csv.DictReader(table.splitlines()):
        name = f"{row['name']}_{_UNIT_OF.get(row['unit'], row['unit'])}"
        if name in rows:
            raise ValueError(f"arithmetic.csv: {row['name']} stands there twice")
        rows[name] = _figure(row)
    if rows.keys() != Figures.__dataclass_fields__.keys():
        raise ValueError(f"arithmetic.csv: rows {sorted(rows.keys() ^ Figures.__dataclass_fields__.keys())} do not fit")
    return Figures(**rows)


def _figure(row: Mapping[str, str]) -> Figure:
    value = Decimal(row["value"])
    sources = tuple(key for key in row["source"].split(";") if key)
    if not value.is_finite() or value <= 0 or not sources:
        raise ValueError(f"arithmetic.csv: {row['name']} needs a positive number and a source")
    return Figure(value, sources)
