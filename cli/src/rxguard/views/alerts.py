"""Alerts as panels, work items on data as a table."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rx_runtime.errors import InvalidInput
from rx_runtime.sites import Site, SiteRegistry

from rxguard.views.common import (
    MAX_WIDTH,
    NOTICE,
    SHORT_ID,
    Document,
    sentences,
    severity_style,
    site_registry,
    utc_text,
)

_NO_START = {
    "ONGOING_NO_END": "no start can be given: the opioid goes on without a recorded end",
    "CONCURRENT_BY_INTENT": "no start can be given: both are meant to be taken together",
}
_URGENCY = {"CAN_STOP": "it can still be held back", "WITH_PATIENT": "it is with the patient: call now"}


def alerts_table(
    alerts: Sequence[Document], console_width: int | None = None, *, sites: SiteRegistry | None = None
) -> RenderableType:
    """Alerts, worst first as they come: a panel each, work items on data below in one table, the notice last.

    Of an alert `alert_id`, `state`, `site_id` and `lines` are needed. `console_width` bounds the width, in columns.
    """
    registry = sites or site_registry()
    width = min(console_width or MAX_WIDTH, MAX_WIDTH)
    parts: list[RenderableType] = [
        _panel(alert, _site(registry, alert["site_id"]), width) for alert in alerts if not _is_data(alert)
    ]
    if items := [alert for alert in alerts if _is_data(alert)]:
        parts.append(_data_items(items, width))
    if not parts:
        parts.append(Text("No open alert. That says nothing about what the records do not show."))
    return Group(*parts, Text(NOTICE, style="dim"))


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
    parts += [_arithmetic(step["text"]) for step in line["arithmetic"]]
    if rest:
        parts.append(Text(rest))
    parts.append(Text(", ".join([line["severity"], *line["reason_codes"]]), style="dim"))
    return Group(*parts)


def _arithmetic(text: str) -> RenderableType:
    """Return the steps of the sum, one a line; the last one gives the start."""
    *steps, last = text.split("; ")
    return Padding(Group(*(Text(step, style="cyan") for step in steps), Text(last, style="bold cyan")), (0, 0, 1, 2))


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


def _start_text(time: str, site: Site | None) -> str:
    """Return an instant in the site's own time and in UTC; UTC alone without a site."""
    if site is None:
        return f"{utc_text(time)} UTC"
    local = datetime.fromisoformat(time).astimezone(ZoneInfo(site.zone))
    return f"{local:%a %Y-%m-%d %H:%M %Z} ({utc_text(time)} UTC)"


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
    return f" {named} · {alert['state']} · alert {alert['alert_id'][:SHORT_ID]} "


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
