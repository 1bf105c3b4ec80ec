"""Regenerate the pages in `docs/clinical/` that are made from the rule files and the tables of the clinical core.

A rule's page comes from its module docstring, its row in rules.csv and the texts of sources.csv. `--check` writes
nothing and exits 1 if a committed page differs, is missing or has no rule: the drift check of the tests.
"""

import argparse
import ast
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "clinical"
CORE = ROOT / "shared" / "clinical" / "src" / "rx_clinical"
RULES, TABLES = CORE / "rules", CORE / "tables"

NOTICE = (
    '> Decision support for professionals. Not a medical device, not medical advice. Nothing found is never "safe".\n'
    "> Every number needs sign-off by a pharmacist before real use."
)
SHARED_REASONS = ("TIME_IMPRECISE", "RE_EVALUATED_LATE_EVENT")
SHOWN = {
    "interruptive": "interruptive: it stops the person at work and must be answered",
    "queue": "queue: it waits in the worklist and interrupts nobody",
    "profile": "profile: it is listed on the patient's profile and interrupts nobody",
}
FIRES = {
    "fill": "How often: once for each event (order, fill) that raises it.",
    "course": "How often: once in a course, at the first event that raises it; later events are recorded with it.",
    "product": "How often: once for a product code, or for a batch.",
    "never": "How often: never as an alert; it is recorded.",
}
FAMILIES = {
    "withdrawal": "Withdrawal: the opioid came first",
    "blockade": "Blockade: the antagonist came first",
    "hidden": "Hidden antagonists",
    "partial": "Partial and mixed agonists",
    "exposure": "Exposure: medicines that raise an opioid's level",
    "inducer": "Inducers: medicines that lower an opioid's level",
    "other": "Other pairs",
    "surgery": "Surgery",
    "ldn": "Low-dose naltrexone outside withdrawal",
    "data": "Data that cannot be relied on",
    "compounding": "Compounding",
}

_REASONS_HEAD = (
    "A finding carries the codes of everything it rests on. Codes of the groups `alias` and `exempt` are names that\n"
    "older material uses: they stand for something else and are never raised.\n"
)
_SOURCES_HEAD = (
    "`looked up`: the page was read, as far as the remark says. `seed`: one of the five articles the project began\n"
    "with. `AI digest`: a site that summarises labels, a lead and no authority. `UNVERIFIED`: general knowledge, not\n"
    "checked. `policy`: chosen here for safety, not a published number. How good it all is: [evidence](evidence.md).\n"
)
_TABLES_HEAD = (
    "All numbers that the rules use stand in the tables in `shared/clinical/src/rx_clinical/tables/`, each row with\n"
    "its source. Every answer names their content hash and their sequence number.\n"
)
_SECTIONS = {
    "3.5": "[opioid-free evidence](../definitions.md#opioid-free-evidence)",
    "5": "[beyond-use dates](../ldn-and-compounding.md#beyond-use-dates)",
}
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


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _generated(origin: str) -> str:
    return f"<!-- Generated by `make docs` from {origin}. Do not edit. -->\n"


def _source_of(rule_id: str) -> str:
    """Return the path of a rule's file below the root of the repository."""
    [path] = RULES.glob(f"*/{rule_id.replace('-', '_').lower()}.py")
    return path.relative_to(ROOT).as_posix()


def rule_page(rule: RuleText, row: dict[str, str]) -> str:
    """Return the page of a rule, Markdown."""
    source = f"`{_source_of(rule.rule_id)}`"
    parts = [
        _generated(f"{source[1:-1]}, rules.csv and sources.csv"),
        f"# {rule.rule_id}: {rule.title}\n",
        f"{NOTICE}\n",
        f"{FAMILIES[row['family']]} · [all rules](README.md) · [clinical reference](../README.md) · code: {source}\n",
        _clauses(rule),
        f"{_linked(_sentence(row['rationale']))}\n",
        "## Cases\n",
        table(("case", "severity", "display"), rule.cases),
        "## Worked timeline\n",
        *_timelines(rule),
        f"## What it needs\n\n{_listed(rule.texts.get('Needs', ''))}",
        f"## What it cannot see\n\n{_listed(rule.texts.get('Cannot see', ''))}",
        f"## What to do\n\n{_listed(row['recommended_action'])}",
        "## How it is shown\n",
        *(f"- {SHOWN[display]}" for display in SHOWN if display in row["display"]),
        f"- {FIRES[row['fires_once_per']]}",
        f"- Earliest start of the antagonist: {_start(row['earliest_start_time'])}.\n",
        f"Reason codes it may carry ([meanings](../reason-codes.md)): {_codes(rule)}.\n",
        *([f"## Reading of the text\n\n{rule.texts['Reading']}\n"] if rule.texts.get("Reading") else []),
        "## Evidence\n",
        _evidence(rule, row),
    ]
    return "\n".join(parts)


def _linked(text: str) -> str:
    """Sections that rules.csv names, as links to where they stand."""
    return re.sub(r"section (\d(?:\.\d)?)", lambda found: _SECTIONS.get(found[1], found[0]), text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _clauses(rule: RuleText) -> str:
    return "".join(
        f"- {'' if label in ('When', 'Then') else '&emsp;'}**{label}** {text}\n" for label, text in rule.clauses
    )


def _timelines(rule: RuleText) -> Iterator[str]:
    yield (
        "Times are UTC. The rows are recorded in this order; a finding cell holds what this rule then says new, blank\n"
        "= nothing new ([how to read it](../README.md#how-to-read-a-worked-timeline)). A test runs these very rows.\n"
    )
    for timeline in rule.timelines:
        known = f" (history known from {timeline.known_from})" if timeline.known_from else ""
        if timeline.title or known:
            yield f"{_sentence(timeline.title or 'Timeline').rstrip('.')}{known}:\n"
        yield table(
            ("time", "event", "finding"), ((time, f"`{event}`", finding) for time, event, finding in timeline.rows)
        )


def _listed(text: str) -> str:
    return "".join(f"- {part[:1].upper()}{part[1:]}\n" for part in text.split("; ") if part)


def _start(cell: str) -> str:
    return cell.replace("null", "none is given").replace("ends_at = ", "it ends: ")


def _codes(rule: RuleText) -> str:
    return ", ".join(f"`{code}`" for code in dict.fromkeys([*reasons_of(rule), *SHARED_REASONS]))


def _evidence(rule: RuleText, row: dict[str, str]) -> str:
    known = {source["key"]: source for source in rows_of("sources.csv")}
    cited_text = rule.texts.get("Source", "")
    cited = [known[key] for key in sources_of(rule, row, known)]
    rows = [(f"`{one['key']}`", one["supports"], _plain(one["address"]), one["status"]) for one in cited]
    return f"As the rule cites them: {cited_text}\n\n" + table(("source", "supports", "where", "how it was read"), rows)


def _plain(address: str) -> str:
    return address.replace("<", "&lt;")


def index_page(rules: Sequence[RuleText], rows: dict[str, dict[str, str]]) -> str:
    """Return the index of all rules, by family."""
    parts = [_generated("the rule files and rules.csv"), f"# Rules\n\n{NOTICE}\n"]
    for family, title in FAMILIES.items():
        found = [rule for rule in rules if rows[rule.rule_id]["family"] == family]
        lines = [
            (f"[{rule.rule_id}]({rule.rule_id}.md)", rule.title, _distinct(rule, 1), _distinct(rule, 2))
            for rule in found
        ]
        parts.append(f"## {title}\n\n{table(('rule', 'what', 'severity', 'display'), lines)}")
    return "\n".join(parts)


def _distinct(rule: RuleText, column: int) -> str:
    return ", ".join(dict.fromkeys(case[column] for case in rule.cases if case[1] != "none"))


def reasons_page(rules: Sequence[RuleText]) -> str:
    """Return the reason codes with the rules that may carry each."""
    by_code: dict[str, list[str]] = {}
    for rule in rules:
        for code in reasons_of(rule):
            by_code.setdefault(code, []).append(f"[{rule.rule_id}](rules/{rule.rule_id}.md)")
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows_of("reason_codes.csv"):
        raised = "every rule" if row["code"] in SHARED_REASONS else ", ".join(by_code.get(row["code"], [])) or "no rule"
        groups.setdefault(row["group"], []).append((f"`{row['code']}`", row["meaning"], raised))
    return "\n".join(
        [
            _generated("reason_codes.csv and the rule files"),
            f"# Reason codes\n\n{NOTICE}\n",
            _REASONS_HEAD,
            *(
                f"## {group}\n\n{table(('code', 'meaning', 'rules that may carry it'), rows)}"
                for group, rows in groups.items()
            ),
        ]
    )


def sources_page() -> str:
    """Every source with what it supports."""
    rows = [
        (f"`{row['key']}`", row["supports"], _plain(row["address"]), row["status"]) for row in rows_of("sources.csv")
    ]
    return "\n".join(
        [
            _generated("sources.csv"),
            f"# Sources\n\n{NOTICE}\n",
            _SOURCES_HEAD,
            table(("source", "supports", "where", "how it was read"), rows),
        ]
    )


def tables_page() -> str:
    """Return the tables with their rows and columns."""
    meanings = _meanings()
    parts = [
        _generated("the tables and docs/clinical/columns.csv"),
        f"# Tables\n\n{NOTICE}\n",
        _TABLES_HEAD,
    ]
    for path in sorted(TABLES.glob("*.csv")):
        named = meanings.get(path.name, {})
        lines = [(f"`{column}`", named.get(column, "?")) for column in _columns(path)]
        head = f"## {path.name}\n\n{named.get('', '')} {len(rows_of(path.name))} rows.\n"
        parts.append(f"{head}\n{table(('column', 'meaning'), lines)}")
    return "\n".join(parts)


def unexplained() -> list[str]:
    """Where the tables and their meanings differ, one line each."""
    meanings = {(name, column) for name, found in _meanings().items() for column in found}
    columns = {(path.name, column) for path in TABLES.glob("*.csv") for column in ("", *_columns(path))}
    return [
        *(f"columns.csv: no meaning of {name} {column}".rstrip() for name, column in sorted(columns - meanings)),
        *(f"columns.csv: no such column {name} {column}".rstrip() for name, column in sorted(meanings - columns)),
    ]


def _columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file, strict=True))


def _meanings() -> dict[str, dict[str, str]]:
    """Return what each column holds; the empty column stands for the table."""
    found: dict[str, dict[str, str]] = {}
    with (TARGET / "columns.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            found.setdefault(row["table"], {})[row["column"]] = row["meaning"]
    return found


def pages() -> dict[str, str]:
    """Every generated page by its path below the target. Raises RuleTextError."""
    rows = {row["rule_id"]: row for row in rows_of("rules.csv")}
    rules = [read_rule(path) for path in rule_files()]
    if unlisted := [rule.rule_id for rule in rules if rule.rule_id not in rows]:
        raise RuleTextError(f"rules.csv has no row for {', '.join(unlisted)}")
    if incomplete := [f"{rule.rule_id} lacks {', '.join(found)}" for rule in rules if (found := missing_blocks(rule))]:
        raise RuleTextError("; ".join(incomplete))
    made = {f"rules/{rule.rule_id}.md": rule_page(rule, rows[rule.rule_id]) for rule in rules}
    made["rules/README.md"] = index_page(rules, rows)
    made["reason-codes.md"] = reasons_page(rules)
    made["tables.md"] = tables_page()
    made["sources.md"] = sources_page()
    return made


def differing(made: dict[str, str]) -> list[str]:
    """Return one line for each page that differs, is missing or should not exist."""
    committed = {f"rules/{path.name}": path for path in (TARGET / "rules").glob("*.md")}
    stale = [name for name, text in made.items() if current(name) != text]
    listed = [f"rules/{row['rule_id']}.md" for row in rows_of("rules.csv")]
    return [
        *(f"differs: {name}; run `make docs`" for name in stale),
        *(f"no rule file for {name}" for name in listed if name not in made),
        *(f"page without rule: {name}" for name in sorted(committed.keys() - made.keys())),
        *unexplained(),
    ]


def current(name: str) -> str | None:
    """Return the committed text of a page, None if there is none."""
    path = TARGET / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main() -> int:
    """Regenerate, or compare with `--check`; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    try:
        made = pages()
    except RuleTextError as error:
        print(error)
        return 1
    if check:
        found = differing(made)
        print("\n".join(found) or "rule pages are current")
        return 1 if found else 0
    _write(made)
    return 0


def write_pages() -> None:
    """Generate every page and write it. Raises RuleTextError."""
    _write(pages())


def _write(made: dict[str, str]) -> None:
    (TARGET / "rules").mkdir(parents=True, exist_ok=True)
    for path in (TARGET / "rules").glob("*.md"):
        if f"rules/{path.name}" not in made:
            path.unlink()
    for name, text in made.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
