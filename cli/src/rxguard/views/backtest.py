"""What people see of a backtest: the two rulesets, the sums by rule, then the worst differences, within 80 columns."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rxguard.views.common import NOTICE

Document = Mapping[str, Any]

_SHORT_ID: Final = 8
_MARKS: Final = {"gained": ("+", "green"), "lost": ("-", "red"), "changed": ("~", "yellow")}
_SENTENCE_END: Final = re.compile(r"(?<=[.:]) +(?=[A-Z])")


def backtest_report(document: Document, limit: int) -> RenderableType:
    """At most `limit` differences of each kind; the sums count all of them."""
    parts: list[RenderableType] = [
        Text(f"{document['file']}: {_count(document['patients'], 'patient')}, {_count(document['events'], 'event')}"),
        Text(),
        _rulesets(document["rules"]),
    ]
    if note := _same_sequence(*document["rules"]):
        parts.append(Text(note, style="yellow"))
    if document["ignored_resources"]:
        ignored = ", ".join(f"{count:,} {kind}" for kind, count in document["ignored_resources"].items())
        parts.append(Text(f"No medication events, ignored: {ignored}"))
    if document["dead_letters"]:
        parts.append(_refused(document["dead_letters"]))
    if unread := sorted({kind for version in document["rules"] for kind in version["facts_not_read"]}):
        parts.append(Text(f"Facts that the core does not read: {', '.join(unread)}", style="yellow"))
    if document["events"]:
        parts += [Text(), _sums(document["summary"]), *_differences(document, limit)]
    else:
        parts.append(Text("No event was taken: nothing was assessed and nothing is compared.", style="bold red"))
    return Group(*parts, Text(NOTICE, style="dim"))


def _rulesets(rules: Sequence[Document]) -> Table:
    table = _table("", "tables", "ruleset", "content hash", "findings", "uncoded", numbers=("findings", "uncoded"))
    for name, version in zip("AB", rules, strict=True):
        uncoded = sum(product["count"] for product in version["uncoded_products"])
        table.add_row(
            name,
            Text(version["folder"], overflow="fold"),
            str(version["ruleset_seq"]),
            version["ruleset_version"][:_SHORT_ID],
            f"{version['findings']:,}",
            f"{uncoded:,}",
        )
    return table


def _same_sequence(a: Document, b: Document) -> str:
    if a["ruleset_version"] == b["ruleset_version"]:
        return "A and B are the same tables."
    if a["ruleset_seq"] == b["ruleset_seq"]:
        return "The tables differ and have one ruleset number: raise ruleset_seq.txt before B goes into use."
    return ""


def _refused(letters: Sequence[Document]) -> Table:
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], int] = {}
    for letter in letters:
        why = letter["code"], letter["reason"], "".join(letter["rules"]).upper()
        counts[why] += letter["count"]
        first.setdefault(why, letter["line"])
    table = _table("first line", "entries", "why", numbers=("first line", "entries"))
    table.title, table.title_style, table.title_justify = "Not taken", "bold red", "left"
    for (code, reason, rules), count in counts.most_common():
        under = "" if rules == "AB" else f" (under {rules} only)"
        table.add_row(str(first[code, reason, rules]), f"{count:,}", Text(f"{code}: {reason}{under}"))
    return table


def _sums(summary: Document) -> RenderableType:
    unchanged = f"{_count(summary['unchanged'], 'finding')} alike under both."
    if not summary["by_rule"]:
        return Text(f"No difference: {unchanged}", style="bold")
    table = _table("rule", *_MARKS, numbers=tuple(_MARKS))
    for rule, counts in summary["by_rule"].items():
        table.add_row(rule, *(f"{counts[kind]:,}" for kind in _MARKS))
    table.add_row("all", *(f"{summary[kind]:,}" for kind in _MARKS), style="bold")
    words = summary["changed_in_words_only"]
    in_words = f" Of those changed, {words:,} in words only, every number alike." if words else ""
    return Group(table, Text(unchanged + in_words), Text())


def _differences(document: Document, limit: int) -> Iterator[RenderableType]:
    for kind, show in (("gained", _finding), ("lost", _finding), ("changed", _change)):
        found = document[kind]
        for difference in found[:limit]:
            yield Group(_headline(kind, difference), Padding(show(difference), (0, 0, 1, 2), expand=False))
        if len(found) > limit:
            yield Text(f"{len(found) - limit:,} more {kind}: --limit shows more, --json has all", style="dim")


def _headline(kind: str, one: Document) -> Text:
    mark, style = _MARKS[kind]
    words = " (words)" if one.get("words_only") else ""
    return Text.assemble(
        (f"{mark} {one['rule']} {one['severity']} {kind}{words}", f"bold {style}"),
        (f"  patient {one['patient'][:_SHORT_ID]}  finding {one['finding_id'][:_SHORT_ID]}", "dim"),
    )


def _finding(one: Document) -> RenderableType:
    start = one["earliest_start_time"]
    lines = [Text(_SENTENCE_END.split(one["text"])[0])]
    return Group(*lines, Text(f"not before {start}")) if start else Group(*lines)


def _change(one: Document) -> RenderableType:
    return Group(*(line for field in one["fields"] for line in _field(field["field"], field["a"], field["b"])))


def _field(name: str, a: Any, b: Any) -> Iterator[Text]:  # noqa: ANN401  # values of a JSON document
    if name == "arithmetic":
        yield from _arithmetic(a, b)
    elif name == "text":
        yield from _parts(name, _SENTENCE_END.split(a), _SENTENCE_END.split(b))
    elif isinstance(a, list) and isinstance(b, list):
        yield from _parts(name, a, b)
    else:
        yield Text(f"{name}: {_value(a)} -> {_value(b)}")


def _arithmetic(a: Sequence[Document], b: Sequence[Document]) -> Iterator[Text]:
    """Line by line where both have the same exposures, else the lines that came and went."""
    if [_exposure(line) for line in a] != [_exposure(line) for line in b]:
        yield from _parts("arithmetic", [line["text"] for line in a], [line["text"] for line in b])
        return
    for line, other in zip(a, b, strict=True):
        name = f"arithmetic of {line['ingredient']}"
        numbers = [key for key in line if key != "text" and line[key] != other[key]]
        for key in numbers:
            yield Text(f"{name}, {key}: {_value(line[key])} -> {_value(other[key])}")
        if not numbers and line["text"] != other["text"]:
            yield from _parts(name, line["text"].split("; "), other["text"].split("; "))


def _exposure(line: Document) -> tuple[str, str | None]:
    return line["ingredient"], line["form_key"]


def _parts(name: str, a: Iterable[str], b: Iterable[str]) -> Iterator[Text]:
    """Yield the lines removed and added between two lists; what is in both is left out."""
    before, after = dict.fromkeys(a), dict.fromkeys(b)
    yield Text(f"{name}:")
    if before.keys() == after.keys():
        yield Text("  the same in another order")
    yield from (Text(f"  - {part}", style="red") for part in before if part not in after)
    yield from (Text(f"  + {part}", style="green") for part in after if part not in before)


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table
