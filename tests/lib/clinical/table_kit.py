"""A copy of the tables with one thing changed; used by the tests of what the catalogue refuses."""

import csv
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from rx_clinical.catalogue.tables import TABLES

Row = dict[str, str]


def copy_of_the_tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    shutil.copytree(TABLES, folder)
    return folder


def set_cell(folder: Path, table: str, where: Mapping[str, str], column: str, value: str) -> None:
    """Changes one cell of the only row that `where` (column to cell) picks."""

    def changed(rows: list[Row]) -> list[Row]:
        _picked(rows, where)[column] = value
        return rows

    _rewrite(folder / table, changed)


def drop_row(folder: Path, table: str, where: Mapping[str, str]) -> None:
    def without(rows: list[Row]) -> list[Row]:
        rows.remove(_picked(rows, where))
        return rows

    _rewrite(folder / table, without)


def add_row(folder: Path, table: str, like: Mapping[str, str], **changes: str) -> None:
    """Adds a row that equals the one that `like` picks, but for the changes."""
    _rewrite(folder / table, lambda rows: [*rows, _picked(rows, like) | changes])


def drop_column(folder: Path, table: str, column: str) -> None:
    _rewrite(folder / table, lambda rows: [{key: row[key] for key in row if key != column} for row in rows])


def add_column(folder: Path, table: str, column: str, value: str) -> None:
    _rewrite(folder / table, lambda rows: [row | {column: value} for row in rows])


def _picked(rows: list[Row], where: Mapping[str, str]) -> Row:
    (row,) = [row for row in rows if where.items() <= row.items()]
    return row


def _rewrite(path: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
