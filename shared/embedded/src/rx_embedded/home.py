"""Where the embedded stack lives, and who may use it.

``RXGUARD_HOME`` holds the shared ``jars`` and is itself the data folder of ``rxguard up``; other instances
(``demo``, the tests) have data folders of their own. A data folder holds::

    lock            taken for as long as an instance runs; names its process
    run.json        addresses and process ids of the running instance
    secrets.json    passwords and keys, generated once, readable by the owner alone
    children.json   the server processes, so that a next start can end what a crash left over
    NAME.hold       locked by whoever keeps that service stopped for a while
    kafka/  postgres/  logs/

Only what was created here is ever given permissions; existing folders keep theirs.
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rx_embedded.errors import EmbeddedLockedError, UnreachableHomeError

SYSTEM_HOME = Path("/var/lib/rxguard")
CONTENTS = ("kafka", "postgres", "logs", "secrets.json", "run.json", "children.json")
SHARED_FOLDER_MODE = 0o755
PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
LOCK_FILE_MODE = 0o644  # anyone may ask who holds it


def rxguard_home(environ: Mapping[str, str] | None = None) -> Path:
    """``RXGUARD_HOME``, else /var/lib/rxguard for root, else the XDG state folder. Creates nothing."""
    env = os.environ if environ is None else environ
    if chosen := env.get("RXGUARD_HOME"):
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return SYSTEM_HOME
    state = env.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "rxguard"


def shared_folder(path: Path) -> Path:
    """The folder, created with its parents where missing; root creates them so that PostgreSQL's user may enter."""
    if not path.exists():
        shared_folder(path.parent)
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            path.chmod(SHARED_FOLDER_MODE)
    return path


def private_folder(path: Path) -> Path:
    """The folder, created for its owner alone if it is missing."""
    shared_folder(path.parent).joinpath(path.name).mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    return path


def write_private(path: Path, document: object) -> None:
    """Replace a JSON file whole, readable by its owner alone."""
    incoming = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE), "w") as file:  # noqa: PTH123  # a descriptor, not a path
        json.dump(document, file, indent=2)
        file.write("\n")
    incoming.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The document, or None if there is no such file."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return dict(document)


def _taken(lock: int) -> bool:
    """Whether the lock is ours now. A second try follows, as a passing ``holder`` may be looking at it."""
    for pause_s in (0.05, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause_s)
        else:
            return True
    return False


class _HeldError(Exception):
    """Somebody else has locked a file; says which process, as far as the file tells."""


def _take(path: Path) -> int:
    """Lock a file and write our process id into it. Raises _HeldError."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, LOCK_FILE_MODE)
    if not _taken(lock):
        holder = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        raise _HeldError(holder)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _holder(path: Path) -> int | None:
    """Process id of whoever has locked the file; None if nobody has, or if there is no such file."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(lock, 20) or b"0")
    else:
        return None
    finally:
        os.close(lock)


class DataFolder:
    """One instance's folder: at most one process holds it (``acquire`` to ``release``)."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def acquire(self) -> None:
        """Take the folder, creating it if it is missing.

        Raises EmbeddedLockedError if another instance holds it, UnreachableHomeError if it cannot be written.
        """
        try:
            shared_folder(self.path)
            self._lock = _take(self.path / "lock")
        except _HeldError as held:
            raise EmbeddedLockedError(
                f"another RxGuard instance (process {held}) uses {self.path}",
                fix="Stop it with `rxguard down` (or Ctrl-C where it runs), or name another folder in RXGUARD_HOME.",
            ) from None
        except OSError as error:
            raise self._unusable(error) from error
        self.remove_run()  # of an instance that was killed: its addresses must not pass for ours

    def _unusable(self, error: OSError) -> UnreachableHomeError:
        return UnreachableHomeError(
            f"{self.path} cannot be used by this user: {error.strerror}", fix="Name another folder in RXGUARD_HOME."
        )

    def release(self) -> None:
        """Give the folder back; without effect if it is not held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """Process id of the instance that holds the folder now, this one included; None if nobody does.

        Raises UnreachableHomeError if this user may not ask.
        """
        try:
            return _holder(self.path / "lock")
        except OSError as error:
            raise self._unusable(error) from error

    @contextmanager
    def hold(self, service: str) -> Iterator[Callable[[], None]]:
        """While the block runs, the instance here does not start this service again, unless what is yielded is called.

        A holder that is killed holds no more.
        Raises EmbeddedLockedError if another process does so already.
        """
        try:
            lock = _take(self.path / f"{service}.hold")
        except _HeldError as held:
            raise EmbeddedLockedError(
                f"process {held} already keeps the {service} of {self.path} stopped", fix="Wait until it is done."
            ) from None
        try:
            yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)
        finally:
            os.close(lock)

    def is_held(self, service: str) -> bool:
        """Whether somebody keeps this service stopped."""
        return _holder(self.path / f"{service}.hold") is not None

    def empty(self) -> None:
        """Delete everything an instance keeps here; the lock and anything of others stays."""
        for name in CONTENTS:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """A password or key of that name: 64 hex digits, generated at the first call and kept."""
        path = self.path / "secrets.json"
        known = read_json(path) or {}
        if name not in known:
            known[name] = secrets.token_hex(32)
            write_private(path, known)
        return str(known[name])

    def write_run(self, run: Mapping[str, object]) -> None:
        """Keep the addresses and process ids of the running instance as run.json."""
        write_private(self.path / "run.json", dict(run))

    def read_run(self) -> dict[str, Any] | None:
        """run.json of the instance that runs now; None if none runs (a stale file does not count)."""
        return read_json(self.path / "run.json") if self.holder() is not None else None

    def remove_run(self) -> None:
        """Delete run.json."""
        (self.path / "run.json").unlink(missing_ok=True)
