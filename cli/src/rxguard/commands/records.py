"""Commands that send records: ingest and publish."""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
from typing import Annotated

import typer

from rxguard.commands.console import (
    Json,
    SiteId,
    Source,
    exit_if,
    stderr,
    stdout,
    write_json,
)


def ingest(
    file: Annotated[
        str, typer.Argument(help="NDJSON, gzip or plain: a FHIR R4 Bundle or one of our events a line; - = stdin.")
    ],
    *,
    wait: Annotated[bool, typer.Option(help="Wait until the monitor has checked it all.")] = True,
    source: Source = None,
    site: SiteId = None,
    as_json: Json = False,
) -> None:
    """Feed a file and account for every line: stored, unchanged, or refused and why."""
    from rxguard.client.connect import connect
    from rxguard.client.ingest import ingest as command
    from rxguard.client.records import check_readable
    from rxguard.views.ingest import ingest_report
    from rxguard.views.progress import work_progress

    check_readable(file)
    connection = connect()
    with work_progress(stderr) as progress:
        document = asyncio.run(command(connection, file, source=source, site=site, wait=wait, progress=progress))
    if as_json:
        write_json(document)
    else:
        stdout.print(ingest_report(document))
    exit_if(not document["balanced"])


def publish(
    file: Annotated[
        str, typer.Argument(help="One JSON document, or one a line: our events, FHIR R4, CloudEvents; - = stdin.")
    ],
    *,
    source: Source = None,
    site: SiteId = None,
    as_json: Json = False,
) -> None:
    """Send events and print where they stand in the inbound topic; what becomes of them is not waited for."""
    from rxguard.client.connect import connect
    from rxguard.client.publish import publish as command
    from rxguard.client.records import check_readable

    check_readable(file)
    document = asyncio.run(command(connect(), file, source=source, site=site))
    if as_json:
        write_json(document)
    else:
        for record in document["records"]:
            stdout.print(f"line {record['line']}: partition {record['partition']}, offset {record['offset']}")
    for line in document["not_sent"]:
        stderr.print(f"line {line} was not sent: it is longer than {document['topic']} takes")
    exit_if(bool(document["not_sent"]))
