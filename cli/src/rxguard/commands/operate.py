"""Commands of an operator: topics and the monitor's state."""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
from typing import Annotated

import typer

from rxguard.commands.console import (
    Json,
    stderr,
    stdout,
    write_json,
)


def topics_apply(
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topics keyed by patient, for ever.")] = 4,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing; change none that is there."""
    from rx_runtime.kafka.topics import apply

    from rxguard.client.connect import connect, require_kafka

    connection = connect()

    async def command() -> list[str]:
        await require_kafka(connection)
        return await apply(connection, partitions)

    created = asyncio.run(command())
    if as_json:
        write_json({"format": 1, "kafka": connection.kafka, "created": created})
    else:
        stdout.print("\n".join(f"created {name}" for name in created) or "Every topic is there already.")


def monitor_rebuild(
    *,
    wait: Annotated[bool, typer.Option(help="Wait until the monitors have read and assessed it all.")] = True,
    as_json: Json = False,
) -> None:
    """Rebuild the monitor's state from the recorded events; findings stand until they are confirmed or withdrawn.

    The monitor of an instance is stopped and started again. On servers of your own, stop all monitors first and start
    them again when this says so. Killed at any point it can be run again.
    """
    from rxguard.instance.rebuild import rebuild as command
    from rxguard.views.instance import rebuild_report
    from rxguard.views.progress import work_progress

    with work_progress(stderr) as progress:
        document = asyncio.run(command(wait=wait, progress=progress, notify=stderr.print))
    if as_json:
        write_json(document)
    else:
        stdout.print(rebuild_report(document))
