"""Registry of error codes: one row of error_codes.csv for each code that a caller, an operator or a sender can meet.

A code is stable: its message may be reworded, its meaning stays. Reason codes of findings are not error codes; they are
rows of reason_codes.csv in the clinical core. `docs/contracts/error-codes.md` is generated from this registry.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

TABLE = "error_codes.csv"
COMPONENTS = frozenset(
    {"alerts", "cli", "compounding", "contracts", "ingest", "interactions", "monitor", "prescriptions", "runtime"}
)
"""Packages that raise codes. `contracts` and `ingest` refuse records; codes of `runtime` come from every service."""

_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


class ErrorKind(StrEnum):
    """Who can act on an error, and how it ends a call or a process; see `STATUSES`."""

    INPUT = "input"  # the caller can correct the request
    NOT_FOUND = "not_found"  # the caller asked for something that does not exist
    SETTINGS = "settings"  # the operator can correct a setting
    DEPENDENCY = "dependency"  # a server does not answer: retry later
    REFUSED = "refused"  # the state found does not fit: to continue would lose or invent something
    RECORD = "record"  # one record is refused, the others are processed
    DEFECT = "defect"  # a defect of RxGuard


class ErrorStatus(NamedTuple):
    """Exit code of a process and gRPC status of a call that end with an error; None where there is none."""

    exit_code: int | None
    grpc_status: str | None


STATUSES: Mapping[ErrorKind, ErrorStatus] = {
    ErrorKind.INPUT: ErrorStatus(3, "INVALID_ARGUMENT"),
    ErrorKind.NOT_FOUND: ErrorStatus(3, "NOT_FOUND"),
    ErrorKind.SETTINGS: ErrorStatus(2, None),
    ErrorKind.DEPENDENCY: ErrorStatus(4, "UNAVAILABLE"),
    ErrorKind.REFUSED: ErrorStatus(5, "FAILED_PRECONDITION"),
    ErrorKind.RECORD: ErrorStatus(None, "INVALID_ARGUMENT"),
    ErrorKind.DEFECT: ErrorStatus(70, "INTERNAL"),
}


class ErrorCode(NamedTuple):
    """One code. A code has several kinds if a record and a request can be refused with it."""

    code: str
    kinds: tuple[ErrorKind, ...]
    raised_by: tuple[str, ...]
    """Components, sorted; see COMPONENTS."""
    meaning: str
    remedy: str


@cache
def error_codes() -> tuple[ErrorCode, ...]:
    """Return every code, sorted. Raises ValueError naming the row if the table is malformed."""
    text = (resources.files("rx_contracts") / TABLE).read_text(encoding="utf-8")
    return parse(text)


def parse(table: str) -> tuple[ErrorCode, ...]:
    """Return the codes of a CSV text. Raises ValueError naming the row for a malformed, unsorted or repeated code."""
    codes = tuple(_row(row) for row in csv.DictReader(table.splitlines()))
    for before, after in pairwise(codes):
        if before.code >= after.code:
            raise ValueError(f"{TABLE}: {after.code} is repeated or not in alphabetical order")
    return codes


def _row(row: Mapping[str, str]) -> ErrorCode:
    found = ErrorCode(
        code=row["code"],
        kinds=tuple(ErrorKind(kind) for kind in row["kind"].split(";")),
        raised_by=tuple(row["raised_by"].split(";")),
        meaning=row["meaning"],
        remedy=row["remedy"],
    )
    complete = _CODE.fullmatch(found.code) and found.meaning and found.remedy and _known(found.raised_by)
    if not complete:
        raise ValueError(f"{TABLE}: {found.code or 'a row without code'} is malformed")
    return found


def _known(components: Iterable[str]) -> bool:
    found = list(components)
    return found == sorted(set(found)) and COMPONENTS.issuperset(found)
