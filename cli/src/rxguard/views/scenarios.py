"""Scenarios that differ from what they expect."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rxguard.views.common import Document


def scenarios_report(document: Document) -> RenderableType:
    """Each scenario that did not pass with its differences, then the sums."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    styles = {"fail": "bold red", "not_covered": "yellow"}
    for scenario in document["scenarios"]:
        if scenario["status"] in styles:
            differences = [_difference(difference) for difference in scenario["differences"]]
            status = Text(scenario["status"], style=styles[scenario["status"]])
            table.add_row(status, scenario["id"], Group(*differences))
    summary = document["summary"]
    sums = f"{summary['passed']} of {summary['total']} passed, {summary['failed']} failed, "
    ruleset = f"{summary['not_covered']} not covered; ruleset {document['ruleset_version']}"
    return Group(table, Text(sums + ruleset))


def _difference(difference: Document) -> Text:
    field = f" {difference['field']}" if difference["field"] else ""
    told = f"{difference['kind']} {difference['rule'] or ''}{field}"
    if difference["expected"] is None and difference["actual"] is None:
        return Text(told)
    return Text(f"{told}: expected {difference['expected']}, got {difference['actual']}")
