"""What every command shares: consoles, common options, JSON on stdout, exit codes."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

EXIT_DIFFERENCES = 1

stderr = Console(stderr=True)
stdout = Console()

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


def log_to_stderr() -> None:
    """Keep what the edge code logs away from stdout, which is for the document."""
    from rx_runtime.telemetry.logs import configure  # noqa: PLC0415  # the commands that log nothing start without it

    configure("rxguard", "error")
