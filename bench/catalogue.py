"""The engines: how each is prepared and run, and what its output must be."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import preparing
from bench.engines.kafka_streams import FOLDER_VARIABLE
from bench.monitors import run_monitor
from bench.reference import Reference, Tally
from bench.runs import ROOT, BenchDirectory, EventLog, Run, run_process


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine."""

    run: Callable[[BenchDirectory, EventLog], Awaitable[Run]]
    expected: Callable[[Reference, int], Tally]
    prepare: Callable[[Path], str] = preparing.nothing
    """Given the folder of the bench; why the engine cannot be run, empty if it can."""
    slow: bool = False
    """It is known to need minutes for what the others do in seconds: its trial is a shorter one."""
    warms_up: bool = False
    """It is slow at first: a trial says nothing, it gets the whole log."""


def _monitor(processes: int, *, minimal: bool) -> Engine:
    async def run(directory: BenchDirectory, events: EventLog) -> Run:
        return await run_monitor(directory, events, processes=processes, minimal=minimal)

    return Engine(run=run, expected=Reference.minimal_join if minimal else Reference.full_rules)


def _here(name: str, *, decides: bool = True, slow: bool = False) -> Engine:
    """Return a module of `bench.engines` in the environment of the project."""

    async def run(directory: BenchDirectory, events: EventLog) -> Run:
        command = [sys.executable, "-m", f"bench.engines.{name}"]
        return await run_process(directory, events, name, command, decides=decides)

    return Engine(run=run, expected=Reference.minimal_join if decides else Reference.decoded, slow=slow)


def _quix() -> Engine:
    def environment(folder: Path) -> Path:
        return folder / "quix"

    async def run(directory: BenchDirectory, events: EventLog) -> Run:
        command = [str(environment(directory.folder) / "bin" / "python"), "-m", "bench.engines.quix"]
        path = f"{ROOT}:{ROOT / 'shared' / 'contracts' / 'src'}"
        return await run_process(directory, events, "quix", command, env={"PYTHONPATH": path})

    return Engine(run=run, expected=Reference.minimal_join, prepare=lambda folder: preparing.quix(environment(folder)))


def _kafka_streams(store: str) -> Engine:
    def build(folder: Path) -> Path:
        return folder / "kafka-streams"

    async def run(directory: BenchDirectory, events: EventLog) -> Run:
        command = [sys.executable, "-m", "bench.engines.kafka_streams", store]
        folder = {FOLDER_VARIABLE: str(build(directory.folder))}
        return await run_process(directory, events, f"kafka_streams_{store}", command, env=folder)

    return Engine(
        run=run,
        expected=Reference.minimal_join,
        prepare=lambda folder: preparing.kafka_streams(build(folder)),
        warms_up=True,
    )


CATALOGUE: Mapping[str, Engine] = {
    "rxguard_full_1p": _monitor(1, minimal=False),
    "rxguard_full_2p": _monitor(2, minimal=False),
    "rxguard_minimal_1p": _monitor(1, minimal=True),
    "rxguard_minimal_2p": _monitor(2, minimal=True),
    "plain_faust": _here("plain_faust", slow=True),
    "quix": _quix(),
    "plain_aiokafka": _here("plain_aiokafka", decides=False),
    "kafka_streams_rocksdb": _kafka_streams("rocksdb"),
    "kafka_streams_memory": _kafka_streams("memory"),
}
