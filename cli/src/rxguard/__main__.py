"""The `rxguard` program: what a person types, and the exit code that answers.

0 ok, 1 differences found, 2 usage, 3 input unreadable, 4 dependency unavailable, 130 interrupted.
"""
# ruff: noqa: PLC0415  # errors are imported when one is raised: `rxguard --help` answers in a third of the time

import logging
import sys

import typer

from rxguard.commands import instance, offline, operate, records, results
from rxguard.commands.console import stderr

app = typer.Typer(
    name="rxguard",
    help="Watches pharmacy events for an antagonist that meets an opioid. Decision support, not a device, not advice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
alerts = typer.Typer(no_args_is_help=True, help="Alerts, read back over gRPC.")
app.add_typer(alerts, name="alerts")
topics = typer.Typer(no_args_is_help=True, help="Topics, as the registry says.")
app.add_typer(topics, name="topics")
monitor = typer.Typer(no_args_is_help=True, help="The state of the monitor.")
app.add_typer(monitor, name="monitor")

for command in (
    instance.up,
    instance.down,
    instance.demo,
    records.ingest,
    records.publish,
    results.findings,
    instance.status,
    instance.doctor,
    offline.scenarios,
    offline.backtest,
    offline.explain,
    offline.ruleset,
):
    app.command()(command)
alerts.command("ls")(results.alerts_ls)
topics.command("apply")(operate.topics_apply)
monitor.command("rebuild")(operate.monitor_rebuild)


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
    """Print what happened, where, and what to do next; brackets are printed as they are."""
    stderr.print("error", style="bold red", end=" ")
    stderr.print(f"{message} ({code})", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
