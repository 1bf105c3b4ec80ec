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
EXIT_CRASHED = 70

app = typer.Typer(
    name="rxguard",
    help="Watches pharmacy events for an antagonist that meets an opioid. Decision support, not a device, not advice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
stderr = Console(stderr=True)
stdout = Console()

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, all else on stderr.")]


def write_json(document: Any) -> None:  # noqa: ANN401  # any JSON document
    """One document on stdout, on one line."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


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
