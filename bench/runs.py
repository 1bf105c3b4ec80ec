"""One run of one engine: started, watched until it has done all, stopped, and its output counted."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pharmacy.events.v1.finding_pb2 import FindingSet
from prometheus_client.parser import text_string_to_metric_families
from rx_runtime import topics
from rx_runtime.embedded.child import Child, new_log
from rxguard.instance import free_port, is_serving

from bench.broker import PARTITIONS, Broker
from bench.protocol import Job
from bench.reference import Tally, tally
from bench.workload import Workload

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "bench"
PSEUDONYM_KEY = "5a" * 32

_POLL_S, _LAST_POLLS_S = 0.2, 0.02
_START_TIMEOUT_S, _STALL_TIMEOUT_S = 90.0, 120.0


class EngineFailedError(Exception):
    """An engine did not do its work; the message has the end of its log."""


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """A topic that holds the first `events` of a workload."""

    namespace: str
    workload: Workload
    ends: list[int]  # by partition

    @property
    def topic(self) -> str:
        """Its name."""
        return f"{self.namespace}.rx.medication-events.v1"

    @property
    def events(self) -> int:
        """How many it holds."""
        return sum(self.ends)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run gave."""

    events: int  # processed between the two moments that `seconds` lie between
    seconds: float
    got: Tally
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def events_per_s(self) -> float:
        """The rate."""
        return self.events / self.seconds


class Notes:
    """Told how far the engine in work has come."""

    def progress(self, done: int, of: int) -> None:
        """Show it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where engines run."""

    broker: Broker
    folder: Path
    notes: Notes

    def log(self, name: str) -> Path:
        """An empty log file."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return new_log(logs / f"{name}.log")


# The monitor


@dataclass(frozen=True)
class Monitor:
    """A monitor process and its addresses."""

    child: Child
    grpc: str
    metrics: str

    async def counted(self) -> int:
        """Events that it has processed to the end."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.metrics}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        return int(
            sum(
                sample.value
                for family in families
                if family.name == "rx_monitor_events"
                for sample in family.samples
                if sample.name == "rx_monitor_events_total"
            )
        )


async def run_monitor(place: Place, events: EventLog, *, processes: int, minimal: bool) -> Run:
    """The monitor on topics of its own that are empty but for the events."""
    await reset_monitor(place.broker, events)
    async with monitors(place, events.namespace, processes=processes, minimal=minimal) as running:
        began, before, ended = await _watch(place, running, events)
    topic = f"{events.namespace}.rx.findings.v1"
    got = await (_pairs(place.broker, topic) if minimal else _findings(place.broker, topic))
    return Run(events=events.events - before, seconds=ended - began, got=got)


async def reset_monitor(broker: Broker, events: EventLog) -> None:
    """As if no monitor had ever run on these events."""
    names = [f"{events.namespace}.rx.{name}.v1" for name in ("findings", "monitor-state", "monitor-progress")]
    await broker.delete(names)
    await topics.apply(broker.address, events.namespace, PARTITIONS)
    await broker.rewind(f"{events.namespace}-rx-monitor", events.topic)


@asynccontextmanager
async def monitors(
    place: Place, namespace: str, *, processes: int, minimal: bool = False
) -> AsyncIterator[list[Monitor]]:
    """Monitor processes that are all ready; stopped when the block ends."""
    module = "bench.engines.rxguard_minimal" if minimal else "rx_monitor"
    running: list[Monitor] = []
    try:
        for number in range(processes):
            grpc, metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
            settings = {
                "RXGUARD_KAFKA": place.broker.address,
                "RXGUARD_NAMESPACE": namespace,
                "RXGUARD_PSEUDONYM_KEY": PSEUDONYM_KEY,
                "RXGUARD_GRPC_ADDRESS": grpc,
                "RXGUARD_METRICS_ADDRESS": metrics,
            }
            child = _start([sys.executable, "-m", module], place.log(f"monitor-{number}"), settings)
            running.append(Monitor(child, grpc, metrics))
        await _all_serving(running)
        yield running
    finally:
        await asyncio.gather(*(one.child.stop() for one in running))


async def _all_serving(running: Sequence[Monitor]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not all([await is_serving(one.grpc) for one in running]):
        _check(one.child for one in running)
        if time.monotonic() > deadline:
            raise EngineFailedError(f"not ready in {_START_TIMEOUT_S:.0f} s: {running[0].child.last_words()}")
        await asyncio.sleep(_LAST_POLLS_S)


async def _watch(place: Place, running: Sequence[Monitor], events: EventLog) -> tuple[float, int, float]:
    """When all were ready, what was done by then, and when everything was done."""
    before, began = await _counted(running), time.monotonic()
    done, moved = before, began
    while done < events.events:
        now = time.monotonic()
        if now - moved > _STALL_TIMEOUT_S:
            raise EngineFailedError(f"stands still at {done} of {events.events}: {running[0].child.last_words()}")
        left_s = (events.events - done) * (now - began) / max(1, done - before)
        await asyncio.sleep(_POLL_S if left_s > 2 * _POLL_S and done > before else _LAST_POLLS_S)
        _check(one.child for one in running)
        counted = await _counted(running)
        if counted > done:
            done, moved = counted, time.monotonic()
            place.notes.progress(done, events.events)
    return began, before, moved


async def _counted(running: Sequence[Monitor]) -> int:
    return sum(await asyncio.gather(*(one.counted() for one in running)))


async def _findings(broker: Broker, topic: str) -> Tally:
    """Of each patient the set with the highest position."""
    current: dict[bytes, FindingSet] = {}
    async for record in broker.read(topic):
        found = FindingSet.FromString(record.value)
        held = current.get(record.key)
        if held is None or (found.ruleset_seq, found.position) >= (held.ruleset_seq, held.position):
            current[record.key] = found
    sets = ((patient, [finding.finding_id for finding in found.findings]) for patient, found in current.items())
    return tally(sets, None)


# Engines of the minimal join, and those that only read


async def run_process(
    place: Place, events: EventLog, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
) -> Run:
    """An engine that speaks `protocol`, on topics of its own. Its output is read unless it only reads."""
    job = await _job(place, events, name)
    await place.broker.create(job.output_topic)
    child = _start(list(command), place.log(name), job.environment() | dict(env or {}))
    try:
        started, finished = await _said(place, child, job)
    finally:
        await child.stop()
    if finished.get("events") != events.events:
        raise EngineFailedError(f"{name} says {finished}, there are {events.events}: {child.last_words()}")
    got = await _pairs(place.broker, job.output_topic)
    if not got.records:  # it decides nothing: what it decoded is counted
        got = Tally(findings=finished["events"], digest="", records=None)
    details = {key: value for key, value in finished.items() if key not in {"event", "at", "events"}}
    return Run(events=events.events, seconds=finished["at"] - started["at"], got=got, details=details)


async def _job(place: Place, events: EventLog, name: str) -> Job:
    """Nothing of an earlier run of the engine is left."""
    group = f"{events.namespace}-{name}".replace("_", "-")
    await place.broker.delete(await place.broker.topics(group))
    folder = place.folder / "engines" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Job(
        kafka=place.broker.address,
        events_topic=events.topic,
        output_topic=f"{group}-output",
        group=f"{group}-{time.time_ns()}",  # a group that no offset is known of
        ends=events.ends,
        folder=str(folder),
    )


async def _said(place: Place, child: Child, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    started: dict[str, Any] = {}
    heard = 0
    moved = time.monotonic()
    while True:
        for said in list(_lines(child.log))[heard:]:
            heard, moved = heard + 1, time.monotonic()
            if said["event"] == "started":
                started = started or said
            elif said["event"] == "progress":
                place.notes.progress(said["events"], job.events)
            elif said["event"] == "finished":
                return started, said
        if child.exit_status is not None or time.monotonic() - moved > _STALL_TIMEOUT_S:
            raise EngineFailedError(child.last_words())
        await asyncio.sleep(_POLL_S)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith('{"event"') and line.endswith("}"):
            yield json.loads(line)


async def _pairs(broker: Broker, topic: str) -> Tally:
    """Of each patient the pairs of the last record."""
    last: dict[bytes, bytes] = {}
    records = 0
    async for record in broker.read(topic):
        last[record.key] = record.value[1:]
        records += 1
    pairs = ((patient, [value[at : at + 32] for at in range(0, len(value), 32)]) for patient, value in last.items())
    return tally(pairs, records)


def _start(command: list[str], log: Path, settings: Mapping[str, str]) -> Child:
    return Child(command, log=log, cwd=ROOT, env=os.environ | settings)


def _check(children: Iterator[Child]) -> None:
    for child in children:
        if child.exit_status is not None:
            raise EngineFailedError(child.last_words())
