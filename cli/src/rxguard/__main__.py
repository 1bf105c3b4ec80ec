"""The `rxguard` program: what a person types, and the exit code that answers.

0 ok, 1 differences found, 2 usage, 3 input unreadable, 4 dependency unavailable, 130 interrupted.
"""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

EXIT_DIFFERENCES = 1

app = typer.Typer(
    name="rxguard",
    help="Watches pharmacy events for an antagonist that meets an opioid. Decision support, not a device, not advice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
stderr = Console(stderr=True)
stdout = Console()

alerts = typer.Typer(no_args_is_help=True, help="Alerts, read back over gRPC.")
app.add_typer(alerts, name="alerts")

Source = Annotated[str | None, typer.Option(help="System of record of FHIR documents; our events name their own.")]
SiteId = Annotated[str | None, typer.Option(help="Site of FHIR documents; without it the registry's first.")]
Lines = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, all else on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, all else on stderr.")]


def write_json(document: Any) -> None:  # noqa: ANN401  # any JSON document
    """One document on stdout, on one line."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def write_lines(documents: list[dict[str, Any]]) -> None:
    """One document a line on stdout."""
    for document in documents:
        write_json(document)


def exit_if(differences: bool) -> None:  # noqa: FBT001  # the question that the name asks
    """End with exit code 1 if there are any."""
    if differences:
        raise typer.Exit(EXIT_DIFFERENCES)


@app.command()
def up(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the data folder first.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all are ready; `down` stops them.")] = False,
    as_json: Json = False,
) -> None:
    """Start Kafka, PostgreSQL and the five services, and stay until Ctrl-C."""
    from rxguard import up as command

    if detach:
        command.up_detached(fresh=fresh, as_json=as_json, console=stderr)
    else:
        asyncio.run(command.up(fresh=fresh, as_json=as_json, console=stderr))


@app.command()
def down() -> None:
    """Stop what `up` started; its data is kept."""
    from rxguard.up import down as command

    command(stderr)


@app.command()
def demo(
    *,
    exit_after: Annotated[bool, typer.Option("--exit", help="Stop when the alert is there.")] = False,
    as_json: Json = False,
) -> None:
    """Play the main job on an instance of its own: real input in, one true alert out."""
    from rxguard.demo import demo as command

    document = asyncio.run(command(exit_after=exit_after or as_json, as_json=as_json, console=stderr))
    if as_json:
        write_json({key: value for key, value in document.items() if key != "ok"})
    exit_if(not document["ok"])


@app.command()
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
    from rxguard.connect import connect
    from rxguard.ingest import ingest as command
    from rxguard.output import ingest_report, work_progress
    from rxguard.records import DEFAULT_SOURCE, check_readable

    check_readable(file)
    connection = connect()
    with work_progress(stderr) as progress:
        document = asyncio.run(
            command(connection, file, source=source or DEFAULT_SOURCE, site=site, wait=wait, progress=progress)
        )
    if as_json:
        write_json(document)
    else:
        stdout.print(ingest_report(document))
    exit_if(not document["balanced"])


@app.command()
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
    from rxguard.connect import connect
    from rxguard.publish import publish as command
    from rxguard.records import DEFAULT_SOURCE, check_readable

    check_readable(file)
    document = asyncio.run(command(connect(), file, source=source or DEFAULT_SOURCE, site=site))
    if as_json:
        write_json(document)
    else:
        for record in document["records"]:
            stdout.print(f"line {record['line']}: partition {record['partition']}, offset {record['offset']}")
    for line in document["not_sent"]:
        stderr.print(f"line {line} was not sent: it is longer than {document['topic']} takes")
    exit_if(bool(document["not_sent"]))


@app.command()
def findings(*, as_json: Lines = False) -> None:
    """Print every finding that stands now."""
    from rxguard import findings as command
    from rxguard.connect import connect
    from rxguard.output import findings_table

    found = command.documents(asyncio.run(command.current_sets(connect())))
    if as_json:
        write_lines(found)
    else:
        stdout.print(findings_table(found))


@alerts.command("ls")
def alerts_ls(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Lines = False,
) -> None:
    """List the open alerts, worst first."""
    from rxguard import alerts as command
    from rxguard.connect import connect
    from rxguard.output import alerts_table

    states = command.EVERY_STATE if everything else command.OPEN
    found = asyncio.run(command.list_alerts(connect(), states))
    if as_json:
        write_lines(found)
    else:
        stdout.print(alerts_table(found, stdout.width))


def main() -> int:
    """Run the program; returns only with an exit code, and prints no traceback for a failure that can be expected."""
    try:
        app()
    except Exception as error:
        from rx_runtime.embedded import EmbeddedError
        from rx_runtime.errors import ExitCode, RxGuardError

        if isinstance(error, RxGuardError):
            _print_error(error.code, error.message)
            return error.exit_code
        if isinstance(error, EmbeddedError):
            _print_error(error.code, f"{error.what}\n{error.fix}")
            return ExitCode.DEPENDENCY
        raise
    return 0


def _print_error(code: str, message: str) -> None:
    """What, where and what to do next; the text is printed as it is, brackets included."""
    stderr.print("error", style="bold red", end=" ")
    stderr.print(f"{message} ({code})", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
