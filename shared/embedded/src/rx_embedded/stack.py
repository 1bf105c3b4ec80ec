"""Run Kafka and PostgreSQL together for the duration of an ``async with`` block."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Self

from rx_runtime.installation import Installation

from rx_embedded.child import Child, Children
from rx_embedded.errors import ServerDiedError
from rx_embedded.home import DataFolder
from rx_embedded.jars import Progress, obtain_jars
from rx_embedded.kafka import Kafka
from rx_embedded.postgres import ADMIN, Postgres, provision


class EmbeddedStack:
    """Real servers on free loopback ports, with persistent data in ``data``.

    ``jars`` is shared by instances and kept: Kafka's jars and, for root, PostgreSQL's programs. ``fresh`` empties the
    data folder first. ``progress`` is called during the first download. ``group_wait_ms``: see Kafka.
    Entering raises an EmbeddedError. Both servers stop when the block ends, and also when this process is killed.
    Enter it in the main thread: the servers end with the thread that started them.
    """

    def __init__(
        self,
        *,
        data: Path,
        jars: Path,
        fresh: bool = False,
        progress: Progress | None = None,
        group_wait_ms: int = 0,
    ) -> None:
        self.folder = DataFolder(data)
        self._jars = jars.resolve()  # so that the database's user needs no access to the link
        self._fresh = fresh
        self._progress = progress
        self._group_wait_ms = group_wait_ms
        self._children = Children(self.folder.path / "children.json")
        self._kafka: Kafka | None = None
        self._postgres: Postgres | None = None

    @property
    def kafka(self) -> str:
        """Return host:port of the broker."""
        if self._kafka is None:
            raise _not_started()
        return self._kafka.address

    @property
    def postgres(self) -> str:
        """Return host:port of the database server."""
        return self._database.address

    @property
    def admin_dsn(self) -> str:
        """Return the DSN of the superuser, with password; keep it out of logs."""
        return self.dsn(ADMIN)

    def dsn(self, service: str) -> str:
        """Return the DSN of that service's role, with password; keep it out of logs."""
        return self._database.dsn(service)

    @property
    def _database(self) -> Postgres:
        if self._postgres is None:
            raise _not_started()
        return self._postgres

    @property
    def children(self) -> dict[str, Child]:
        """Return the running servers by name."""
        servers = {"kafka": self._kafka, "postgres": self._postgres}
        return {name: server.child for name, server in servers.items() if server and server.child}

    def check(self) -> None:
        """Raise ServerDiedError if a server has ended since the start."""
        for name, child in self.children.items():
            if child.exit_status is not None:
                raise ServerDiedError(
                    f"{name} has ended. {child.last_words()}",
                    fix="Start again: acknowledged data is kept.",
                )

    async def __aenter__(self) -> Self:
        self.folder.acquire()
        try:
            await self._children.end_left_over()
            if self._fresh:
                await asyncio.to_thread(self.folder.empty)
            await _both(self._start_kafka(), self._start_postgres())
            await provision(self.admin_dsn, Installation(self.kafka))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start_kafka(self) -> None:
        jars = await obtain_jars(self._jars, self._progress)
        self._kafka = Kafka(self.folder.path / "kafka", jars, self._children, group_wait_ms=self._group_wait_ms)
        await self._kafka.start()

    async def _start_postgres(self) -> None:
        self._postgres = Postgres(
            self.folder.path / "postgres", programs=self._jars, secret=self.folder.secret, children=self._children
        )
        await self._postgres.start()

    async def _stop(self) -> None:
        servers = [server for server in (self._kafka, self._postgres) if server]
        try:
            await asyncio.gather(*(server.stop() for server in servers))
            self._children.forget()
        finally:
            self.folder.release()


def _not_started() -> RuntimeError:
    return RuntimeError("the stack has not been started: use `async with`")


async def _both(*starts: Coroutine[None, None, None]) -> None:
    """Run them concurrently; if one fails, cancel the others before raising its error."""
    tasks = [asyncio.create_task(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
