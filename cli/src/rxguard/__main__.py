"""The `rxguard` program: what a person types, and the exit code that answers.

0 ok, 1 differences found, 2 usage, 3 input unreadable, 4 dependency unavailable, 130 interrupted.
"""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rxguard.arguments import finding_prefix, hex_prefix

EXIT_DIFFERENCES = 1
VERSIONS_COMPARED = 2

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
topics = typer.Typer(no_args_is_help=True, help="Topics, as the registry says.")
app.add_typer(topics, name="topics")
monitor = typer.Typer(no_args_is_help=True, help="The state of the monitor.")
app.add_typer(monitor, name="monitor")

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
    from rxguard.records import check_readable

    check_readable(file)
    connection = connect()
    with work_progress(stderr) as progress:
        document = asyncio.run(command(connection, file, source=source, site=site, wait=wait, progress=progress))
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
    from rxguard.records import check_readable

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


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say what runs, and how far each reader is behind."""
    from rxguard.connect import connect
    from rxguard.output import status_report
    from rxguard.status import status as command

    document = asyncio.run(command(connect()))
    if as_json:
        write_json(document)
    else:
        stdout.print(status_report(document))


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Check what could be wrong and say how to mend it; 1 if something must be mended."""
    from rxguard.doctor import doctor as command
    from rxguard.output import doctor_report

    document = asyncio.run(command())
    if as_json:
        write_json(document)
    else:
        stdout.print(doctor_report(document))
    exit_if(not document["ok"])


@app.command()
def scenarios(
    file: Annotated[str, typer.Argument(help="Worked timelines with the findings expected, YAML.")],
    *,
    only: Annotated[str | None, typer.Option(help="Ids of the scenarios to run, comma-separated.")] = None,
    allow_not_covered: Annotated[
        bool, typer.Option("--allow-not-covered", help="Not covered is no difference.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the clinical core on worked timelines and show every difference."""
    from rx_runtime.errors import InvalidInput

    from rxguard.output import scenarios_report
    from rxguard.records import check_readable
    from rxguard.scenarios import ScenarioFileError, run_scenarios

    check_readable(file)
    try:
        document = run_scenarios(Path(file), only.split(",") if only else None)
    except ScenarioFileError as error:
        raise InvalidInput(f"SCENARIOS_{error.code}", str(error)) from error
    if as_json:
        write_json(document)
    else:
        stdout.print(scenarios_report(document))
    summary = document["summary"]
    exit_if(summary["failed"] > 0 or (summary["not_covered"] > 0 and not allow_not_covered))


@app.command()
def backtest(
    file: Annotated[
        str, typer.Argument(help="NDJSON, gzip or plain: a FHIR R4 Bundle or one of our events a line; - = stdin.")
    ],
    *,
    rules: Annotated[
        list[str], typer.Option(help="Given twice, A then B: a folder with all tables, or `builtin` for the shipped.")
    ],
    limit: Annotated[int, typer.Option(min=0, help="Differences of each kind to show to people; --json has all.")] = 10,
    source: Source = None,
    site: SiteId = None,
    as_json: Json = False,
) -> None:
    """Replay recorded events under two versions of the tables: findings gained, lost and changed. Needs no server.

    Each version codes the products by its own tables.

    Patients are named by a fixed hash of namespace and value, which needs no key: it is not the pseudonym of any
    installation, and it hides nobody from those who know the identifier.
    """
    from rxguard.backtest import backtest as command
    from rxguard.backtest_report import backtest_report
    from rxguard.offline import require_events
    from rxguard.output import site_registry, work_progress

    if len(rules) != VERSIONS_COMPARED:
        raise typer.BadParameter("give it exactly twice, A then B", param_hint="--rules")
    _logs_to_stderr()
    with work_progress(stderr) as progress:
        document = command(
            file,
            (rules[0], rules[1]),
            sites=site_registry(),
            now_ms=time.time_ns() // 1_000_000,
            source=source,
            site=site,
            progress=progress,
        )
    if as_json:
        write_json(document)
    else:
        stdout.print(backtest_report(document, limit))
    require_events(document)
    exit_if(bool(document["summary"]["by_rule"]))


@app.command()
def explain(
    file: Annotated[
        str, typer.Argument(help="NDJSON, gzip or plain: a FHIR R4 Bundle or one of our events a line; - = stdin.")
    ],
    *,
    finding: Annotated[
        str | None,
        typer.Option(
            metavar="ID", callback=finding_prefix, help="Its id, 4 hex digits or more; without it all are listed."
        ),
    ] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="NAME", callback=hex_prefix, help="Only patients whose name begins so, hex.")
    ] = None,
    rules: Annotated[str, typer.Option(help="A folder with all tables, or `builtin` for the shipped.")] = "builtin",
    curve: Annotated[bool, typer.Option("--curve", help="Draw how much opioid is left; --json always has it.")] = False,
    source: Source = None,
    site: SiteId = None,
    as_json: Json = False,
) -> None:
    """Explain a finding in recorded events: every step of its arithmetic, and its sources. Needs no server.

    A finding has the id that it has in an installation. Patients are named as in `backtest`.
    """
    from rxguard.explain import explain as command
    from rxguard.explain_report import candidates, explanation, findings_to_choose
    from rxguard.offline import require_events
    from rxguard.output import site_registry, work_progress

    if curve and finding is None:
        raise typer.BadParameter("needs --finding: it is drawn for one finding", param_hint="--curve")
    _logs_to_stderr()
    with work_progress(stderr) as progress:
        assessed = command(
            file,
            rules,
            sites=site_registry(),
            now_ms=time.time_ns() // 1_000_000,
            patient=patient or "",
            source=source,
            site=site,
            progress=progress,
        )
    if patient and assessed.head["events"] and not assessed.head["patients"]:
        raise typer.BadParameter(
            f"no name begins with {patient}; without it the findings of all are listed", param_hint="--patient"
        )
    if finding is None:
        document = assessed.listing()
        shown = findings_to_choose(document)
    else:
        require_events(assessed.head)
        meant = assessed.beginning_with(finding)
        if len(meant) != 1:
            stderr.print(candidates([one.to_json() for one in meant or assessed.found]))
            raise typer.BadParameter(f"{len(meant):,} findings begin with {finding}", param_hint="--finding")
        document = assessed.whole(meant[0])
        shown = explanation(document, curve=curve)
    if as_json:
        write_json(document)
    else:
        stdout.print(shown)
    require_events(document)


@topics.command("apply")
def topics_apply(
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topics keyed by patient, for ever.")] = 4,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing; change none that is there."""
    from rx_runtime.kafka.topics import apply

    from rxguard.connect import connect, require_kafka

    connection = connect()

    async def command() -> list[str]:
        await require_kafka(connection)
        return await apply(connection.kafka, connection.namespace, partitions)

    created = asyncio.run(command())
    if as_json:
        write_json({"format": 1, "kafka": connection.kafka, "created": created})
    else:
        stdout.print("\n".join(f"created {name}" for name in created) or "Every topic is there already.")


@monitor.command("rebuild")
def monitor_rebuild(
    *,
    wait: Annotated[bool, typer.Option(help="Wait until the monitors have read and assessed it all.")] = True,
    as_json: Json = False,
) -> None:
    """Rebuild the monitor's state from the recorded events; findings stand until they are confirmed or withdrawn.

    The monitor of an instance is stopped and started again. On servers of your own, stop all monitors first and start
    them again when this says so. Killed at any point it can be run again.
    """
    from rxguard.output import rebuild_report, work_progress
    from rxguard.rebuild import rebuild as command

    with work_progress(stderr) as progress:
        document = asyncio.run(command(wait=wait, progress=progress, notify=stderr.print))
    if as_json:
        write_json(document)
    else:
        stdout.print(rebuild_report(document))


@app.command()
def ruleset(*, as_json: Json = False) -> None:
    """Name the rules and tables that this version decides by."""
    from rx_clinical import load_catalogue

    catalogue = load_catalogue()
    if as_json:
        write_json({"format": 1, "version": catalogue.ruleset_version, "seq": catalogue.ruleset_seq})
    else:
        stdout.print(f"ruleset {catalogue.ruleset_seq}, content hash {catalogue.ruleset_version}")


def _logs_to_stderr() -> None:
    """Keep what the edge code logs away from stdout, which is for the document."""
    from rx_runtime.telemetry.logs import configure

    configure("rxguard", "error")


def main() -> int:
    """Run the program; returns only with an exit code, and prints no traceback for a failure that can be expected."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what failed is said once, by the error
    try:
        app()
    except Exception as error:
        from rx_embedded import EmbeddedError
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
