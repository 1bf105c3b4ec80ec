"""Commands that read results back: findings and alerts."""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
from typing import Annotated

import typer

from rxguard.commands.console import (
    Lines,
    stdout,
    write_lines,
)


def findings(*, as_json: Lines = False) -> None:
    """Print every finding that stands now."""
    from rxguard.client import findings as command
    from rxguard.client.connect import connect
    from rxguard.views.findings import findings_table

    found = command.documents(asyncio.run(command.current_sets(connect())))
    if as_json:
        write_lines(found)
    else:
        stdout.print(findings_table(found))


def alerts_ls(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Lines = False,
) -> None:
    """List the open alerts, worst first."""
    from rxguard.client import alerts as command
    from rxguard.client.connect import connect
    from rxguard.views.alerts import alerts_table

    states = command.EVERY_STATE if everything else command.OPEN
    found = asyncio.run(command.list_alerts(connect(), states))
    if as_json:
        write_lines(found)
    else:
        stdout.print(alerts_table(found, stdout.width))
