"""Reader of the CSV tables. Checks a table as a whole at load; an error names the table and the row."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

K = TypeVar("K", bound=str)
T = TypeVar("T")
TABLES = Path(__file__).parents[1] / "tables"
SEQUENCE_FILE = "ruleset_seq.txt"


class TableError(ValueError):
    """Raised if a table is missing, malformed or contradicts another. The message names the table and the row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. Every getter raises TableError with the name of the row."""

    table: str
    line: int
    cells: dict[str, str]

    def error(self, message: str) -> TableError:
        """Return the error to raise about this row."""
        return TableError(f"{self.table} line {self.line} ({next(iter(self.cells.values()))}): {message}")

    def text(self, column: str) -> str:
        """Return the cell without surrounding blanks, possibly empty."""
        try:
            return self.cells[column].strip()
        except KeyError:
            raise self.error(f"column {column} is missing") from None

    def required(self, column: str) -> str:
        """Return the cell, never empty."""
        value = self.text(column)
        if not value:
            raise self.error(f"{column} is empty")
        return value

    def decimal(self, column: str) -> Decimal:
        """Return a finite decimal of zero or more."""
        try:
            value = Decimal(self.required(column))
        except InvalidOperation:
            raise self.error(f"{column} is not a number: {self.text(column)!r}") from None
        if not value.is_finite() or value < 0:
            raise self.error(f"{column} is not a finite number of zero or more")
        return value

    def optional_decimal(self, column: str) -> Decimal | None:
        """Return a finite decimal of zero or more, or None for an empty cell."""
        return self.decimal(column) if self.text(column) else None

    def flag(self, column: str) -> bool:
        """Return True for y, False for n."""
        value = self.required(column)
        if value not in ("y", "n"):
            raise self.error(f"{column} is neither y nor n: {value!r}")
        return value == "y"

    def one_of(self, column: str, *allowed: str) -> str:
        """Return the cell, one of the allowed words."""
        value = self.text(column)
        if value not in allowed:
            raise self.error(f"{column} {value!r} is none of {', '.join(allowed)}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A row of sources.csv: the source of a figure or statement."""

    key: str
    address: str
    supports: str
    status: str  # how it was read


class Tables:
    """A folder of tables."""

    def __init__(self, folder: Path = TABLES) -> None:
        self._folder = folder
        self.sources = {
            row.required("key"): Source(
                key=row.required("key"),
                address=row.text("address"),
                supports=row.text("supports"),
                status=row.text("status"),
            )
            for row in self.rows("sources.csv")
        }

    def rows(self, name: str) -> list[Row]:
        """Return all rows of a table. Checks its `source` column, if it has one, against sources.csv."""
        try:
            with (self._folder / name).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file, strict=True)
                rows = [Row(name, reader.line_num, self._complete(name, reader.line_num, cells)) for cells in reader]
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise TableError(f"{name}: {error}") from error
        if name != "sources.csv" and rows and "source" in rows[0].cells:
            for row in rows:
                self.sources_of(row)
        return rows

    def keyed(self, name: str, build: Callable[[Row], tuple[K, T]]) -> dict[K, T]:
        """Return the rows by key. Raises TableError if two rows have the same key."""
        table: dict[K, T] = {}
        for row in self.rows(name):
            key, value = build(row)
            if key in table:
                raise row.error(f"{key} stands twice")
            table[key] = value
        return table

    def sources_of(self, row: Row) -> tuple[str, ...]:
        """Return the source keys of a row. Raises TableError for none, and for one that sources.csv does not list."""
        keys = tuple(key for key in row.text("source").split(";") if key)
        if not keys:
            raise row.error("no source")
        for key in keys:
            if key not in self.sources:
                raise row.error(f"source {key} is not in sources.csv")
        return keys

    def sequence(self) -> int:
        """Return the sequence number of the ruleset. Every change that could change a finding increments it."""
        try:
            return int((self._folder / SEQUENCE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TableError(f"{SEQUENCE_FILE}: {error}") from error

    def content_hash(self) -> str:
        """Return the first 32 hex digits of the SHA-256 over the names and bytes of all tables."""
        digest = sha256()
        for path in self._files():
            content = path.read_bytes()
            digest.update(b"%b %d\n" % (path.name.encode(), len(content)))
            digest.update(content)
        return digest.hexdigest()[:32]

    def _files(self) -> Iterator[Path]:
        yield from sorted([*self._folder.glob("*.csv"), self._folder / SEQUENCE_FILE])

    @staticmethod
    def _complete(name: str, line: int, cells: dict[str, str]) -> dict[str, str]:
        if None in cells or None in cells.values():
            raise TableError(f"{name} line {line}: the row has not as many cells as the header")
        return cells
