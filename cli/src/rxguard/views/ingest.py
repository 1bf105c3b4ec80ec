"""The account of an ingested file."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rxguard.views.common import Document


def ingest_report(document: Document) -> RenderableType:
    """Return what became of a file, for people."""
    table = Table(title=f"{document['file']}: {document['bundles']} Bundles", title_justify="left")
    table.add_column("kind")
    for column in ("read", "stored", "unchanged", "dead letter"):
        table.add_column(column, justify="right")
    for kind, counts in document["resources"].items():
        table.add_row(kind, *(f"{counts[name]:,}" for name in ("read", "stored", "unchanged", "dead_letter")))
    parts: list[RenderableType] = [table]
    if document["ignored_resources"]:
        ignored = ", ".join(f"{count:,} {kind}" for kind, count in document["ignored_resources"].items())
        parts.append(Text(f"No medication events, ignored: {ignored}"))
    if document["uncoded_products"]:
        parts.append(_uncoded(document["uncoded_products"]))
    if document["dead_letters"]:
        parts.append(_dead_letters(document["dead_letters"]))
    parts.append(_findings_line(document["findings"]))
    if not document["balanced"]:
        parts.append(Text("NOT BALANCED: not every entry read is accounted for", style="bold red"))
    return Group(*parts)


def _uncoded(products: Sequence[Document]) -> Table:
    table = Table(title="Products without a known code: NOT_ASSESSED", title_justify="left", title_style="bold yellow")
    table.add_column("code")
    table.add_column("display", ratio=1)
    table.add_column("events", justify="right")
    for product in products:
        table.add_row(Text(product["code"] or "none"), Text(product["display"] or ""), f"{product['count']:,}")
    return table


def _dead_letters(rejections: Sequence[Document]) -> Table:
    by_reason: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], int] = {}
    for rejection in rejections:
        why = rejection["code"], rejection["reason"]
        by_reason[why] += rejection["count"]
        first.setdefault(why, rejection["line"])
    table = Table(title="Refused: in the dead-letter topic", title_justify="left", title_style="bold red")
    table.add_column("first line", justify="right")
    table.add_column("entries", justify="right")
    table.add_column("why", ratio=1)
    for (code, reason), count in by_reason.most_common():
        table.add_row(str(first[code, reason]), f"{count:,}", Text(f"{code}: {reason}"))
    return table


def _findings_line(findings: Document | None) -> Text:
    if findings is None:
        return Text("Stored and not waited for: whether anything was found is not known yet.")
    standing = "Findings that now stand for the patients in the file: "
    if not findings["active"]:
        return Text(f"{standing}none. Nothing found is never safe: records are incomplete.")
    by_rule = ", ".join(f"{count} {rule}" for rule, count in findings["by_rule"].items())
    return Text(f"{standing}{findings['active']} ({by_rule}). `rxguard alerts ls` shows what to act on.")
