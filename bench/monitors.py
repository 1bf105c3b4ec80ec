"""Monitor processes of a bench: started, watched through what they show to anybody, stopped."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from rx_embedded.child import Child
from rx_embedded.ports import HOST, free_ports
from rx_runtime.installation import Installation
from rx_runtime.kafka import topics

from bench import outputs
from bench.broker import PARTITIONS, Broker
from bench.runs import STALL_TIMEOUT_S, BenchDirectory, EngineFailedError, EventLog, Run, check, start

PSEUDONYM_KEY = "5a" * 32
_POLL_S, _LAST_POLLS_S = 0.2, 0.02
_START_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Monitor:
    """A monitor process and its addresses."""

    child: Child
    metrics: str

    async def is_ready(self) -> bool:
        """Whether its state is restored and it takes events."""
        try:
            return bool((await self.metrics_now()).get("rx_service_ready"))
        except aiohttp.ClientConnectionError:
            return False

    async def metrics_now(self) -> dict[str, float]:
        """Every metric, summed over its labels."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.metrics}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        values: dict[str, float] = {}
        for family in families:
            for sample in family.samples:
                values[sample.name] = values.get(sample.name, 0.0) + sample.value
        return values

    @property
    def resident_bytes(self) -> int:
        """Memory that the process takes."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


async def run_monitor(directory: BenchDirectory, events: EventLog, *, processes: int, minimal: bool) -> Run:
    """Return the monitor on topics of its own that are empty but for the events."""
    await reset_monitor(directory.broker, events)
    async with monitors(directory, events.installation, processes=processes, minimal=minimal) as running:
        began, before, ended = await watch(directory, running, events.events)
    topic = events.installation.topic("rx.findings.v1")
    got = await (outputs.pairs(directory.broker, topic) if minimal else outputs.findings(directory.broker, topic))
    return Run(of=events.events, events=events.events - before, seconds=ended - began, got=got)


async def reset_monitor(broker: Broker, events: EventLog) -> None:
    """As if no monitor had ever run on these events."""
    written = ("rx.findings.v1", "rx.monitor-state.v1", "rx.monitor-progress.v1")
    await broker.delete([events.installation.topic(name) for name in written])
    await topics.apply(events.installation, PARTITIONS)
    await broker.rewind(events.installation.group("rx-monitor"), events.topic)


@asynccontextmanager
async def monitors(
    directory: BenchDirectory, installation: Installation, *, processes: int, minimal: bool = False
) -> AsyncIterator[list[Monitor]]:
    """Monitor processes that are all ready; stopped when the block ends."""
    module = "bench.engines.rxguard_minimal" if minimal else "rx_monitor"
    running: list[Monitor] = []
    try:
        for number, port in enumerate(free_ports(processes)):
            metrics = f"{HOST}:{port}"
            settings = {
                "RXGUARD_KAFKA": installation.kafka,
                "RXGUARD_NAMESPACE": installation.namespace,
                "RXGUARD_PSEUDONYM_KEY": PSEUDONYM_KEY,
                "RXGUARD_METRICS_ADDRESS": metrics,
            }
            child = start([sys.executable, "-m", module], directory.log(f"monitor-{number}"), settings)
            running.append(Monitor(child, metrics))
        await _all_ready(running)
        yield running
    finally:
        await asyncio.gather(*(one.child.stop() for one in running))


async def _all_ready(running: Sequence[Monitor]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not all([await one.is_ready() for one in running]):
        check(one.child for one in running)
        if time.monotonic() > deadline:
            raise EngineFailedError(f"not ready in {_START_TIMEOUT_S:.0f} s: {running[0].child.last_words()}")
        await asyncio.sleep(_LAST_POLLS_S)


async def watch(directory: BenchDirectory, running: Sequence[Monitor], events: int) -> tuple[float, int, float]:
    """When the watch began, how many events were done by then, and when all of them were."""
    before, began = await _counted(running), time.monotonic()
    done, moved = before, began
    while done < events:
        now = time.monotonic()
        if now - moved > STALL_TIMEOUT_S:
            raise EngineFailedError(f"stands still at {done} of {events}: {running[0].child.last_words()}")
        left_s = (events - done) * (now - began) / max(1, done - before)
        await asyncio.sleep(_POLL_S if left_s > 2 * _POLL_S and done > before else _LAST_POLLS_S)
        check(one.child for one in running)
        counted = await _counted(running)
        if counted > done:
            done, moved = counted, time.monotonic()
            directory.notes.progress(done, events)
    return began, before, moved


async def _counted(running: Sequence[Monitor]) -> int:
    shown = await asyncio.gather(*(one.metrics_now() for one in running))
    return sum(int(metrics.get("rx_monitor_events_total", 0)) for metrics in shown)
