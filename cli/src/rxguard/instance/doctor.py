"""`rxguard doctor`: what could be wrong, one check each, and how to mend it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_embedded import rxguard_home
from rx_embedded.jars import pinned_jars, sha256_of
from rx_runtime.errors import DependencyUnavailable, RxGuardError
from rx_runtime.kafka import topics

from rxguard.client.connect import SERVICES, Connection, connect, require_kafka
from rxguard.client.status import extents, monitor_progress, service_states

_PYTHON_FROM, _PYTHON_BELOW = (3, 11), (3, 14)
_DEAD_LETTERS = "rx.inbound.v1.dlq"
_MOST_CODES = 1_000


@dataclass(frozen=True)
class Check:
    """One thing looked at. `fix` is None where there is nothing to do."""

    id: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None


async def doctor(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the document of `rxguard doctor --json`. Without an instance, check what can be checked."""
    env = os.environ if environ is None else environ
    home = rxguard_home(env)
    checks = [python_check(sys.version_info[:2]), home_check(home)]
    try:
        connection = connect(env)
    except DependencyUnavailable as error:
        what, _, fix = error.message.partition("; ")
        checks += [await asyncio.to_thread(jars_check, home / "jars"), Check("instance", "warn", what, fix)]
    else:
        if (home / "jars").exists():  # the demo's instance uses those of the home folder above it
            checks.append(await asyncio.to_thread(jars_check, home / "jars"))
        checks += await _instance_checks(connection)
    return {
        "format": 1,
        "ok": all(check.status != "fail" for check in checks),
        "checks": [asdict(check) for check in checks],
    }


def python_check(version: tuple[int, ...]) -> Check:
    """Whether this Python is one that RxGuard runs on."""
    named = ".".join(map(str, version))
    if _PYTHON_FROM <= version < _PYTHON_BELOW:
        return Check("python", "ok", f"Python {named}")
    return Check("python", "fail", f"Python {named} is not supported", "use Python 3.11, 3.12 or 3.13")


def home_check(home: Path) -> Check:
    """Whether the home folder, or the folder it would be created in, can be written."""
    folder = home
    while not folder.exists():
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Check("home", "ok", f"{home} can be written")
    return Check("home", "fail", f"{folder} cannot be written by this user", "name another folder in RXGUARD_HOME")


def jars_check(folder: Path) -> Check:
    """Whether Kafka's jars are there, each the one that was pinned."""
    jars = pinned_jars()
    missing = [jar.file_name for jar in jars if not (folder / jar.file_name).exists()]
    present = [jar for jar in jars if jar.file_name not in missing]
    wrong = [jar.file_name for jar in present if sha256_of(folder / jar.file_name) != jar.sha256]
    if wrong:
        return Check(
            "jars",
            "warn",
            f"{len(wrong)} of {len(jars)} are not the pinned ones: {', '.join(wrong)}",
            "the next start fetches them again",
        )
    if missing:
        fix = "the next start fetches them: it needs the network once (45 MB, Maven Central)"
        return Check("jars", "warn", f"{len(missing)} of {len(jars)} are not in {folder}", fix)
    return Check("jars", "ok", f"all {len(jars)} in {folder}, each with its pinned SHA-256")


async def _instance_checks(connection: Connection) -> list[Check]:
    where = connection.home or "servers named by settings"
    checks = [Check("instance", "ok", f"{where}, Kafka at {connection.kafka}"), await _kafka_check(connection)]
    if checks[-1].status == "ok":
        checks += [await _topics_check(connection)]
    if checks[-1].status == "ok":
        checks += await _reading_checks(connection)
    return [*checks, *await _service_checks(connection), await _uncoded_check(connection)]


async def _kafka_check(connection: Connection) -> Check:
    try:
        await require_kafka(connection)
    except DependencyUnavailable as error:
        return Check("kafka", "fail", error.message, "start the broker; `rxguard up` starts the embedded one")
    return Check("kafka", "ok", f"{connection.kafka} answers")


async def _topics_check(connection: Connection) -> Check:
    try:
        n = await topics.verify(connection)
    except RxGuardError as error:
        return Check("topics", "fail", error.message, "rxguard topics apply")
    return Check("topics", "ok", f"every topic is as the registry says, {n} partitions of patients")


async def _reading_checks(connection: Connection) -> list[Check]:
    held = await extents(connection)
    behind = sum(partition["behind"] for partition in await monitor_progress(connection, held))
    refused = sum(extent.end - extent.begin for extent in held[_DEAD_LETTERS].values())
    return [monitor_check(behind), dead_letters_check(refused)]


def monitor_check(behind: int) -> Check:
    """Whether the monitor has passed every event."""
    if not behind:
        return Check("monitor_progress", "ok", "the monitor has passed every event")
    fix = "wait if it falls; if it does not, read the log of the monitor"
    return Check("monitor_progress", "warn", f"{behind} events are PENDING: stored, not checked", fix)


def dead_letters_check(refused: int) -> Check:
    """Whether entries were refused in the time that the dead-letter topic keeps."""
    if not refused:
        return Check("dead_letters", "ok", "nothing was refused")
    fix = f"the headers of {_DEAD_LETTERS} say why; correct it at the source and send it again"
    return Check("dead_letters", "warn", f"{refused} refused entries are kept, none of them is checked", fix)


async def _service_checks(connection: Connection) -> list[Check]:
    states = {state["name"]: state["ready"] for state in await service_states(connection)}
    return [service_check(name, ready=states.get(name), home=connection.home) for name in SERVICES]


def service_check(name: str, *, ready: bool | None, home: str | None) -> Check:
    """Whether a service answers; `ready` is None if its address is not known."""
    if ready is None:
        fix = f"set RXGUARD_{name.upper()}_TARGET to its host:port"
        return Check(f"service_{name}", "warn", f"the address of {name} is not known, so it was not asked", fix)
    if ready:
        return Check(f"service_{name}", "ok", f"{name} is ready")
    log = f"read {home}/logs/{name}.log" if home else f"read the log of {name}"
    return Check(f"service_{name}", "fail", f"{name} does not answer or is not ready", log)


async def _uncoded_check(connection: Connection) -> Check:
    request = prescriptions_pb2.ListUncodedProductsRequest(page_size=_MOST_CODES)
    try:
        async with connection.channel("prescriptions") as channel:
            answer = await prescriptions_pb2_grpc.PrescriptionServiceStub(channel).ListUncodedProducts(request)
    except RxGuardError as error:
        return Check("uncoded_products", "warn", f"not known: {error.message}")
    return uncoded_check(len(answer.products), sum(product.count for product in answer.products))


def uncoded_check(codes: int, events: int) -> Check:
    """Whether products without a known code wait for a person."""
    if not codes:
        return Check("uncoded_products", "ok", "every product has a known code")
    more = " or more" if codes == _MOST_CODES else ""
    return Check(
        "uncoded_products",
        "warn",
        f"{codes}{more} product codes in {events} events are in no table: NOT_ASSESSED",
        "correct the codes at the source, or add the products to the drug table",
    )
