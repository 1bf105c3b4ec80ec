"""Server processes: started so that they end with us, stopped with patience, and never left over."""

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
    """The user that a process runs as."""

    uid: int
    gid: int


class Start(TypedDict):
    """How to start a child; left out: as the current user, stopped by SIGTERM, no input, our environment."""

    log: Path
    cwd: Path
    stop_signal: NotRequired[signal.Signals]
    account: NotRequired[Account | None]
    stdin: NotRequired[IO[bytes] | int]
    env: NotRequired[Mapping[str, str] | None]


class Child:
    """One running program, its output in ``log``, in a session of its own so that Ctrl-C reaches only us.

    It gets ``stop_signal`` when the thread that constructs this ends: construct it in the main thread or the event
    loop's, not in a worker thread.
    """

    def __init__(self, command: list[str], **how: Unpack[Start]) -> None:
        account = how.get("account")
        stop_signal = how.get("stop_signal", signal.SIGTERM)
        user = f"{account.uid}:{account.gid}" if account else "-"
        launch = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(stop_signal)), user]
        self.stop_signal = stop_signal
        self.log = how["log"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # programs of this project's own wheels
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
        """None while it runs; negative: ended by that signal."""
        return self._process.poll()

    async def wait(self, timeout_s: float) -> int | None:
        """The exit status, or None if it still runs after that time."""
        await until(lambda: self.exit_status is not None, timeout_s)
        return self.exit_status

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask it to stop and wait; kill it if it has not ended by then, or if the wait is cancelled."""
        if self.exit_status is None:
            self._process.send_signal(self.stop_signal)
            try:
                await self.wait(timeout_s)
            finally:
                if self.exit_status is None:
                    os.killpg(self.pid, signal.SIGKILL)  # with what it started itself
                    self._process.wait()

    def log_tail(self) -> str:
        """The last lines of its output, indented, for an error message."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (no output)"

    def last_words(self) -> str:
        """How it ended, and the end of its output, for an error message."""
        status = "It gave no answer in time" if self.exit_status is None else f"Exit status {self.exit_status}"
        return f"{status}. The end of {self.log}:\n{self.log_tail()}"


async def run_to_end(child: Child, timeout_s: float) -> int | None:
    """The exit status of a program that ends by itself; None (and killed) if it does not within that time."""
    try:
        return await child.wait(timeout_s)
    finally:
        await child.stop(timeout_s=0)


async def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for something that sends no event: a process of whatever event loop, or of none of ours."""
    deadline = time.monotonic() + timeout_s
    while not (met := condition()) and time.monotonic() < deadline:  # noqa: ASYNC110  # no event, as said
        await asyncio.sleep(POLL_S)
    return met


def new_log(path: Path) -> Path:
    """An empty log file; the one of the run before is kept beside it as ``.1``."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return path


def _ticks(pid: int) -> int | None:
    """When that process started, in clock ticks since boot; None if it has ended. Tells a reused pid apart."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else int(after_name[19])


class Children:
    """The server processes of one instance, written down so that the next start can end those that outlived it."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._known: dict[str, dict[str, int | None]] = {}

    def start(self, name: str, command: list[str], **how: Unpack[Start]) -> Child:
        """Start a child and remember it under that name, in place of an earlier one that has ended."""
        child = Child(command, **how)
        self._known[name] = {"pid": child.pid, "started": _ticks(child.pid), "stop_signal": int(child.stop_signal)}
        write_private(self._record, self._known)
        return child

    def forget(self) -> None:
        """All have ended."""
        self._record.unlink(missing_ok=True)

    async def end_left_over(self) -> None:
        """End what an instance before this one left running: its stop signal first, then SIGKILL."""
        for entry in (read_json(self._record) or {}).values():
            await _end(entry["pid"], entry["started"], entry["stop_signal"])
        self.forget()


async def _end(pid: int, started: int | None, stop_signal: int) -> None:
    for signal_number in (stop_signal, signal.SIGKILL):
        if started is None or _ticks(pid) != started:
            return
        os.kill(pid, signal_number)
        await until(lambda: _ticks(pid) != started, STOP_TIMEOUT_S)
