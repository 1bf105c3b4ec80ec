"""`rxguard up` and `rxguard down`: the embedded stack and the five services."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rx_embedded import DataFolder, rxguard_home
from rx_runtime.errors import DependencyUnavailable

from rxguard.instance.embedded_instance import Instance, running
from rxguard.views.instance import services_table
from rxguard.views.progress import download_progress

_DETACH_TIMEOUT_SECONDS = 300.0
_DOWN_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1


async def up(*, fresh: bool, as_json: bool, console: Console) -> None:
    """Start an instance in `RXGUARD_HOME` and stay until SIGINT or SIGTERM; then stop it."""
    life = asyncio.create_task(_live(fresh=fresh, as_json=as_json, console=console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, life.cancel)
    try:
        await life
    except asyncio.CancelledError:
        console.log("stopped; the data is kept")


async def _live(*, fresh: bool, as_json: bool, console: Console) -> None:
    home = rxguard_home()
    progress = download_progress(console)
    async with running(home, home / "jars", notify=console.log, fresh=fresh, progress=progress) as instance:
        _announce(instance, as_json=as_json, console=console)
        await instance.watch()


def _announce(instance: Instance, *, as_json: bool, console: Console) -> None:
    run = instance.document()
    if as_json:
        sys.stdout.write(json.dumps(run) + "\n")
        sys.stdout.flush()
        return
    console.print(services_table(run))
    console.print("Ctrl-C stops it. In another terminal: rxguard status, rxguard ingest FILE, rxguard alerts ls")


def up_detached(*, fresh: bool, as_json: bool, console: Console) -> None:
    """Start an instance in the background and return when every service is ready.

    Raises DependencyUnavailable START_FAILED with the end of its output if it does not come up.
    """
    folder = DataFolder(rxguard_home())
    folder.acquire()  # refuses a second instance here, with its message, rather than in the background
    folder.release()
    log = folder.path / "up.log"
    command = [sys.executable, "-m", "rxguard", "up", *(["--fresh"] if fresh else [])]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # this program
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    deadline = time.monotonic() + _DETACH_TIMEOUT_SECONDS
    while (run := _ready_run(folder)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            raise DependencyUnavailable("START_FAILED", f"RxGuard did not come up; the end of {log}:\n{_tail(log)}")
        time.sleep(_POLL_SECONDS)
    if as_json:
        sys.stdout.write(json.dumps(run) + "\n")
    else:
        console.print(services_table(run))
        console.print("It runs in the background; `rxguard down` stops it.")


def down(console: Console) -> None:
    """Stop the instance in `RXGUARD_HOME`; nothing to do if none runs."""
    folder = DataFolder(rxguard_home())
    holder = folder.holder()
    if holder is None:
        console.print("RxGuard is not running.")
        return
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_TIMEOUT_SECONDS
    while folder.holder() is not None:
        if time.monotonic() > deadline:
            raise DependencyUnavailable(
                "STOP_TIMEOUT",
                f"process {holder} has not stopped in {_DOWN_TIMEOUT_SECONDS:.0f} s; look at its terminal",
            )
        time.sleep(_POLL_SECONDS)
    console.print("RxGuard has stopped; its data is kept.")


def _ready_run(folder: DataFolder) -> dict[str, Any] | None:
    run = folder.read_run()
    return run if run and all(service["ready"] for service in run["services"]) else None


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:])
