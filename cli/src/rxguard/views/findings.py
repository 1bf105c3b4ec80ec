"""Findings as a table."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rxguard.views.common import NOTICE, SHORT_ID, Document, sentences, severity_style, utc_text


def findings_table(findings: Iterable[Document]) -> RenderableType:
    """One row a finding, with the first sentence of its text."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in ("patient", "rule", "severity", "not before (UTC)"):
        table.add_column(column, no_wrap=column != "not before (UTC)")
    table.add_column("finding", ratio=1)
    for finding in findings:
        table.add_row(
            finding["patient"][:SHORT_ID],
            finding["rule"],
            Text(finding["severity"], style=severity_style(finding["severity"])),
            utc_text(finding["earliest_start_time"]) if finding["earliest_start_time"] else "-",
            Text(sentences(finding["text"])[0]),
        )
    if not table.row_count:
        return Group(Text("No finding in what has been checked."), Text(NOTICE, style="dim"))
    more = Text("--json has the whole text, the arithmetic and the sources of each.", style="dim")
    return Group(table, more, Text(NOTICE, style="dim"))
