"""Commands that need no server: scenarios, backtest, explain, ruleset."""
# ruff: noqa: PLC0415  # a command imports what it needs when it runs: `rxguard --help` answers in a third of the time

import time
from pathlib import Path
from typing import Annotated

import typer

from rxguard.commands.arguments import finding_prefix, hex_prefix
from rxguard.commands.console import Json, SiteId, Source, exit_if, log_to_stderr, stderr, stdout, write_json

VERSIONS_COMPARED = 2


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

    from rxguard.client.records import check_readable
    from rxguard.scenarios.run import ScenarioFileError, run_scenarios
    from rxguard.views.scenarios import scenarios_report

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
    from rxguard.recordings.backtest import backtest as command
    from rxguard.recordings.reading import require_events
    from rxguard.views.backtest import backtest_report
    from rxguard.views.common import site_registry
    from rxguard.views.progress import work_progress

    if len(rules) != VERSIONS_COMPARED:
        raise typer.BadParameter("give it exactly twice, A then B", param_hint="--rules")
    log_to_stderr()
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
    from rxguard.recordings.explain import explain as command
    from rxguard.recordings.reading import require_events
    from rxguard.views.common import site_registry
    from rxguard.views.explain import candidates, explanation, findings_to_choose
    from rxguard.views.progress import work_progress

    if curve and finding is None:
        raise typer.BadParameter("needs --finding: it is drawn for one finding", param_hint="--curve")
    log_to_stderr()
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
            stderr.print(candidates([found.to_json() for found in meant or assessed.found]))
            raise typer.BadParameter(f"{len(meant):,} findings begin with {finding}", param_hint="--finding")
        document = assessed.whole(meant[0])
        shown = explanation(document, curve=curve)
    if as_json:
        write_json(document)
    else:
        stdout.print(shown)
    require_events(document)


def ruleset(*, as_json: Json = False) -> None:
    """Name the rules and tables that this version decides by."""
    from rx_clinical import load_catalogue

    catalogue = load_catalogue()
    if as_json:
        write_json({"format": 1, "version": catalogue.ruleset_version, "seq": catalogue.ruleset_seq})
    else:
        stdout.print(f"ruleset {catalogue.ruleset_seq}, content hash {catalogue.ruleset_version}")
