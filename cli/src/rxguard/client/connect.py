"""Which servers the commands speak to: the running instance, or those named by settings."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from rx_embedded import DataFolder, rxguard_home
from rx_runtime.errors import DependencyUnavailable, RxGuardError
from rx_runtime.grpc_server import MAX_MESSAGE_BYTES, REASON, STATUS
from rx_runtime.installation import Installation

SERVICES = ("prescriptions", "monitor", "alerts", "interactions", "compounding")

_CONNECT_TIMEOUT_SECONDS = 3.0
_ERRORS = {status: error for error, status in STATUS.items()}
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


@dataclass(frozen=True)
class Connection(Installation):
    """An installation and the addresses of its services. Nothing is opened until it is used."""

    targets: Mapping[str, str] = field(default_factory=dict)  # host:port of the gRPC server, by service
    metrics: Mapping[str, str] = field(default_factory=dict)  # address of /metrics, by service
    home: str | None = None  # data folder of the running instance; None for servers named by settings

    def target(self, service: str) -> str:
        """Return host:port of a service. Raises DependencyUnavailable NO_TARGET if it is not known."""
        if found := self.targets.get(service):
            return found
        raise DependencyUnavailable(
            "NO_TARGET", f"the address of {service} is not known; set RXGUARD_{service.upper()}_TARGET to its host:port"
        )

    @asynccontextmanager
    async def channel(self, service: str) -> AsyncIterator[grpc.aio.Channel]:
        """Yield a channel to a service, closed afterwards; errors of its calls are those of `translated`."""
        target = self.target(service)
        async with grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS) as channel:
            with translated(service, target):
                yield channel


@contextmanager
def translated(service: str, target: str) -> Iterator[None]:
    """Raise what a gRPC call failed with as the RxGuardError that the service meant."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE and not _reason(error):
            raise DependencyUnavailable(
                "SERVICE_UNREACHABLE",
                f"{service} does not answer at {target}; `rxguard status` says what runs, `rxguard up` starts it",
            ) from error
        kind = _ERRORS.get(error.code(), RxGuardError)
        code = _reason(error) or error.code().name
        raise kind(code, f"{service} answered: {(error.details() or '').removeprefix(f'{code}: ')}") from error


def _reason(error: grpc.aio.AioRpcError) -> str | None:
    """Return the stable code that our services send along, None if the answer is not one of theirs."""
    for key, value in error.trailing_metadata() or ():
        if key == REASON:
            return str(value)
    return None


async def require_kafka(connection: Connection) -> None:
    """Raise DependencyUnavailable KAFKA_UNREACHABLE at once where a service would wait for its broker."""
    if not any(await asyncio.gather(*(_listens(server.strip()) for server in connection.kafka.split(",")))):
        raise DependencyUnavailable(
            "KAFKA_UNREACHABLE",
            f"no Kafka broker answers at {connection.kafka}; start it (`rxguard up` starts an embedded one), "
            "or correct RXGUARD_KAFKA",
        )


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            _reader, writer = await asyncio.open_connection(host, int(port))
    except (OSError, ValueError, TimeoutError):
        return False
    writer.close()
    return True


def connect(environ: Mapping[str, str] | None = None) -> Connection:
    """Return the servers named by `RXGUARD_KAFKA` and `RXGUARD_<SERVICE>_TARGET`, else the instance that runs.

    An instance that itself runs on that broker says where its services are; a target that is named wins.
    Raises DependencyUnavailable NOT_RUNNING if there is neither.
    """
    env = os.environ if environ is None else environ
    home = rxguard_home(env)
    run = DataFolder(home).read_run()
    named = {name: env[key] for name in SERVICES if env.get(key := f"RXGUARD_{name.upper()}_TARGET")}
    kafka = env.get("RXGUARD_KAFKA")
    if run and kafka in (None, "", run["kafka"]):
        connection = from_run(run)
        return Connection(
            connection.kafka, connection.namespace, {**connection.targets, **named}, connection.metrics, str(home)
        )
    if kafka:
        return Connection(kafka, env.get("RXGUARD_NAMESPACE", ""), named)
    raise DependencyUnavailable(
        "NOT_RUNNING",
        f"no RxGuard runs in {home}; start one with `rxguard up` (another terminal, or --detach), "
        "or name your servers with RXGUARD_KAFKA and RXGUARD_PRESCRIPTIONS_TARGET",
    )


def from_run(run: Mapping[str, Any]) -> Connection:
    """Return the servers of an instance, from its `run.json` document."""
    return Connection(
        kafka=run["kafka"],
        namespace=run.get("namespace", ""),
        targets={service["name"]: service["grpc"] for service in run["services"]},
        metrics={service["name"]: service["metrics"] for service in run["services"]},
        home=run["home"],
    )
