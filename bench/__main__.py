"""The bench: `make bench` and `make bench-quick`. README.md says what is measured and how to read it."""

import argparse
import asyncio
import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from rich.console import Console
from rx_runtime import topics
from rx_runtime.embedded import EmbeddedStack, rxguard_home
from rxguard.progress import download_progress

from bench.broker import PARTITIONS, Broker
from bench.reference import Reference, Tally
from bench.results import ENGINES, FOLDER, Results, table
from bench.runs import NAMESPACE, ROOT, EngineFailedError, EventLog, Notes, Place, Run, run_monitor, run_process
from bench.workload import FULL_EVENTS, QUICK_EVENTS, Workload, cached

DEFAULT_SEED = 20_261_125
REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run."""

    quick: bool
    engines: tuple[str, ...]
    parts: tuple[str, ...]
    seed: int
    order_seed: int
    events: int
    repeats: int


@dataclass(kw_only=True)
class Bench:
    """A run of the bench: its one broker, its event logs, its results."""

    plan: Plan
    place: Place
    workload: Workload
    results: Results
    console: Console
    logs: dict[int, EventLog] = field(default_factory=dict)

    async def event_log(self, events: int) -> EventLog:
        """A topic with the first `events` of the workload, filled when it is first asked for."""
        if events not in self.logs:
            namespace = f"{NAMESPACE}{events}"
            await topics.apply(self.place.broker.address, namespace, PARTITIONS)
            name = f"{namespace}.rx.medication-events.v1"
            with self.console.status(f"writing {events:,} events to the log"):
                ends = await self.place.broker.fill(name, islice(self.workload.records(), events))
            self.logs[events] = EventLog(namespace=namespace, workload=self.workload, ends=ends)
        return self.logs[events]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How an engine is run, on how much of the log, and what it must give."""

    run: Callable[[Place, EventLog], Awaitable[Run]]
    expected: Callable[[Reference, int], Tally]
    most_events: int = FULL_EVENTS
    unavailable: Callable[[], str] = lambda: ""


def _monitor(processes: int, *, minimal: bool) -> Engine:
    async def run(place: Place, events: EventLog) -> Run:
        return await run_monitor(place, events, processes=processes, minimal=minimal)

    return Engine(run=run, expected=Reference.minimal_join if minimal else Reference.full_rules)


def _process(name: str, command: list[str], expected: Callable[[Reference, int], Tally], **more: object) -> Engine:
    async def run(place: Place, events: EventLog) -> Run:
        return await run_process(place, events, name, command)

    return Engine(run=run, expected=expected, **more)  # type: ignore[arg-type]


CATALOGUE: dict[str, Engine] = {
    "rxguard_full_1p": _monitor(1, minimal=False),
    "rxguard_full_2p": _monitor(2, minimal=False),
    "rxguard_minimal_1p": _monitor(1, minimal=True),
    "rxguard_minimal_2p": _monitor(2, minimal=True),
    "plain_aiokafka": _process(
        "plain_aiokafka", [sys.executable, "-m", "bench.engines.plain_aiokafka"], Reference.decoded
    ),
}


async def run_engines(bench: Bench) -> None:
    """Every engine as often as planned, in random order; one that fails is not tried again."""
    turns = [name for name in bench.plan.engines for _ in range(bench.plan.repeats)]
    random.Random(bench.plan.order_seed).shuffle(turns)  # noqa: S311  # repeatable, not secret
    reference = Reference(bench.workload)
    for number, name in enumerate(turns, 1):
        if name in bench.results.missing:
            continue
        engine = CATALOGUE[name]
        if reason := engine.unavailable():
            bench.results.fail(name, reason)
            continue
        events = min(bench.plan.events, engine.most_events)
        expected = engine.expected(reference, events)
        log = await bench.event_log(events)
        try:
            run = await engine.run(bench.place, log)
        except EngineFailedError as error:
            bench.results.fail(name, str(error))
            bench.console.log(f"{name}: {error}", highlight=False)
            continue
        bench.results.add(name, run, expected)
        outcome = bench.results.missing.get(name) or f"{run.events_per_s:,.0f} events/s"
        bench.console.log(f"{number}/{len(turns)} {name}: {outcome}", highlight=False)


class _Shown(Notes):
    """Progress on the console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def progress(self, done: int, of: int) -> None:
        """One line that is written over."""
        if self._console.is_terminal:
            self._console.print(f"  {done:,} of {of:,}", end="\r")


def generated(folder: Path, plan: Plan, console: Console) -> Workload:
    """The event log of the plan; generated in a process of its own if it is not there."""
    console.log(f"workload: seed {plan.seed}, {plan.events:,} events", highlight=False)
    if cached(folder, plan.seed, plan.events) is None:
        command = [sys.executable, "-m", "bench.workload", str(folder)]
        options = ["--seed", str(plan.seed), "--events", str(plan.events)]
        subprocess.run([*command, *options], check=True, cwd=ROOT)  # noqa: S603  # this program
    workload = cached(folder, plan.seed, plan.events)
    if workload is None:
        raise FileNotFoundError(f"nothing was generated in {folder}")
    console.log(f"workload: sha256 {workload.sha256}", highlight=False)
    return workload


@asynccontextmanager
async def prepared(plan: Plan, console: Console) -> AsyncIterator[Bench]:
    """The servers and the workload of a run, in a data folder of its own."""
    home = rxguard_home()
    folder = home / "bench"
    workload = generated(folder / "workloads", plan, console)
    console.log(f"order of the engines: seed {plan.order_seed}", highlight=False)
    started, load = datetime.now(UTC), os.getloadavg()[0]
    results = Results(
        started_at=started,
        workload=workload,
        mode="quick" if plan.quick else "full",
        order_seed=plan.order_seed,
        load_at_start=load,
    )
    stack = EmbeddedStack(data=folder / "stack", jars=home / "jars", fresh=True, progress=download_progress(console))
    async with stack as running:
        place = Place(broker=Broker(running.kafka), folder=folder / "work", notes=_Shown(console))
        yield Bench(plan=plan, place=place, workload=workload, results=results, console=console)


async def measure(plan: Plan, console: Console) -> dict[str, object]:
    """Run the plan; returns the document."""
    async with prepared(plan, console) as bench:
        await run_engines(bench)
        return bench.results.document()


def planned(arguments: list[str] | None = None) -> tuple[Plan, argparse.Namespace]:
    """The plan of a command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small event log, one run of each engine")
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, separated by commas")
    parser.add_argument("--parts", default="engines", help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the event log")
    parser.add_argument("--order-seed", type=int, default=secrets.randbelow(2**31), help="of the order of the engines")
    parser.add_argument("--events", type=int, help="size of the event log")
    parser.add_argument("--repeats", type=int, help="runs of each engine")
    parser.add_argument("--json", action="store_true", help="the document on stdout instead of the table")
    parser.add_argument("--output", type=Path, default=FOLDER / "latest.json", help="where the document is kept")
    given = parser.parse_args(arguments)
    plan = Plan(
        quick=given.quick,
        engines=tuple(given.engines.split(",")),
        parts=tuple(given.parts.split(",")),
        seed=given.seed,
        order_seed=given.order_seed,
        events=given.events or (QUICK_EVENTS if given.quick else FULL_EVENTS),
        repeats=given.repeats or (1 if given.quick else REPEATS),
    )
    return plan, given


def main() -> None:
    """Run, keep the document and print it."""
    plan, given = planned()
    document = asyncio.run(measure(plan, Console(stderr=True)))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document) if given.json else "\n".join(table(document)))


if __name__ == "__main__":
    main()
