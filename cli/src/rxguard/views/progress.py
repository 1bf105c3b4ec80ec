"""Progress of long work on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rx_embedded import Progress as Report

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))


def download_progress(console: Console) -> Report:
    """Return a listener that shows the first download of Kafka's jars, and shows nothing if all are present."""
    progress = Progress(*_COLUMNS, console=console, transient=True)

    def report(done: int, total: int, name: str, size: int) -> None:
        if not progress.tasks:
            progress.add_task("fetching Kafka's jars", total=total, name="")
            progress.start()
        progress.update(progress.task_ids[0], completed=done, name=f"{name} ({size // 1024} KiB)")
        if done == total:
            progress.stop()

    return report


@contextmanager
def work_progress(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show one progress bar for each kind of work on a terminal; show nothing elsewhere."""
    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def report(doing: str, done: int, total: int | None) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=total)
            progress.update(tasks[doing], completed=done, total=total)

        yield report
