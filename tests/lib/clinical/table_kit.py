"""A copy of the tables with one thing changed; used by the tests of what the catalogue refuses."""

import csv
import shutil

from rx_clinical.catalogue.tables import TABLES


def copy_of_the_tables(tmp_path):
    folder = tmp_path / "tables"
    shutil.copytree(TABLES, folder)
    return folder


def set_cell(folder, table, where, column, value):
    """Changes one cell of the only row that `where` (column to cell) picks."""

    def changed(rows):
        _picked(rows, where)[column] = value
        return rows

    _rewrite(folder / table, changed)


def drop_row(folder, table, where):
    def without(rows):
        rows.remove(_picked(rows, where))
        return rows

    _rewrite(folder / table, without)


def add_row(folder, table, like, **changes):
    """Adds a row that equals the one that `like` picks, but for the changes."""
    _rewrite(folder / table, lambda rows: [*rows, _picked(rows, like) | changes])


def drop_column(folder, table, column):
    _rewrite(folder / table, lambda rows: [{key: row[key] for key in row if key != column} for row in rows])


def add_column(folder, table, column, value):
    _rewrite(folder / table, lambda rows: [row | {column: value} for row in rows])


def _picked(rows, where):
    (row,) = [row for row in rows if where.items() <= row.items()]
    return row


def _rewrite(path, change):
    with path.open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
