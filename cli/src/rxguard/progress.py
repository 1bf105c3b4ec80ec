"""Progress of the one long wait: the first download."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rx_embedded import Progress as Report

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))


def download_progress(console: Console) -> Report:
    """A listener that shows the first download of Kafka's jars, and shows nothing if all are present."""
    progress = Progress(*_COLUMNS, console=console, transient=True)

    def report(done: int, total: int, name: str, size: int) -> None:
        if not progress.tasks:
            progress.add_task("fetching Kafka's jars", total=total, name="")
            progress.start()
        progress.update(progress.task_ids[0], completed=done, name=f"{name} ({size // 1024} KiB)")
        if done == total:
            progress.stop()

    return report
