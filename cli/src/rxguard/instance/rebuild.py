"""`rxguard monitor rebuild`: rebuild the monitor's state from the event log, on the servers of the installation."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_embedded import DataFolder, rxguard_home
from rx_monitor.operations.rebuild import ClearedState, clear_state, wait_until_no_members
from rx_runtime.errors import DependencyUnavailable

from rxguard.client.connect import Connection, connect, require_kafka
from rxguard.client.delivery import Patience, Progress, progress_consumer, silent
from rxguard.client.findings import current_sets
from rxguard.instance.embedded_instance import Instance, servers

_LEAVE_TIMEOUT_SECONDS = 20.0  # the broker counts a member that was killed for another 10 s
_STALL_SECONDS = 60.0

Notify = Callable[[str], None]
"""Called with a short progress text for a person."""


async def rebuild(*, wait: bool, progress: Progress = silent, notify: Notify = print) -> dict[str, Any]:
    """Clear the state, start the monitor again if it is ours; return the document of `rxguard monitor rebuild --json`.

    `wait`: until the rebuild is complete. Raises DependencyUnavailable NOT_RUNNING or MONITOR_STALLED, and what
    `clear_state` raises.
    """
    async with _monitor_stopped(notify) as (connection, start_again):
        await require_kafka(connection)
        cleared = await clear_state(connection, progress)
        notify(f"the state is cleared; {count_events(cleared):,} events are to be read again")
        started = await start_again()
        if wait and not started:
            notify("start the monitors again; this waits until they have read and assessed it all")
        rebuilt = wait and await _until_rebuilt(connection, cleared, progress, patient=not started)
        return await _document(connection, cleared, rebuilt=rebuilt)


def count_events(cleared: ClearedState) -> int:
    """Return the number of events to replay."""
    return sum(map(len, cleared.events.values()))


@asynccontextmanager
async def _monitor_stopped(notify: Notify) -> AsyncIterator[tuple[Connection, Callable[[], Any]]]:
    """Yield the installation with its monitor stopped, and a function that starts it; False if that is not ours to do.

    Uses the running instance, else the servers named by settings, else the embedded servers with a monitor alone.
    """
    folder = DataFolder(rxguard_home())
    try:
        connection = connect()
    except DependencyUnavailable:
        if not (folder.path / "kafka").exists():
            raise
        async with _monitor_alone(folder, notify) as alone:
            yield alone
        return
    if connection.home is None:
        yield connection, _left_to_others
        return
    with folder.hold("monitor") as release:
        notify("stopping the monitor of the running instance")
        await _stop_monitor(folder, connection)

        async def start_again() -> bool:
            release()
            return True

        yield connection, start_again


async def _left_to_others() -> bool:
    return False


async def _stop_monitor(folder: DataFolder, connection: Connection) -> None:
    """Stop the instance's monitor and wait until it has left the group; `clear_state` refuses if another is alive."""
    run = folder.read_run() or {"services": []}
    for service in run["services"]:
        if service["name"] == "monitor":
            with suppress(ProcessLookupError):
                os.kill(service["pid"], signal.SIGTERM)
    await _until_left(connection)


async def _until_left(connection: Connection) -> None:
    """Wait for the session of the instance's monitor to time out: a static member could rejoin until then."""
    await wait_until_no_members(connection, _LEAVE_TIMEOUT_SECONDS)


@asynccontextmanager
async def _monitor_alone(folder: DataFolder, notify: Notify) -> AsyncIterator[tuple[Connection, Callable[[], Any]]]:
    """Run the embedded servers until the block ends; yield them, and a function that starts a monitor on them."""
    notify("no instance runs: starting the embedded servers for the rebuild")
    async with servers(folder, folder.path / "jars", fresh=False, progress=None) as (found, stack):
        instance = Instance(folder.path, found, stack, notify)
        try:

            async def start_again() -> bool:
                await instance.start(("monitor",))
                return True

            connection = Connection(found.kafka, found.namespace)
            await _until_left(connection)
            yield connection, start_again
        finally:
            await instance.stop()


async def _until_rebuilt(connection: Connection, cleared: ClearedState, progress: Progress, *, patient: bool) -> bool:
    """Wait until every partition is replayed and assessed; return True.

    Raises DependencyUnavailable MONITOR_STALLED without progress for a minute, unless `patient` (others start it).
    """
    patience = Patience(
        float("inf") if patient else _STALL_SECONDS,
        "MONITOR_STALLED",
        f"the monitor has come no further for {_STALL_SECONDS:.0f} s; its log says why; the rebuild goes on with it",
    )
    total, most = count_events(cleared), 0
    newest: dict[int, MonitorProgress] = {}
    async with progress_consumer(connection) as consumer:
        while not _done(newest, cleared):
            before = dict(newest)
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    report = MonitorProgress.FromString(record.value)
                    if report.build == cleared.state_epoch and report.ruleset_seq:
                        newest[report.partition] = report
            if newest != before:
                patience.progressed()
            patience.check()
            progress("reading", sum(_read(held, newest.get(number)) for number, held in cleared.events.items()), total)
            due = sum(report.unassessed_patients for report in newest.values())
            most = max(most, due)
            progress("assessing", most - due, most)
    return True


def _done(newest: Mapping[int, MonitorProgress], cleared: ClearedState) -> bool:
    return newest.keys() >= cleared.events.keys() and not any(report.HasField("rebuild") for report in newest.values())


def _read(held: range, report: MonitorProgress | None) -> int:
    if report is None:
        return 0
    return min(report.rebuild.position if report.HasField("rebuild") else held.stop, held.stop) - held.start


async def _document(connection: Connection, cleared: ClearedState, *, rebuilt: bool) -> dict[str, Any]:
    sets = (await current_sets(connection)).values() if rebuilt else ()
    return {
        "format": 1,
        "kafka": connection.kafka,
        "namespace": connection.namespace,
        "build": cleared.state_epoch,
        "topic_id": cleared.topic_id,
        "events": count_events(cleared),
        "partitions": [
            {"partition": number, "begin": held.start, "end": held.stop}
            for number, held in sorted(cleared.events.items())
        ],
        "rebuilt": rebuilt,
        "findings": {
            "active": sum(len(found.findings) for found in sets),
            "published": sum(found.build == cleared.state_epoch for found in sets),
        }
        if rebuilt
        else None,
    }
