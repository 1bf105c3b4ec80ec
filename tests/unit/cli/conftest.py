"""Versions of the tables that differ from the shipped ones."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rx_clinical.catalogue.tables import TABLES

from tests.lib.cli.backtest_case import METHADONE, Row


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the shipped tables in which every row that has these cells is changed, or left out."""

    def copy(name: str, table: str, where: Row, changes: Row | None) -> Path:
        folder = tmp_path / name
        shutil.copytree(TABLES, folder)
        with (folder / table).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        chosen = [row for row in rows if where.items() <= row.items()]
        assert chosen, "the edit finds no row"
        kept = [
            row | (changes or {}) if row in chosen else row for row in rows if changes is not None or row not in chosen
        ]
        with (folder / table).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        return folder

    return copy


@pytest.fixture
def half_life_50(edited: Callable[..., Path]) -> Path:
    """5 x 50 h x 1.25 = 312.5 h: the two weeks of long-acting opioids are longer, and are over at 339 h."""
    return edited("half-life-50", "drugs.csv", METHADONE, {"t_half_high_h": "50"})
