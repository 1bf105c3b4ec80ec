"""Writes relevance.csv: which codes make an event relevant, and since which ruleset. `make relevance` runs it."""

import csv
import sys
from pathlib import Path

from rx_clinical import load_catalogue
from rx_clinical.catalogue.relevance import TABLE, Code, Relevance, load_relevance, updated
from rx_clinical.catalogue.tables import TABLES

COLUMNS = ("system", "code", "verdict", "since")


def write(path: Path, entries: dict[Code, Relevance]) -> None:
    """One row a code, in the order of `entries`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((*code, entry.verdict, entry.since) for code, entry in entries.items())


def main() -> int:
    """Bring the table in line with the others; rows that hold keep their ruleset."""
    catalogue = load_catalogue()
    path = TABLES / TABLE
    before = load_relevance() if path.exists() else {}
    write(path, updated(before, catalogue.codes_read(), catalogue.ruleset_seq))
    return 0


if __name__ == "__main__":
    sys.exit(main())
