"""Services, topics, checks and rebuilds."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rxguard.views.common import Document


def status_report(document: Document) -> RenderableType:
    """Return what runs and how far each reader is, for people."""
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


def rebuild_report(document: Document) -> RenderableType:
    """Return what a rebuild has done, or left to the monitors, for people."""
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


def services_table(run: Document) -> Table:
    """Return what runs and where, from `run.json`."""
    table = Table(title="RxGuard is up", title_justify="left")
    for column in ("service", "ready", "gRPC", "metrics"):
        table.add_column(column)
    for service in run["services"]:
        ready = "[green]yes[/]" if service["ready"] else "[red]no[/]"
        table.add_row(service["name"], ready, service["grpc"], service["metrics"])
    table.add_row("Kafka", "", run["kafka"], "")
    table.add_row("PostgreSQL", "", run["postgres"], "")
    return table
