"""Relevance of codes over rulesets: since which ruleset every event that is read now has been read.

An event whose codes are all known and concern no rule is skipped and not stored. Patient state of an older ruleset is
therefore complete under a newer one only if the newer one reads no code that the older one skipped. `relevance.csv`
states for each code its verdict and since which ruleset it holds; `make relevance` writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rx_clinical.catalogue.tables import TABLES, Row, TableError, Tables

TABLE = "relevance.csv"

Code = tuple[str, str]
"""(system, code); a row of drugs.csv has the system `form_key`."""


class CodeVerdict(StrEnum):
    """What a code does to an event that contains it."""

    READ = "read"  # concerns some rule: the event is read
    PASSED = "passed"  # known and concerns no rule: does not require reading
    GONE = "gone"  # was PASSED and is no longer in a table: unknown, so the event is read again


@dataclass(frozen=True, slots=True)
class Relevance:
    """The verdict on a code and the `ruleset_seq` since which it holds."""

    verdict: CodeVerdict
    since: int


def load_relevance(folder: Path = TABLES) -> dict[Code, Relevance]:
    """Return relevance.csv by code. Raises TableError, also for a ruleset newer than the tables."""
    tables = Tables(folder)
    newest = tables.sequence()
    held: dict[Code, Relevance] = {}
    for row in tables.rows(TABLE):
        code = row.required("system"), row.required("code")
        if code in held:
            raise row.error(f"{' '.join(code)} stands twice")
        held[code] = Relevance(CodeVerdict(row.one_of("verdict", *CodeVerdict)), _since(row, newest))
    return held


def relevant_since(folder: Path = TABLES) -> int:
    """Return the lowest `ruleset_seq` that read every event which the ruleset in `folder` reads."""
    sinces = [code.since for code in load_relevance(folder).values() if code.verdict is not CodeVerdict.PASSED]
    if not sinces:
        raise TableError(f"{TABLE}: no code is read")
    return max(sinces)


def updated(before: Mapping[Code, Relevance], is_read: Mapping[Code, bool], seq: int) -> dict[Code, Relevance]:
    """Return relevance.csv for ruleset `seq`. `is_read`: whether the tables require to read each code."""
    now = {code: CodeVerdict.READ if read else CodeVerdict.PASSED for code, read in is_read.items()}
    # A code that was read and is in no table any more needs no row: an unknown code is read anyway.
    now |= {
        code: CodeVerdict.GONE for code in before.keys() - now.keys() if before[code].verdict is not CodeVerdict.READ
    }
    return {
        code: before[code] if code in before and before[code].verdict is verdict else Relevance(verdict, seq)
        for code, verdict in sorted(now.items())
    }


def _since(row: Row, newest: int) -> int:
    since = row.required("since")
    if not since.isdigit() or not 1 <= int(since) <= newest:
        raise row.error(f"since {since!r} is no ruleset from 1 to {newest}")
    return int(since)
