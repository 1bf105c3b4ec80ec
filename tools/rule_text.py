"""Read what a rule file says of its rule: the docstring with its clauses, cases and timelines, and the tables."""

import ast
import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "shared" / "clinical" / "src" / "rx_clinical"
RULES, TABLES = CORE / "rules", CORE / "tables"

SHARED_REASONS = ("TIME_IMPRECISE", "RE_EVALUATED_LATE_EVENT")
_LABELS = ("When", "  and", "   or", "Then", "Source", "Needs", "Cannot see", "Reasons", "Reading")
_LABEL = re.compile(rf"({'|'.join(map(re.escape, _LABELS))})(?:\s+|$)(.*)")
_HEADED = re.compile(r"(Cases|Timeline)(?:: (.*?))?(?: \(history known from (\S+)\))?")
_TITLE = re.compile(r"([A-Z]{2}-\d{2}): (.+)")
_CODE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_SOURCE_KEY = re.compile(r"\b[A-Z][A-Z0-9]+\b")


class RuleTextError(ValueError):
    """A rule's docstring does not read like one; the message names the file."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A worked timeline: rows of time, event and finding."""

    title: str
    known_from: str | None  # YYYY-MM-DD; None = the whole history is known
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class RuleText:
    """What the docstring of a rule file says."""

    rule_id: str
    title: str
    clauses: tuple[tuple[str, str], ...]  # label (When, and, or, Then) and text, as they stand
    texts: dict[str, str]  # Source, Needs, Cannot see, Reasons, Reading
    cases: tuple[tuple[str, str, str], ...]  # case, severity, display
    timelines: tuple[Timeline, ...]


def rows_of(name: str) -> list[dict[str, str]]:
    """Return a table of the core as text."""
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def rule_files() -> list[Path]:
    """Every file that holds a rule, in order of the names."""
    return sorted(RULES.glob("*/[a-z][a-z]_[0-9][0-9].py"), key=lambda path: path.stem)


def read_rule(path: Path) -> RuleText:
    """Return the text of a rule file. Raises RuleTextError."""
    document = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    lines = (document or "").splitlines()
    title = _TITLE.fullmatch(" ".join(_paragraph(lines)))
    if title is None or title[1].replace("-", "_").lower() != path.stem:
        raise RuleTextError(f"{path.name}: the docstring does not begin with the rule's id and title")
    blocks: list[tuple[str, list[str]]] = []
    tables: list[tuple[re.Match[str], list[tuple[str, ...]]]] = []
    for line in lines[len(_paragraph(lines)) :]:
        if line.startswith("|") and tables:
            _add_row(tables[-1][1], tuple(cell.strip() for cell in line.strip("|").split("|")))
        elif headed := _HEADED.fullmatch(line):
            tables.append((headed, []))
        elif labelled := _LABEL.fullmatch(line):
            blocks.append((labelled[1].strip(), [labelled[2]] if labelled[2] else []))
        elif line.startswith(" ") and blocks:
            blocks[-1][1].append(line.strip())
        elif line:
            raise RuleTextError(f"{path.name}: {line!r} belongs to no block")
    texts = {label: " ".join(parts) for label, parts in blocks if label not in ("When", "and", "or", "Then")}
    return RuleText(
        title[1],
        title[2].removesuffix("."),
        tuple((label, " ".join(parts)) for label, parts in blocks if label in ("When", "and", "or", "Then")),
        texts,
        tuple(_three(path, row) for headed, found in tables if headed[1] == "Cases" for row in found[2:]),
        tuple(
            Timeline(headed[2] or "", headed[3], tuple(_three(path, row) for row in found[2:]))
            for headed, found in tables
            if headed[1] == "Timeline"
        ),
    )


def _add_row(rows: list[tuple[str, ...]], row: tuple[str, ...]) -> None:
    """Append a row; a row without its first cells continues the last cell of the row above."""
    if rows and row[-1] and not any(row[:-1]):
        rows[-1] = (*rows[-1][:-1], f"{rows[-1][-1]}; {row[-1]}")
    else:
        rows.append(row)


def _paragraph(lines: Sequence[str]) -> list[str]:
    return list(lines[: lines.index("")]) if "" in lines else list(lines)


def _three(path: Path, row: tuple[str, ...]) -> tuple[str, str, str]:
    match row:
        case (first, second, third):
            return first, second, third
    raise RuleTextError(f"{path.name}: {row} has not three cells")


def missing_blocks(rule: RuleText) -> list[str]:
    """Return the blocks that a rule's text lacks."""
    needed = {
        "When": any(label == "When" for label, _ in rule.clauses),
        "Then": any(label == "Then" for label, _ in rule.clauses),
        "Cases": bool(rule.cases),
        "Timeline": bool(rule.timelines),
        **{label: bool(rule.texts.get(label)) for label in ("Source", "Needs", "Cannot see", "Reasons")},
    }
    return [label for label, there in needed.items() if not there]


def reasons_of(rule: RuleText) -> list[str]:
    """Return the reason codes that a rule may carry, beside those that every rule shares.

    A word in lower case stands for its group of reason_codes.csv; what follows `except` is taken out.
    """
    groups: dict[str, list[str]] = {}
    for row in rows_of("reason_codes.csv"):
        groups.setdefault(row["group"], []).append(row["code"])
    with_, _, without = rule.texts.get("Reasons", "").partition("except ")
    named = [code for word in re.findall(r"[a-z]+", with_) for code in groups.get(word, ())]
    return [code for code in dict.fromkeys([*named, *_CODE.findall(with_)]) if code not in _CODE.findall(without)]


def sources_of(rule: RuleText, row: dict[str, str], known: Iterable[str]) -> list[str]:
    """Return the source keys of a rule: those of its row, then those that its text adds."""
    keys = [*row["source"].split(";"), *_SOURCE_KEY.findall(rule.texts.get("Source", ""))]
    return [key for key in dict.fromkeys(keys) if key in set(known)]
