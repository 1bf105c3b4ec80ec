"""One embedded stack a run; tests keep apart by namespace: topic prefix, consumer group and database schema.

A run does not depend on how it is started, and a test that leaves a process, a socket or a loop behind fails itself.
"""

import ctypes
import gc
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rx_embedded import EmbeddedStack, provision, rxguard_home
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

PSEUDONYM_KEY = "5a" * 32
PARTITIONS = 4
_NUMBERS = itertools.count(1)
_PR_SET_CHILD_SUBREAPER = 36
_END_TIMEOUT_SECONDS = 10.0
"""A server whose parent was killed gets its stop signal from the kernel and needs a moment."""


def pytest_configure() -> None:
    """Run as from a terminal, and adopt the processes that the processes of a test leave behind."""
    # A shell starts background jobs with SIGINT ignored, and children inherit that: Ctrl-C could not be tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.fixture(scope="session", autouse=True)
def run_leaves_no_process() -> Iterator[None]:
    """End processes that outlive the fixtures of the run, and fail."""
    before = _children()
    yield
    _refuse_left_over(before)


@pytest.fixture(autouse=True)
def leaves_no_process() -> Iterator[None]:
    """End processes that outlive the test that started them, and fail this test."""
    before = _children()
    yield
    _refuse_left_over(before)


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    """Collect what may still hold a descriptor: its ResourceWarning fails this test, not one that comes much later."""
    before = _descriptor_count()
    yield
    if _descriptor_count() > before:
        gc.collect()


def _refuse_left_over(before: set[int]) -> None:
    deadline = time.monotonic() + _END_TIMEOUT_SECONDS
    while (left := _children() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    commands = []
    for pid in left:
        with suppress(FileNotFoundError, ProcessLookupError):  # ended by now
            commands.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            os.kill(pid, signal.SIGKILL)
    assert not commands, f"left running, and killed now: {commands}"


def _children() -> set[int]:
    """Ids of the processes that this one's main thread started or adopted, without those that have ended."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    return {pid for pid in map(int, listed.read_text().split()) if _runs(pid)} if listed.exists() else set()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _descriptor_count() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) if sys.platform == "linux" else 0


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """Where the stack of this run keeps its data; the database's own user may pass through it."""
    with tempfile.TemporaryDirectory(prefix="rxguard-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[EmbeddedStack]:
    """Real Kafka and PostgreSQL for the whole run; the jars are shared with `rxguard up`."""
    async with EmbeddedStack(data=stack_folder / "data", jars=rxguard_home() / "jars") as running:
        yield running


@pytest.fixture
def namespace() -> str:
    """A name that nothing else in this run uses."""
    return f"t{os.getpid():x}n{next(_NUMBERS)}"


@dataclass(frozen=True)
class StackInstallation(Installation):
    """Topics and schemas of one test on the shared servers."""

    stack: EmbeddedStack = field(kw_only=True)

    def environment(self, service: str) -> dict[str, str]:
        """Settings of a service in this installation."""
        env = {
            "RXGUARD_KAFKA": self.kafka,
            "RXGUARD_NAMESPACE": self.namespace,
            "RXGUARD_PSEUDONYM_KEY": PSEUDONYM_KEY,
        }
        if service in {"prescriptions", "alerts"}:
            env["RXGUARD_POSTGRES_DSN"] = self.stack.dsn(service)
        return os.environ | env


@pytest.fixture
async def installation(stack: EmbeddedStack, namespace: str) -> StackInstallation:
    """A fresh set of topics and schemas."""
    fresh = StackInstallation(stack.kafka, namespace, stack=stack)
    await provision(stack.admin_dsn, fresh)
    await apply(fresh, PARTITIONS)
    return fresh
