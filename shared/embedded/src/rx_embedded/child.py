"""Start and stop server processes that end with this process and are never left running."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NotRequired, TypedDict, Unpack

from rx_embedded.home import read_json, write_private

LAUNCH = Path(__file__).with_name("launch.py")
POLL_S = 0.02
STOP_TIMEOUT_S = 15.0
LOG_TAIL_LINES = 15
FIX_DATA = "If the data folder is damaged, start with --fresh to empty it (what it holds is lost)."


@dataclass(frozen=True, slots=True)
class Account:
    """User that a process runs as."""

    uid: int
    gid: int


class Start(TypedDict):
    """Options of a child. Defaults: the current user, stopped by SIGTERM, no input, our environment."""

    log: Path
    cwd: Path
    stop_signal: NotRequired[signal.Signals]
    account: NotRequired[Account | None]
    stdin: NotRequired[IO[bytes] | int]
    env: NotRequired[Mapping[str, str] | None]


class Child:
    """One running program with its output in ``log``, in its own session so that Ctrl-C reaches only this process.

    The kernel sends it ``stop_signal`` when the thread that constructed it ends: construct it in the main thread or the
    thread of the event loop, not in a worker thread.
    """

    def __init__(self, command: list[str], **how: Unpack[Start]) -> None:
        account = how.get("account")
        stop_signal = how.get("stop_signal", signal.SIGTERM)
        user = f"{account.uid}:{account.gid}" if account else "-"
        launch = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(stop_signal)), user]
        self.stop_signal = stop_signal
        self.log = how["log"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # programs of our pinned wheels
                [*launch, *command],
                cwd=how["cwd"],
                stdin=how.get("stdin", subprocess.DEVNULL),
                env=how.get("env"),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Return the exit status; None while it runs, negative if a signal ended it."""
        return self._process.poll()

    async def wait(self, timeout_s: float) -> int | None:
        """Return the exit status, or None if it still runs after that time."""
        await until(lambda: self.exit_status is not None, timeout_s)
        return self.exit_status

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Send the stop signal and wait; kill it if it has not exited by then, or if the wait is cancelled."""
        if self.exit_status is None:
            self._process.send_signal(self.stop_signal)
            try:
                await self.wait(timeout_s)
            finally:
                if self.exit_status is None:
                    os.killpg(self.pid, signal.SIGKILL)  # including its own children
                    self._process.wait()

    def log_tail(self) -> str:
        """Return the last lines of its output, indented, for an error message."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (no output)"

    def last_words(self) -> str:
        """Return how it ended and the end of its output, for an error message."""
        status = "It gave no answer in time" if self.exit_status is None else f"Exit status {self.exit_status}"
        return f"{status}. The end of {self.log}:\n{self.log_tail()}"


async def run_to_end(child: Child, timeout_s: float) -> int | None:
    """Return the exit status of a program that ends by itself; kill it and return None after that time."""
    try:
        return await child.wait(timeout_s)
    finally:
        await child.stop(timeout_s=0)


async def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until the condition holds; return whether it did. For conditions without an event, such as process exit."""
    deadline = time.monotonic() + timeout_s
    while not (holds := condition()) and time.monotonic() < deadline:  # noqa: ASYNC110  # there is no event
        await asyncio.sleep(POLL_S)
    return holds


def new_log(path: Path) -> Path:
    """Return the path of a new log file; rename the one of the previous run to ``.1``."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return path


def _ticks(pid: int) -> int | None:
    """Return the start time in clock ticks since boot, which identifies a reused pid; None if the process has ended."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else int(after_name[19])


class Children:
    """Server processes of one instance, recorded in a file so that the next start can end those that outlived it."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._known: dict[str, dict[str, int | None]] = {}

    def start(self, name: str, command: list[str], **how: Unpack[Start]) -> Child:
        """Start a child and record it under that name, replacing an earlier one that has ended."""
        child = Child(command, **how)
        self._known[name] = {"pid": child.pid, "started": _ticks(child.pid), "stop_signal": int(child.stop_signal)}
        write_private(self._record, self._known)
        return child

    def forget(self) -> None:
        """Delete the record: all children have ended."""
        self._record.unlink(missing_ok=True)

    async def end_left_over(self) -> None:
        """End the recorded processes of an earlier instance: stop signal first, then SIGKILL."""
        for entry in (read_json(self._record) or {}).values():
            await _end(entry["pid"], entry["started"], entry["stop_signal"])
        self.forget()


async def _end(pid: int, started: int | None, stop_signal: int) -> None:
    for signal_number in (stop_signal, signal.SIGKILL):
        if started is None or _ticks(pid) != started:
            return
        os.kill(pid, signal_number)
        await until(lambda: _ticks(pid) != started, STOP_TIMEOUT_S)
