"""Locate the files of the embedded stack, and lock them.

``RXGUARD_HOME`` holds the shared ``jars`` and is the data folder of ``rxguard up``. Other instances (``demo``, the
tests) have their own data folders. A data folder holds::

    lock            locked while an instance runs; contains its process id
    run.json        addresses and process ids of the running instance
    secrets.json    passwords and keys, generated once, readable only by the owner
    children.json   the server processes, so that the next start can end those that a crash left running
    NAME.hold       locked by the process that keeps that service stopped
    kafka/  postgres/  logs/

Permissions are set only on what this module creates; existing folders keep theirs.
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
LOCK_FILE_MODE = 0o644  # every user may query the holder


def rxguard_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return ``RXGUARD_HOME``, else /var/lib/rxguard for root, else the XDG state folder. Creates nothing."""
    env = os.environ if environ is None else environ
    if chosen := env.get("RXGUARD_HOME"):
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return SYSTEM_HOME
    state = env.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "rxguard"


def shared_folder(path: Path) -> Path:
    """Create the folder and its parents if missing (by root: accessible to PostgreSQL's user); return it."""
    if not path.exists():
        shared_folder(path.parent)
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            path.chmod(SHARED_FOLDER_MODE)
    return path


def private_folder(path: Path) -> Path:
    """Create the folder, accessible only to its owner, if it is missing; return it."""
    shared_folder(path.parent).joinpath(path.name).mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    return path


def write_private(path: Path, document: object) -> None:
    """Replace a JSON file atomically, readable only by its owner."""
    incoming = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE), "w") as file:  # noqa: PTH123  # a descriptor, not a path
        json.dump(document, file, indent=2)
        file.write("\n")
    incoming.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the document, or None if there is no such file."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return dict(document)


def _taken(lock: int) -> bool:
    """Return whether we got the lock. Tries twice, because ``holder`` locks the file for a moment."""
    for pause_s in (0.05, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause_s)
        else:
            return True
    return False


class _HeldError(Exception):
    """Another process has locked a file; carries its process id, or `unknown`."""


def _take(path: Path) -> int:
    """Lock a file and write our process id into it; return the descriptor. Raises _HeldError."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, LOCK_FILE_MODE)
    if not _taken(lock):
        holder = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        raise _HeldError(holder)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _holder(path: Path) -> int | None:
    """Return the process id of the holder of the lock; None if it is free or there is no such file."""
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
    """Data folder of one instance, held by at most one process (``acquire`` to ``release``)."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def acquire(self) -> None:
        """Lock the folder; create it if it is missing.

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
        self.remove_run()  # left by a killed instance: its addresses are not ours

    def _unusable(self, error: OSError) -> UnreachableHomeError:
        return UnreachableHomeError(
            f"{self.path} cannot be used by this user: {error.strerror}", fix="Name another folder in RXGUARD_HOME."
        )

    def release(self) -> None:
        """Unlock the folder; does nothing if it is not held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """Return the process id of the instance that holds the folder, this one included; None if it is free.

        Raises UnreachableHomeError if this user may not read the lock.
        """
        try:
            return _holder(self.path / "lock")
        except OSError as error:
            raise self._unusable(error) from error

    @contextmanager
    def hold(self, service: str) -> Iterator[Callable[[], None]]:
        """Keep the instance from restarting this service while the block runs; the yielded function ends that early.

        The lock ends with the process that holds it.
        Raises EmbeddedLockedError if another process holds it.
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
        """Return whether a process keeps this service stopped."""
        return _holder(self.path / f"{service}.hold") is not None

    def empty(self) -> None:
        """Delete everything that an instance keeps here; keep the lock and foreign files."""
        for name in CONTENTS:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """Return the secret of that name, 64 hex digits; generate and store it at the first call."""
        path = self.path / "secrets.json"
        known = read_json(path) or {}
        if name not in known:
            known[name] = secrets.token_hex(32)
            write_private(path, known)
        return str(known[name])

    def write_run(self, run: Mapping[str, object]) -> None:
        """Write the addresses and process ids of the running instance to run.json."""
        write_private(self.path / "run.json", dict(run))

    def read_run(self) -> dict[str, Any] | None:
        """Return run.json of the running instance; None if none runs, even if a stale file exists."""
        return read_json(self.path / "run.json") if self.holder() is not None else None

    def remove_run(self) -> None:
        """Delete run.json."""
        (self.path / "run.json").unlink(missing_ok=True)
