"""What people see: alerts, findings and the account of an ingest, within 80 columns.

Nothing here says "safe": an empty list says what was looked at, not that there is nothing to find.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rx_runtime.errors import InvalidInput
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import Site, SiteRegistry, load_sites

NOTICE = "Decision support, not a device and not advice. Nothing found is never safe: records are incomplete."

Document = Mapping[str, Any]

_MAX_WIDTH = 110
_STYLES = {"contraindicated": "bold red", "major": "bold yellow", "moderate": "cyan", "info": "dim"}
_NO_START = {
    "ONGOING_NO_END": "no start can be given: the opioid goes on without a recorded end",
    "CONCURRENT_BY_INTENT": "no start can be given: both are meant to be taken together",
}
_URGENCY = {"CAN_STOP": "it can still be held back", "WITH_PATIENT": "it is with the patient: call now"}
_SENTENCE_END = re.compile(r"(?<=\.) +(?=[A-Z])")
_SHORT_ID = 8


def alerts_table(
    alerts: Sequence[Document], console_width: int | None = None, *, sites: SiteRegistry | None = None
) -> RenderableType:
    """Alerts, worst first as they come: a panel each, work items on data below in one table, the notice last.

    Of an alert `alert_id`, `state`, `site_id` and `lines` are needed. `console_width` bounds the width, in columns.
    """
    registry = sites or site_registry()
    width = min(console_width or _MAX_WIDTH, _MAX_WIDTH)
    parts: list[RenderableType] = [
        _panel(alert, _site(registry, alert["site_id"]), width) for alert in alerts if not _is_data(alert)
    ]
    if items := [alert for alert in alerts if _is_data(alert)]:
        parts.append(_data_items(items, width))
    if not parts:
        parts.append(Text("No open alert. That says nothing about what the records do not show."))
    return Group(*parts, Text(NOTICE, style="dim"))


def site_registry() -> SiteRegistry:
    """The registry that the services use: `RXGUARD_SITES_FILE`, else the shipped one."""
    return load_sites(Path(os.environ.get("RXGUARD_SITES_FILE") or SHIPPED_SITES))


def findings_table(findings: Iterable[Document]) -> RenderableType:
    """One row a finding, with the first sentence of its text."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in ("patient", "rule", "severity", "not before (UTC)"):
        table.add_column(column, no_wrap=column != "not before (UTC)")
    table.add_column("finding", ratio=1)
    for finding in findings:
        table.add_row(
            finding["patient"][:_SHORT_ID],
            finding["rule"],
            Text(finding["severity"], style=severity_style(finding["severity"])),
            _utc(finding["earliest_start_time"]) if finding["earliest_start_time"] else "-",
            Text(sentences(finding["text"])[0]),
        )
    if not table.row_count:
        return Group(Text("No finding in what has been checked."), Text(NOTICE, style="dim"))
    more = Text("--json has the whole text, the arithmetic and the sources of each.", style="dim")
    return Group(table, more, Text(NOTICE, style="dim"))


def _start_text(time: str, site: Site | None) -> str:
    """An instant in the site's own time and in UTC; UTC alone without a site."""
    if site is None:
        return f"{_utc(time)} UTC"
    local = datetime.fromisoformat(time).astimezone(ZoneInfo(site.zone))
    return f"{local:%a %Y-%m-%d %H:%M %Z} ({_utc(time)} UTC)"


def _panel(alert: Document, site: Site | None, width: int) -> Panel:
    worst = alert["lines"][0]
    body = Table.grid(padding=(0, 2), expand=True)
    body.add_column(style="dim", no_wrap=True)
    body.add_column(ratio=1)
    body.add_row("not before", _not_before(alert, site))
    if worst["urgency"]:
        body.add_row("urgency", Text(_URGENCY.get(worst["urgency"], worst["urgency"]), style="bold"))
    if actions := dict.fromkeys(action for line in alert["lines"] for action in line["recommended_actions"]):
        body.add_row("what to do", Group(*(_bullet(action) for action in actions)))
    for line in alert["lines"]:
        body.add_row("", "")
        body.add_row(
            Text(line["rule"], style=severity_style(line["severity"])), _finding(line, is_headline=line is worst)
        )
    return Panel(
        Group(Text(sentences(worst["text"])[0], style="bold"), Padding(body, (1, 0, 0, 0))),
        title=Text(f" {worst['severity'].upper()} ", style=f"{severity_style(worst['severity'])} reverse"),
        subtitle=Text(_subtitle(alert, site), style="dim"),
        title_align="left",
        subtitle_align="right",
        border_style=severity_style(worst["severity"]),
        width=width,
        padding=(1, 2),
    )


def _finding(line: Document, *, is_headline: bool) -> RenderableType:
    """One line of an alert: what, the arithmetic step by step, what else to know, and the reason codes."""
    first, rest = sentences(line["text"])
    parts: list[RenderableType] = [] if is_headline else [Text(first)]
    parts += [_arithmetic(one["text"]) for one in line["arithmetic"]]
    if rest:
        parts.append(Text(rest))
    parts.append(Text(", ".join([line["severity"], *line["reason_codes"]]), style="dim"))
    return Group(*parts)


def _arithmetic(text: str) -> RenderableType:
    """The steps of the sum, one a line; the last one gives the start."""
    *steps, last = text.split("; ")
    return Padding(Group(*(Text(step, style="cyan") for step in steps), Text(last, style="bold cyan")), (0, 0, 1, 2))


def sentences(text: str) -> tuple[str, str]:
    """The first sentence, and the rest."""
    first, _, rest = _SENTENCE_END.sub("\n", text, count=1).partition("\n")
    return first, rest


def _not_before(alert: Document, site: Site | None) -> Text:
    lines = alert["lines"]
    starts = [line["earliest_start_time"] for line in lines if line["earliest_start_time"]]
    without = [line["no_start_time_reason"] for line in lines if line["no_start_time_reason"] in _NO_START]
    if without:
        return Text(_NO_START[without[0]], style="bold")
    if not starts:
        return Text("does not apply here", style="dim")
    latest = max(starts, key=datetime.fromisoformat)
    return Text.assemble((_start_text(latest, site), "bold green"), ", the earliest start that the records allow")


def _data_items(alerts: Sequence[Document], width: int) -> Table:
    table = Table(title="Work items: data that a person must complete", title_justify="left", width=width)
    for column in ("rule", "severity", "site"):
        table.add_column(column, no_wrap=True)
    table.add_column("what", ratio=1)
    for alert in alerts:
        worst = alert["lines"][0]
        severity = Text(worst["severity"], style=severity_style(worst["severity"]))
        actions = [_bullet(action) for action in worst["recommended_actions"]]
        table.add_row(worst["rule"], severity, alert["site_id"] or "", Group(Text(worst["text"]), *actions))
    return table


def _subtitle(alert: Document, site: Site | None) -> str:
    named = site.name if site else alert["site_id"] or "unknown site"
    return f" {named} · {alert['state']} · alert {alert['alert_id'][:_SHORT_ID]} "


def _bullet(text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("•", Text(text))
    return grid


def _is_data(alert: Document) -> bool:
    return all(line["rule"].startswith("DQ-") for line in alert["lines"])


def _site(registry: SiteRegistry, site_id: str | None) -> Site | None:
    try:
        return registry.site(site_id or "")
    except InvalidInput:
        return None


def severity_style(severity: str) -> str:
    """How a severity is shown."""
    return _STYLES.get(severity, "")


def _utc(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M}"


def ingest_report(document: Document) -> RenderableType:
    """What became of a file, for people."""
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


def status_report(document: Document) -> RenderableType:
    """What runs and how far each reader is, for people."""
    services = Table(title=f"Services, Kafka at {document['kafka']}", title_justify="left")
    for column in ("service", "ready", "gRPC", "behind"):
        services.add_column(column, justify="right" if column == "behind" else "left")
    for service in document["services"]:
        ready = Text("yes", style="green") if service["ready"] else Text("no", style="bold red")
        behind = document["lag"].get(service["name"])
        services.add_row(service["name"], ready, service["grpc"], "" if behind is None else f"{behind:,}")
    held = Table(title="Topics", title_justify="left")
    held.add_column("topic")
    held.add_column("partitions", justify="right")
    held.add_column("offsets held", justify="right")
    for topic in document["topics"]:
        held.add_row(topic["name"], str(topic["partitions"]), f"{topic['records']:,}")
    pending = document["pending"]
    checked = Text(f"{pending:,} events are PENDING: stored, not checked", style="bold yellow" if pending else "")
    return Group(services, held, checked)


def doctor_report(document: Document) -> RenderableType:
    """One row a check, for people."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    styles = {"ok": "green", "warn": "bold yellow", "fail": "bold red"}
    for check in document["checks"]:
        what = Group(Text(check["detail"]), *([Text(f"-> {check['fix']}", style="dim")] if check["fix"] else []))
        table.add_row(Text(check["status"], style=styles[check["status"]]), check["id"], what)
    return table


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


def rebuild_report(document: Document) -> RenderableType:
    """What a rebuild has done, or left to the monitors, for people."""
    read = f"{document['events']:,} events, build {document['build']} of the state"
    if not document["rebuilt"]:
        return Text(
            f"Cleared: {read}. Start the monitors: they read it again, and `rxguard status` says how far they are."
        )
    findings = document["findings"]
    return Text(
        f"Rebuilt from {read}. {findings['active']:,} findings stand; {findings['published']:,} finding sets said "
        "something else than before."
    )


@contextmanager
def work_progress(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Shows one bar for each thing that is being done, on a terminal; nothing elsewhere."""
    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def report(doing: str, done: int, total: int | None) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=total)
            progress.update(tasks[doing], completed=done, total=total)

        yield report
