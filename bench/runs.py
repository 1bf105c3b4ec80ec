"""Runs of engines: where they run, what they give, and how one in a process of its own is started and watched."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rx_embedded.child import Child, new_log
from rx_runtime.installation import Installation

from bench import outputs
from bench.broker import Broker
from bench.protocol import Job
from bench.reference import Tally

ROOT = Path(__file__).resolve().parents[1]

STALL_TIMEOUT_S = 120.0
_POLL_S = 0.2


class EngineFailedError(Exception):
    """An engine did not do its work; the message has the end of its log."""


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """The event log of an installation."""

    installation: Installation
    ends: list[int]  # by partition

    @property
    def topic(self) -> str:
        """The broker's name of its topic."""
        return self.installation.topic("rx.medication-events.v1")

    @property
    def events(self) -> int:
        """How many it holds."""
        return sum(self.ends)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run gave."""

    of: int  # events in the log
    events: int  # of these, processed between the two moments that `seconds` lie between
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
class BenchDirectory:
    """A folder for the files of engines, and the broker that they run on."""

    broker: Broker
    folder: Path
    notes: Notes

    def log(self, name: str) -> Path:
        """Create an empty log file and return its path."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return new_log(logs / f"{name}.log")


async def run_process(
    directory: BenchDirectory,
    events: EventLog,
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    decides: bool = True,
) -> Run:
    """Run an engine that speaks `protocol` on topics of its own; if it decides nothing, count what it decoded."""
    job = await _job(directory, events, name)
    await directory.broker.create(job.output_topic)
    child = start(list(command), directory.log(name), job.environment() | dict(env or {}))
    try:
        started, finished = await _said(directory, child, job)
    finally:
        await child.stop()
    if finished.get("events") != events.events:
        raise EngineFailedError(f"{name} says {finished}, there are {events.events}: {child.last_words()}")
    if decides:
        got = await outputs.pairs(directory.broker, job.output_topic)
    else:
        got = Tally(findings=finished["events"], digest="", records=None)
    details = {key: value for key, value in finished.items() if key not in {"event", "at", "events"}}
    return Run(of=events.events, events=events.events, seconds=finished["at"] - started["at"], got=got, details=details)


async def _job(directory: BenchDirectory, events: EventLog, name: str) -> Job:
    """Nothing of an earlier run of the engine is left."""
    group = events.installation.group(name).replace("_", "-")
    await directory.broker.delete(await directory.broker.topics(group))
    folder = directory.folder / "engines" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Job(
        kafka=directory.broker.address,
        events_topic=events.topic,
        output_topic=f"{group}-output",
        group=f"{group}-{time.time_ns()}",  # a group that no offset is known of
        ends=events.ends,
        folder=str(folder),
    )


async def _said(directory: BenchDirectory, child: Child, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    started: dict[str, Any] = {}
    heard = 0
    moved = time.monotonic()
    while True:
        for said in list(_lines(child.log))[heard:]:
            heard, moved = heard + 1, time.monotonic()
            if said["event"] == "started":
                started = started or said
            elif said["event"] == "progress":
                directory.notes.progress(said["events"], job.events)
            elif said["event"] == "finished":
                return started, said
        if child.exit_status is not None or time.monotonic() - moved > STALL_TIMEOUT_S:
            raise EngineFailedError(child.last_words())
        await asyncio.sleep(_POLL_S)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith('{"event"') and line.endswith("}"):
            yield json.loads(line)


def start(command: list[str], log: Path, settings: Mapping[str, str]) -> Child:
    """Start a process of an engine, in the root of the project."""
    return Child(command, log=log, cwd=ROOT, env=os.environ | settings)


def check(children: Iterable[Child]) -> None:
    """Raise EngineFailedError if one has ended."""
    for child in children:
        if child.exit_status is not None:
            raise EngineFailedError(child.last_words())
