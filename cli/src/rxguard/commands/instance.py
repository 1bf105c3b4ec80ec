"""Commands of the embedded instance: up, down, demo, doctor; and status."""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
from typing import Annotated

import typer

from rxguard.commands.console import (
    Json,
    exit_if,
    stderr,
    stdout,
    write_json,
)


def up(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the data folder first.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all are ready; `down` stops them.")] = False,
    as_json: Json = False,
) -> None:
    """Start Kafka, PostgreSQL and the five services, and stay until Ctrl-C."""
    from rxguard.instance import up as command

    if detach:
        command.up_detached(fresh=fresh, as_json=as_json, console=stderr)
    else:
        asyncio.run(command.up(fresh=fresh, as_json=as_json, console=stderr))


def down() -> None:
    """Stop what `up` started; its data is kept."""
    from rxguard.instance.up import down as command

    command(stderr)


def demo(
    *,
    exit_after: Annotated[bool, typer.Option("--exit", help="Stop when the alert is there.")] = False,
    as_json: Json = False,
) -> None:
    """Play the main job on an instance of its own: real input in, one true alert out."""
    from rxguard.instance.demo import demo as command

    document = asyncio.run(command(exit_after=exit_after or as_json, as_json=as_json, console=stderr))
    if as_json:
        write_json({key: value for key, value in document.items() if key != "ok"})
    exit_if(not document["ok"])


def status(*, as_json: Json = False) -> None:
    """Say what runs, and how far each reader is behind."""
    from rxguard.client.connect import connect
    from rxguard.client.status import status as command
    from rxguard.views.instance import status_report

    document = asyncio.run(command(connect()))
    if as_json:
        write_json(document)
    else:
        stdout.print(status_report(document))


def doctor(*, as_json: Json = False) -> None:
    """Check what could be wrong and say how to mend it; 1 if something must be mended."""
    from rxguard.instance.doctor import doctor as command
    from rxguard.views.instance import doctor_report

    document = asyncio.run(command())
    if as_json:
        write_json(document)
    else:
        stdout.print(doctor_report(document))
    exit_if(not document["ok"])
