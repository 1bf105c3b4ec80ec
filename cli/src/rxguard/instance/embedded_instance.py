"""One running RxGuard: the embedded stack (or servers named by settings) and the five services as child processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rx_contracts.topics import EMBEDDED_PARTITIONS
from rx_embedded import DataFolder, EmbeddedStack, Progress
from rx_embedded.child import Child, Children, new_log
from rx_embedded.ports import HOST, free_ports
from rx_runtime.errors import DependencyUnavailable, ExitCode, InvalidSettings
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

from rxguard.client.connect import SERVICES
from rxguard.client.health import is_serving

WITH_DATABASE = ("prescriptions", "alerts")

_START_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_RESTART_PAUSE_SECONDS = 1.0
_PERMANENT = (ExitCode.SETTINGS, ExitCode.REFUSED)

Notify = Callable[[str], None]
"""Told in a few words what happens, for a person."""


@dataclass(frozen=True)
class Servers:
    """Where Kafka and PostgreSQL answer, and the key that pseudonyms are made with."""

    kafka: str
    postgres: str
    dsn: Callable[[str], str]
    pseudonym_key: str
    namespace: str

    @property
    def installation(self) -> Installation:
        """The broker, and the names of what is on it."""
        return Installation(self.kafka, self.namespace)


@dataclass
class Service:
    """One service process and its addresses, which it keeps over restarts."""

    name: str
    grpc: str
    metrics: str
    env: Mapping[str, str]
    child: Child
    ready: bool = False

    def document(self) -> dict[str, Any]:
        """Return the entry of this service in `run.json`."""
        return {
            "name": self.name,
            "pid": self.child.pid,
            "ready": self.ready,
            "grpc": self.grpc,
            "metrics": f"http://{self.metrics}/metrics",
        }


@asynccontextmanager
async def servers(
    folder: DataFolder, jars: Path, *, fresh: bool, progress: Progress | None
) -> AsyncIterator[tuple[Servers, EmbeddedStack | None]]:
    """Yield the servers named by `RXGUARD_KAFKA` and `RXGUARD_<SERVICE>_POSTGRES_DSN`, else the embedded stack."""
    env = os.environ
    if env.get("RXGUARD_KAFKA"):
        folder.acquire()
        try:
            yield external_servers(env), None
        finally:
            folder.release()
        return
    async with EmbeddedStack(data=folder.path, jars=jars, fresh=fresh, progress=progress) as stack:
        key = stack.folder.secret("pseudonym_key")
        yield Servers(stack.kafka, stack.postgres, stack.dsn, key, ""), stack


def external_servers(env: Mapping[str, str]) -> Servers:
    """Servers named by settings. Raises InvalidSettings EXTERNAL_SERVERS naming what is missing."""
    needed = ["RXGUARD_KAFKA", "RXGUARD_PSEUDONYM_KEY", *(f"RXGUARD_{n.upper()}_POSTGRES_DSN" for n in WITH_DATABASE)]
    if missing := [name for name in needed if not env.get(name)]:
        raise InvalidSettings(
            "EXTERNAL_SERVERS",
            f"RXGUARD_KAFKA is set, so this runs on your own servers; also set {', '.join(missing)}, "
            "or unset RXGUARD_KAFKA to use the embedded ones",
        )
    dsns = {name: env[f"RXGUARD_{name.upper()}_POSTGRES_DSN"] for name in WITH_DATABASE}
    return Servers(
        kafka=env["RXGUARD_KAFKA"],
        postgres="",
        dsn=dsns.__getitem__,
        pseudonym_key=env["RXGUARD_PSEUDONYM_KEY"],
        namespace=env.get("RXGUARD_NAMESPACE", ""),
    )


class Instance:
    """The services of one data folder. `start` brings them up, `watch` restarts one that dies, `stop` ends them."""

    def __init__(self, folder: Path, found: Servers, stack: EmbeddedStack | None, notify: Notify) -> None:
        self.folder = DataFolder(folder)
        self.servers = found
        self.services: dict[str, Service] = {}
        self._stack = stack
        self._notify = notify
        self._children = Children(folder / "services.json")
        self._held: set[str] = set()

    async def start(self, names: tuple[str, ...] = SERVICES) -> None:
        """Create the topics, start the services and wait until each is ready.

        Raises DependencyUnavailable SERVICE_NOT_READY with the end of the log of the service that is not.
        """
        await self._children.end_left_over()
        await apply(self.servers.installation, EMBEDDED_PARTITIONS)
        ports = iter(free_ports(2 * len(SERVICES)))
        addresses = {name: (f"{HOST}:{next(ports)}", f"{HOST}:{next(ports)}") for name in SERVICES}
        for name in names:
            grpc_address, metrics_address = addresses[name]
            env = self._environment(name, grpc_address, metrics_address, addresses["prescriptions"][0])
            log = new_log(self._log(name))
            self.services[name] = Service(name, grpc_address, metrics_address, env, self._launch(name, env, log))
        await asyncio.gather(*(self.wait_ready(service) for service in self.services.values()))
        self.write_run()

    async def wait_ready(self, service: Service) -> None:
        """Wait until the health check of a service says SERVING."""
        for _ in range(int(_START_TIMEOUT_SECONDS / _POLL_SECONDS)):
            if await is_serving(service.grpc):
                service.ready = True
                self._notify(f"{service.name} is ready")
                return
            if service.child.exit_status is not None:
                break
            await asyncio.sleep(_POLL_SECONDS)
        raise DependencyUnavailable("SERVICE_NOT_READY", f"{service.name} did not start. {service.child.last_words()}")

    async def watch(self) -> None:
        """For ever: start a service that ended again, and raise if it refuses to run or a server has died."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._stack:
                self._stack.check()
            for service in self.services.values():
                status = service.child.exit_status
                if status is None:
                    continue
                service.ready = False
                if service.name in self._held or self.folder.is_held(service.name):
                    continue
                if status in _PERMANENT:
                    raise DependencyUnavailable(
                        "SERVICE_REFUSED", f"{service.name} refuses to run. {service.child.last_words()}"
                    )
                self._notify(f"{service.name} ended with {status}; starting it again")
                await asyncio.sleep(_RESTART_PAUSE_SECONDS)
                try:
                    await self.restart(service.name)
                except DependencyUnavailable:
                    if service.child.exit_status is None:
                        raise  # it lives and does not answer; one that ended again is seen in the next round

    async def restart(self, name: str) -> None:
        """Start a service that is not running and wait until it is ready."""
        self._held.discard(name)
        service = self.services[name]
        service.child = self._launch(name, service.env, self._log(name))
        self.write_run()
        await self.wait_ready(service)
        self.write_run()

    def hold(self, name: str) -> None:
        """Do not start this service again by itself until `restart`."""
        self._held.add(name)

    async def stop(self) -> None:
        """Ask every service to stop; kill what does not."""
        await asyncio.gather(*(service.child.stop() for service in self.services.values()))
        self._children.forget()
        self.folder.remove_run()

    def document(self) -> dict[str, Any]:
        """Return the document of `run.json`."""
        return {
            "format": 1,
            "home": str(self.folder.path),
            "pid": os.getpid(),
            "kafka": self.servers.kafka,
            "postgres": self.servers.postgres,
            "namespace": self.servers.namespace,
            "services": [service.document() for service in self.services.values()],
        }

    def write_run(self) -> None:
        """Write `run.json`."""
        self.folder.write_run(self.document())

    def _launch(self, name: str, env: Mapping[str, str], log: Path) -> Child:
        command = [sys.executable, "-m", f"rx_{name}"]
        return self._children.start(name, command, log=log, cwd=self.folder.path, env=env)

    def _log(self, name: str) -> Path:
        folder = self.folder.path / "logs"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.log"

    def _environment(self, name: str, grpc_address: str, metrics_address: str, prescriptions: str) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if not key.endswith("_POSTGRES_DSN")}
        env |= {
            "RXGUARD_KAFKA": self.servers.kafka,
            "RXGUARD_NAMESPACE": self.servers.namespace,
            "RXGUARD_MEMBER": f"{name}-0",
            "RXGUARD_PSEUDONYM_KEY": self.servers.pseudonym_key,
            "RXGUARD_GRPC_ADDRESS": grpc_address,
            "RXGUARD_METRICS_ADDRESS": metrics_address,
            "RXGUARD_PRESCRIPTIONS_TARGET": prescriptions,
        }
        if name in WITH_DATABASE:
            env["RXGUARD_POSTGRES_DSN"] = self.servers.dsn(name)
        return env


@asynccontextmanager
async def running(
    folder: Path, jars: Path, *, notify: Notify, fresh: bool = False, progress: Progress | None = None
) -> AsyncIterator[Instance]:
    """Yield a started instance; everything it started is stopped when the block ends, whatever ends it."""
    async with servers(DataFolder(folder), jars, fresh=fresh, progress=progress) as (found, stack):
        notify(f"Kafka answers at {found.kafka}")
        instance = Instance(folder, found, stack, notify)
        try:
            await instance.start()
            yield instance
        finally:
            await instance.stop()
