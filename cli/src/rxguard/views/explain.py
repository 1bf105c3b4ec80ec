"""What people see of an explained finding, or of the findings to choose from, within 80 columns."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rxguard.views.common import NOTICE, sentences, severity_style
from rxguard.views.residual_curve import curve_chart

Document = Mapping[str, Any]

_SHORT_ID: Final = 8
_CANDIDATES: Final = 20
_PRODUCTS: Final = 5


def findings_to_choose(document: Document) -> RenderableType:
    """Every finding of the file with the shortest id that tells it apart."""
    parts: list[RenderableType] = [Text(_looked_at(document)), *_not_assessed(document)]
    if document["findings"]:
        parts += [Text(), _id_table(document["findings"]), Text()]
        parts.append(Text("--finding ID shows one whole; --json has the whole id and text of each.", "dim"))
    elif document["events"]:
        parts.append(Text("No finding in what has been checked."))
    else:
        parts.append(Text("No event was taken: nothing was assessed.", style="bold red"))
    return Group(*parts, Text(NOTICE, style="dim"))


def candidates(findings: Sequence[Document]) -> RenderableType:
    """Those that an id could mean; not more than a screen of them."""
    if not findings:
        return Text("There is no finding in what has been checked.")
    more = len(findings) - _CANDIDATES
    rest = [Text(f"and {more:,} more; without --finding all are listed")] if more > 0 else []
    return Group(_id_table(findings[:_CANDIDATES]), *rest)


def _id_table(findings: Sequence[Document]) -> Table:
    """One row a finding: FINDING documents with the key `patient`."""
    digits = _telling_apart([finding["finding_id"] for finding in findings])
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "rule", "severity", "patient"):
        table.add_column(column, no_wrap=True)
    table.add_column("finding", ratio=1)
    for finding in findings:
        severity = Text(finding["severity"], style=severity_style(finding["severity"]))
        first, _ = sentences(finding["text"])
        table.add_row(
            finding["finding_id"][:digits], finding["rule"], severity, finding["patient"][:_SHORT_ID], Text(first)
        )
    return table


def _telling_apart(ids: Sequence[str]) -> int:
    """How many digits of each id must be shown so that no two are alike."""
    every = set(ids)
    longest = max(map(len, every))
    return next(
        (n for n in range(_SHORT_ID, longest) if len({finding[:n] for finding in every}) == len(every)), longest
    )


def explanation(document: Document, *, curve: bool) -> RenderableType:
    """Return the finding whole, every step of its arithmetic, and what each source supports."""
    finding = document["finding"]
    parts: list[RenderableType] = [
        Text.assemble(
            (f" {finding['rule']} {finding['severity']} ", f"{severity_style(finding['severity'])} reverse"),
            f" {finding['display']}",
        ),
        Text(f"finding {finding['finding_id']}, patient {document['patient'][:_SHORT_ID]}", style="dim"),
        Text(f"ruleset {document['ruleset_seq']}, content hash {document['ruleset_version']}", style="dim"),
        Text(_looked_at(document), style="dim"),
        *_not_assessed(document),
        Text(),
        Text(finding["text"]),
    ]
    for exposure, line in zip(document["exposures"], finding["arithmetic"], strict=True):
        parts += [Text(), *_exposure(exposure)]
        if curve:
            parts += [Text(), Padding(curve_chart(exposure, line), (0, 0, 0, 2))]
    if not document["exposures"]:
        parts += [Text(), Text("It rests on no window: there is no arithmetic and no curve.", style="dim")]
    parts += _section("Assumptions", map(Text, finding["assumptions"]))
    parts += _section("Actions", map(Text, finding["recommended_actions"]))
    parts += _section("Evidence", [Text(finding["evidence_level"])])
    parts += _section("Reasons", [Text(", ".join(finding["reason_codes"]))] if finding["reason_codes"] else [])
    parts += _section("Sources", map(_source, document["source_texts"]))
    return Group(*parts, Text(), Text(NOTICE, style="dim"))


def _exposure(exposure: Document) -> Iterator[RenderableType]:
    form = f" ({exposure['form_key']})" if exposure["form_key"] else ""
    yield Text(f"{exposure['ingredient']}{form}", style="bold")
    for step in exposure["steps"]:
        yield Padding(Text(step["name"], style="dim"), (0, 0, 0, 2))
        worked = Text.assemble((step["working"], "cyan"), " = ", (step["result"], "bold cyan"))
        yield Padding(worked, (0, 0, 0, 4))


def _source(source: Document) -> RenderableType:
    told = Text.assemble((source["key"], "bold"), f": {source['supports']}", overflow="fold")
    return Group(told, Padding(Text(f"{source['status']}; {source['address']}", "dim", overflow="fold"), (0, 0, 0, 2)))


def _section(title: str, lines: Iterable[RenderableType]) -> list[RenderableType]:
    shown: list[RenderableType] = [Padding(line, (0, 0, 0, 2)) for line in lines]
    return [Text(), Text(title, style="bold"), *shown] if shown else []


def _looked_at(document: Document) -> str:
    return f"{document['file']}: {_count(document['patients'], 'patient')}, {_count(document['events'], 'event')}"


def _not_assessed(document: Document) -> Iterator[Text]:
    """Yield what was read of the whole file and is in no finding."""
    refused: Counter[str] = Counter()
    for letter in document["dead_letters"]:
        refused[letter["code"]] += letter["count"]
    if refused:
        codes = ", ".join(f"{count:,} {code}" for code, count in refused.most_common())
        first = document["dead_letters"][0]["line"]
        yield Text(f"Not taken: {codes}; the first in line {first}. --json names each.", style="bold red")
    if products := document["uncoded_products"]:
        named = list(dict.fromkeys(product["code"] or product["display"] or "no code" for product in products))
        more = f" and {len(named) - _PRODUCTS:,} more" if len(named) > _PRODUCTS else ""
        told = f"Products without a known code, NOT_ASSESSED: {', '.join(named[:_PRODUCTS])}{more}"
        yield Text(told, style="bold yellow")
    if document["facts_not_read"]:
        yield Text(f"Facts that the core does not read: {', '.join(document['facts_not_read'])}", style="yellow")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
