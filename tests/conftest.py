"""One embedded stack a run; tests keep apart by namespace: topic prefix, consumer group and database schema."""

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rx_embedded import EmbeddedStack, provision, rxguard_home
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

PSEUDONYM_KEY = "5a" * 32
PARTITIONS = 4
_NUMBERS = itertools.count(1)


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
