"""Since when a ruleset reads every event that it reads now.

An event in which every code is known and concerns no rule is passed over unread, and forgotten. So what was read under
an older ruleset holds for a newer one only if the newer one reads no code that the older one passed over.
`relevance.csv` says of each code what becomes of it, and since which ruleset; it is written by `make relevance`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rx_clinical.catalogue.tables import TABLES, Row, TableError, Tables

TABLE = "relevance.csv"

Code = tuple[str, str]
"""(system, code); a row of the drug table has the system `form_key`."""


class Verdict(StrEnum):
    """What becomes of an event for the sake of one code in it."""

    READ = "read"  # the code concerns some rule
    PASSED = "passed"  # known, and concerns none
    GONE = "gone"  # was passed and is in no table any more: read again, because nobody knows what it is


@dataclass(frozen=True, slots=True)
class Relevance:
    """The verdict about a code and the `ruleset_seq` that it first held in."""

    verdict: Verdict
    since: int


def load_relevance(folder: Path = TABLES) -> dict[Code, Relevance]:
    """relevance.csv. Raises TableError, also for a ruleset that is not there yet."""
    tables = Tables(folder)
    newest = tables.sequence()
    held: dict[Code, Relevance] = {}
    for row in tables.rows(TABLE):
        code = row.required("system"), row.required("code")
        if code in held:
            raise row.error(f"{' '.join(code)} stands twice")
        held[code] = Relevance(Verdict(row.one_of("verdict", *Verdict)), _since(row, newest))
    return held


def relevant_since(folder: Path = TABLES) -> int:
    """The lowest `ruleset_seq` that read every event which the ruleset in `folder` reads."""
    sinces = [one.since for one in load_relevance(folder).values() if one.verdict is not Verdict.PASSED]
    if not sinces:
        raise TableError(f"{TABLE}: no code is read")
    return max(sinces)


def updated(before: Mapping[Code, Relevance], is_read: Mapping[Code, bool], seq: int) -> dict[Code, Relevance]:
    """relevance.csv as it must be for ruleset `seq`; `is_read` is what the tables say of each code."""
    now = {code: Verdict.READ if read else Verdict.PASSED for code, read in is_read.items()}
    # A code that was read and is gone stays read, as any unknown one.
    now |= {code: Verdict.GONE for code in before.keys() - now.keys() if before[code].verdict is not Verdict.READ}
    return {
        code: before[code] if code in before and before[code].verdict is verdict else Relevance(verdict, seq)
        for code, verdict in sorted(now.items())
    }


def _since(row: Row, newest: int) -> int:
    since = row.required("since")
    if not since.isdigit() or not 1 <= int(since) <= newest:
        raise row.error(f"since {since!r} is no ruleset from 1 to {newest}")
    return int(since)
