"""The bench: `make bench` and `make bench-quick`. README.md says what is measured and how to read it."""

import argparse
import asyncio
import functools
import json
import logging
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from aiokafka.errors import KafkaError
from rich.console import Console
from rx_embedded import EmbeddedStack, rxguard_home
from rx_embedded.home import shared_folder
from rx_runtime.errors import RxGuardError
from rx_runtime.installation import Installation
from rx_runtime.kafka import topics
from rxguard.views.progress import download_progress

from bench import core, latency, plots
from bench.broker import PARTITIONS, Broker
from bench.catalogue import CATALOGUE
from bench.growth import Growth
from bench.reference import Reference
from bench.report import Document, table, write_readme
from bench.results import ENGINES, FOLDER, Results
from bench.runs import ROOT, BenchDirectory, EngineFailedError, EventLog, Notes, Run
from bench.workload import FULL_EVENTS, QUICK_EVENTS, Workload, cached

LATEST = FOLDER / "latest.json"
DEFAULT_SEED = 20_261_125
REPEATS = 3
SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (50_000,)  # patients
COUNTS, QUICK_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200), (1, 20)  # facts of one patient
QUICK_CALLS = 200
LATENCY_S, QUICK_LATENCY_S = 60.0, 5.0  # at each rate
RUN_LIMIT_S = 60.0
GROUP_WAIT_MS = 3_000  # Kafka's own default: two monitors begin together
SLOW_EVENTS = 20_000
SMALLER = (500_000, 200_000, 100_000, 50_000)
"""How much of the log an engine gets that does not get through all of it in RUN_LIMIT_S, judged by a trial."""


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
    stack: EmbeddedStack
    directory: BenchDirectory
    workload: Workload
    results: Results
    console: Console
    logs: dict[int, EventLog] = field(default_factory=dict)

    async def event_log(self, events: int) -> EventLog:
        """Return a topic with the first `events` of the workload, filled when it is first asked for."""
        if events not in self.logs:
            installation = Installation(self.directory.broker.address, f"bench{events}")
            await topics.apply(installation, PARTITIONS)
            name = installation.topic("rx.medication-events.v1")
            with self.console.status(f"writing {events:,} events to the log"):
                ends = await self.directory.broker.fill(name, islice(self.workload.records(), events))
            self.logs[events] = EventLog(installation=installation, ends=ends)
        return self.logs[events]


async def run_engines(bench: Bench) -> None:
    """Every engine as often as planned, in random order; one that fails is not tried again."""
    reference = Reference(bench.workload)
    sizes = {name: size for name in bench.plan.engines if (size := await _size(bench, reference, name))}
    turns = [name for name in sizes for _ in range(bench.plan.repeats)]
    random.Random(bench.plan.order_seed).shuffle(turns)  # noqa: S311  # repeatable, not secret
    for number, name in enumerate(turns, 1):
        if name not in bench.results.missing:
            bench.console.log(f"{number} of {len(turns)}: {name}", highlight=False)
            await _run(bench, reference, name, sizes[name])


async def _size(bench: Bench, reference: Reference, name: str) -> int | None:
    """How much of the log an engine gets: as much as it does in RUN_LIMIT_S, told by a trial; None if it has none."""
    if reason := await asyncio.to_thread(CATALOGUE[name].prepare, bench.directory.folder):
        bench.results.fail(name, reason)
        bench.console.log(f"{name} is not run: {reason}", highlight=False)
        return None
    engine = CATALOGUE[name]
    small = min(bench.plan.events, SLOW_EVENTS if engine.slow else QUICK_EVENTS)
    if bench.plan.quick or small == bench.plan.events:
        return small
    run = await _run(bench, reference, name, small, trial=True)
    if run is None:
        return None
    if engine.warms_up:
        return bench.plan.events
    sizes = (size for size in (bench.plan.events, *SMALLER) if size <= run.events_per_s * RUN_LIMIT_S)
    return next(sizes, small)


async def _run(bench: Bench, reference: Reference, name: str, events: int, *, trial: bool = False) -> Run | None:
    """One run, kept unless it is a trial; None if the engine failed or its output is wrong."""
    log = await bench.event_log(events)
    expected = await asyncio.to_thread(CATALOGUE[name].expected, reference, events)
    try:
        run = await CATALOGUE[name].run(bench.directory, log)
    except (EngineFailedError, KafkaError, TimeoutError) as error:
        bench.results.fail(name, str(error) or type(error).__name__)
    else:
        if run.events:
            bench.results.add(name, run, expected)
        else:
            bench.results.fail(name, f"all {events:,} events were done before every process was ready")
        if trial:
            bench.results.forget(name)
        if name not in bench.results.missing:
            bench.console.log(f"  {run.events_per_s:,.0f} events/s over {events:,} events", highlight=False)
            return run
    bench.console.log(f"  {name} has no result: {bench.results.missing[name]}", highlight=False)
    return None


class _Shown(Notes):
    """Progress on the console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def progress(self, done: int, of: int) -> None:
        """One line that is written over."""
        if self._console.is_terminal:
            self._console.print(f"  {done:,} of {of:,}", end="\r")


def generated(folder: Path, plan: Plan, console: Console) -> Workload:
    """Return the event log of the plan; generated in a process of its own if it is not there."""
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
    """Yield the servers and the workload of a run, in a data folder of its own."""
    home = rxguard_home()
    folder = shared_folder(home / "bench")
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
    stack = EmbeddedStack(
        data=folder / "stack",
        jars=home / "jars",
        fresh=True,
        progress=download_progress(console),
        group_wait_ms=GROUP_WAIT_MS,
    )
    async with stack as running:
        directory = BenchDirectory(broker=Broker(running.kafka), folder=folder / "work", notes=_Shown(console))
        yield Bench(plan=plan, stack=running, directory=directory, workload=workload, results=results, console=console)


async def measure_core(bench: Bench) -> None:
    """Return the clinical core alone, as `make bench-core` does."""
    calls = QUICK_CALLS if bench.plan.quick else core.CALLS
    bench.results.metrics["assess_us"] = (await asyncio.to_thread(core.measure, calls))["assess_us"]


async def measure_growth(bench: Bench) -> None:
    """Restore, memory and the cost of an event as the state grows."""
    say = functools.partial(bench.console.log, highlight=False)
    sizes, counts = (QUICK_SIZES, QUICK_COUNTS) if bench.plan.quick else (SIZES, COUNTS)
    by_patients = await Growth(bench.directory, "patients", say).by_patients(sizes)
    largest = by_patients[max(by_patients, key=int)]
    bench.results.metrics |= {name: largest[name] for name in ("restore_records_per_s", "bytes_per_patient")}
    bench.results.metrics["by_patients"] = by_patients
    bench.results.metrics["event_us_by_facts"] = await Growth(bench.directory, "facts", say).by_facts(counts)


async def measure_latency(bench: Bench) -> None:
    """From the inbound topic to the alert."""
    seconds = QUICK_LATENCY_S if bench.plan.quick else LATENCY_S
    found = await latency.measure(bench.stack, bench.directory.folder / "latency", seconds)
    bench.results.metrics["latency_ms"] = found
    bench.console.log(f"latency in ms: {found}", highlight=False)


PARTS: Mapping[str, tuple[Callable[[Bench], Awaitable[None]], tuple[str, ...]]] = {
    "core": (measure_core, ("assess_us",)),
    "latency": (measure_latency, ("latency_ms",)),
    "engines": (run_engines, ()),
    "growth": (measure_growth, ("restore_records_per_s", "bytes_per_patient", "by_patients", "event_us_by_facts")),
}
"""What can be run, in this order, and the metrics that are missing if it fails."""


async def measure(plan: Plan, console: Console, keep: Callable[[Document], None]) -> Document:
    """Run the plan; returns the document. What there is so far is kept after each part."""
    async with prepared(plan, console) as bench:
        for part, (run, metrics) in PARTS.items():
            if part not in plan.parts:
                continue
            console.rule(part)
            try:
                await run(bench)
            except (EngineFailedError, latency.AlertsMissingError, RxGuardError, KafkaError, TimeoutError) as error:
                bench.results.not_measured(metrics, str(error) or type(error).__name__)
                console.log(f"{part} failed: {error}", highlight=False)
            keep(bench.results.document())
        return bench.results.document()


def kept(document: Document, output: Path) -> None:
    """Write the document, and its pictures beside it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n")
    for name, picture in plots.pictures(document).items():
        output.with_name(f"{output.stem}-{name}.svg").write_text(picture)


def planned(arguments: list[str] | None = None) -> tuple[Plan, argparse.Namespace]:
    """Return the plan of a command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small event log, one run of each engine")
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, separated by commas")
    parser.add_argument("--parts", default=",".join(PARTS), help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the event log")
    parser.add_argument("--order-seed", type=int, default=secrets.randbelow(2**31), help="of the order of the engines")
    parser.add_argument("--events", type=int, help="size of the event log")
    parser.add_argument("--repeats", type=int, help="runs of each engine")
    parser.add_argument("--json", action="store_true", help="the document on stdout instead of the table")
    parser.add_argument("--output", type=Path, default=LATEST, help="where the document is kept")
    given = parser.parse_args(arguments)
    for chosen, known in ((given.engines, CATALOGUE), (given.parts, PARTS)):
        if unknown := set(chosen.split(",")) - known.keys():
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
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
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of a new topic it asks twice, and says so
    document = asyncio.run(measure(plan, Console(stderr=True), lambda so_far: kept(so_far, given.output)))
    if given.output == LATEST and not plan.quick:
        write_readme(document, FOLDER.name)
    print(json.dumps(document) if given.json else "\n".join(table(document)))


if __name__ == "__main__":
    main()
