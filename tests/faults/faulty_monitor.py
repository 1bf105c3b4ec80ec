"""The monitor with faults planted from outside: `python -m tests.faults.faulty_monitor`. The product knows none of it.

FAULT_SIGNALS  `point:n[:SIGNAL],...`: the process sends itself that signal (SIGKILL) as it passes a point for the nth
               time; the points are in POINTS.
FAULT_SOURCE   `control`: batches come from control_source.py instead of Faust.
FAULT_FAUST    JSON of Faust settings that differ, for example {"broker_max_poll_records": 7}; the control takes its
               batch size and its session timeout from there as well.
FAULT_FLOW     n: Faust's flow stops while every nth fetch is on its way and resumes with another batch size.
FAULT_DUMP     file: after every assignment the state in memory is appended to it, one JSON object a line.
All other settings are those of the monitor.
"""

import asyncio
import inspect
import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.produce import ProduceRequest
from rx_monitor import bootstrap
from rx_monitor.adapters.faust import batch_transport, source
from rx_monitor.adapters.kafka import changelog, outbox
from rx_monitor.adapters.protobuf import codec
from rx_monitor.domain import progress
from rx_monitor.handlers import process_batch
from rx_monitor.lifecycle.worker import MonitorWorker
from rx_monitor.settings import MonitorSettings
from rx_runtime.service import main
from rx_runtime.telemetry.logs import get_logger

from tests.faults.control_source import ControlSource

BEFORE = {
    "after_fetch": (MonitorWorker, "on_batch"),
    "before_findings": (outbox.KafkaOutbox, "publish_findings"),
    "before_restore": (changelog.StateChangelog, "restore"),
    "in_assigned": (MonitorWorker, "on_assigned"),
    "in_revoked": (MonitorWorker, "on_revoked"),
}
"""Points passed as a function is entered."""

AFTER = {
    "after_decode": (codec.ProtoCodec, "decode_event"),
    "after_fold": (process_batch, "decide"),
    "between_rounds": (outbox.KafkaOutbox, "publish_findings"),
    "after_states": (outbox.KafkaOutbox, "write_states"),
    "after_progress": (progress.Progress, "advance"),
    "after_restore": (changelog.StateChangelog, "restore"),
    "after_assigned": (MonitorWorker, "on_assigned"),
    "after_revoked": (MonitorWorker, "on_revoked"),
}
"""Points passed as a function returns."""

ON_THE_WIRE = (
    "findings_unacknowledged",
    "states_unacknowledged",
    "before_commit",
    "commit_unacknowledged",
    "in_restore",
)
"""Points passed with a request: before or after its bytes are handed to the system, before there is any answer."""

POINTS = (*BEFORE, *AFTER, *ON_THE_WIRE, "after_commit")


class Faults:
    """The signals that are due, and how often each point has been passed."""

    def __init__(self, text: str) -> None:
        self._due: dict[tuple[str, int], signal.Signals] = {}
        self._passed = {point: itertools.count(1) for point in POINTS}
        self._lock = threading.Lock()
        for item in filter(None, text.split(",")):
            point, number, name = (*item.split(":"), "SIGKILL")[:3]
            if point not in POINTS:
                raise SystemExit(f"no such point: {point}; there are {', '.join(POINTS)}")
            self._due[point, int(number)] = signal.Signals[name]

    def passing(self, point: str) -> None:
        with self._lock:
            number = self._due.get((point, next(self._passed[point])))
        if number is not None:
            os.kill(os.getpid(), number)

    def wrap(self, owner: Any, name: str, before: list[str], after: list[str]) -> None:
        """Have `owner.name` pass these points; raises AttributeError if the product no longer has it."""
        inner = getattr(owner, name)

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            self._pass_all(before)
            result = await inner(*args, **kwargs)
            self._pass_all(after)
            return result

        def called(*args: Any, **kwargs: Any) -> Any:
            self._pass_all(before)
            result = inner(*args, **kwargs)
            self._pass_all(after)
            return result

        setattr(owner, name, awaited if inspect.iscoroutinefunction(inner) else called)

    def _pass_all(self, points: list[str]) -> None:
        for point in points:
            self.passing(point)


def plant_in_ports(faults: Faults) -> None:
    for owner, name in {*BEFORE.values(), *AFTER.values()}:
        before = [point for point, place in BEFORE.items() if place == (owner, name)]
        after = [point for point, place in AFTER.items() if place == (owner, name)]
        faults.wrap(owner, name, before, after)


def plant_on_the_wire(faults: Faults) -> None:
    """Requests are recognised by their kind and topic, whichever source or thread sends them."""
    send = AIOKafkaConnection.send

    def passes(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002  # aiokafka's signature
        if isinstance(request, OffsetCommitRequest):
            faults.passing("before_commit")
            answer = send(self, request, expect_response)
            faults.passing("commit_unacknowledged")
            return then(answer, lambda: faults.passing("after_commit"))
        answer = send(self, request, expect_response)
        for topic in produced_to(request):
            if topic.endswith("rx.findings.v1"):
                faults.passing("findings_unacknowledged")
            if topic.endswith("rx.monitor-state.v1"):
                faults.passing("states_unacknowledged")
        return answer

    AIOKafkaConnection.send = passes


async def then(answer: Any, follow: Callable[[], None]) -> Any:
    response = await answer
    follow()
    return response


def produced_to(request: Any) -> list[str]:
    return [topic for topic, _ in request._topics] if isinstance(request, ProduceRequest) else []


def plant_in_restore(faults: Faults) -> None:
    getmany = aiokafka.AIOKafkaConsumer.getmany

    async def read(self: aiokafka.AIOKafkaConsumer, *args: Any, **kwargs: Any) -> Any:
        records = await getmany(self, *args, **kwargs)
        if records and self._client._client_id == "rx-monitor-restore":
            faults.passing("in_restore")
        return records

    aiokafka.AIOKafkaConsumer.getmany = read


def stop_the_flow(every: int) -> None:
    """Records fetched while the flow is stopped are not delivered: they come again, cut in another way."""
    fetch = batch_transport.BatchConsumer._wait_next_records
    passages, sizes = itertools.count(1), itertools.cycle((3, 40, 500))

    async def fetched(self: Any, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        result = await fetch(self, timeout)
        if result[0] and next(passages) % every == 0 and self.flow_active:
            self.stop_flow()
            self._thread._consumer._max_poll_records = next(sizes)
            asyncio.get_running_loop().call_soon(self.resume_flow)
        return result

    batch_transport.BatchConsumer._wait_next_records = fetched


def dump_states(file: Path) -> None:
    """What the process holds in memory once a partition is ready, whether it was read or kept."""
    assigned = MonitorWorker.on_assigned

    async def dumped(self: MonitorWorker, generation: int, *args: Any, **kwargs: Any) -> None:
        await assigned(self, generation, *args, **kwargs)
        stores = {str(number): held(store) for number, store in self._state.stores._stores.items()}
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"pid": os.getpid(), "generation": generation, "stores": stores}) + "\n")
        get_logger().info("dumped")

    MonitorWorker.on_assigned = dumped


def held(store: Any) -> dict[str, str]:
    return {name.hex(): encoded.hex() for name, encoded in store._patients.items()}


def run(start: Callable[..., Any] = bootstrap.start) -> int:
    faults = Faults(os.environ.get("FAULT_SIGNALS", ""))
    plant_in_ports(faults)
    plant_on_the_wire(faults)
    plant_in_restore(faults)
    source.FAUST_SETTINGS.update(json.loads(os.environ.get("FAULT_FAUST", "{}")))
    if every := os.environ.get("FAULT_FLOW"):
        stop_the_flow(int(every))
    if file := os.environ.get("FAULT_DUMP"):
        dump_states(Path(file))
    if os.environ.get("FAULT_SOURCE") == "control":
        bootstrap.FaustSource = ControlSource
    return main("monitor", MonitorSettings, start)


if __name__ == "__main__":
    sys.exit(run())
