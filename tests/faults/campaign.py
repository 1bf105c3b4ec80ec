"""One set of topics, one growing load, and monitors that die over it; in the end the oracle judges what they wrote."""

import asyncio
import json
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_contracts.wire.finding_messages import finding_set_hash
from rx_runtime.kafka import topic_reader

from tests.faults.fault_load import Told, histories, patients
from tests.faults.fault_oracle import Oracle, Verdict, Written
from tests.faults.monitor_harness import Process, QuickHarness

EVENTS, FINDINGS, STATES = "rx.medication-events.v1", "rx.findings.v1", "rx.monitor-state.v1"


class Campaign(QuickHarness):
    """The topics of one installation, monitors with planted faults, and what is known of the load."""

    leftover_signal = signal.SIGKILL

    def __init__(self, installation: Any, *, source: str, seed: int) -> None:
        super().__init__(installation)
        self.chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self.kills = 0
        self._oracle = Oracle()
        self._source = source
        self.names = patients(self.chance)

    def told(self, patient_count: int) -> list[Told]:
        """The events of so many new patients."""
        return histories(self.chance, list(islice(self.names, patient_count)))

    async def load(self, patient_count: int) -> None:
        """Append the events of so many new patients to the log."""
        await self.append(self.told(patient_count))

    async def append(self, told: list[Told]) -> None:
        await self.feed_classified((one.event, one.kind) for one in told)

    async def start(self, **environment: str) -> Process:
        return await super().start(**{"RXGUARD_MEMBER": "one", "FAULT_SOURCE": self._source} | environment)

    async def run_into(self, point: str, passage: int, **environment: str) -> None:
        """Run a monitor that kills itself there; fails if it does not get there."""
        monitor = await self.start(FAULT_SIGNALS=f"{point}:{passage}", **environment)
        try:
            assert await monitor.ended() == -signal.SIGKILL, monitor.log
        finally:
            await monitor.end(signal.SIGKILL)
        self.kills += 1

    @asynccontextmanager
    async def kept_running(self, **environment: str) -> AsyncIterator["KeptRunning"]:
        """A monitor, and a new one whenever it ends, as whatever runs services would do."""
        kept = KeptRunning(await self.start(**environment))
        keeping = asyncio.create_task(kept.keep(lambda: self.start(**environment)))
        try:
            yield kept
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await kept.current.end(signal.SIGTERM)

    async def disturbed(
        self, disturb: Callable[[], Awaitable[None]], parts: int = 12, patient_count: int = 120
    ) -> None:
        """Append a load in parts while `disturb` goes on."""
        told = self.told(patient_count)
        size = len(told) // parts + 1
        disturbing = asyncio.create_task(disturb())
        try:
            for start in range(0, len(told), size):
                await self.append(told[start : start + size])
                await asyncio.sleep(0.2)
            await disturbing
        finally:
            disturbing.cancel()

    async def hidden_behind_older(self) -> list[str]:
        """Patients of whom the last record, which compaction would keep, says something else than the newest one.

        An older finding set that says the same misleads nobody, and is left.
        """
        hidden: list[str] = []
        for topic, read in ((FINDINGS, _set_said), (STATES, _state_said)):
            last: dict[bytes, tuple[int, bytes]] = {}
            newest: dict[bytes, tuple[int, bytes]] = {}
            async for record in self.stream(topic):
                last[record.key] = read(record.value)
                newest[record.key] = max(newest.get(record.key, (-1, b"")), last[record.key])
            hidden += [
                f"{topic} {patient.hex()}: {position} after {newest[patient][0]}"
                for patient, (position, said) in last.items()
                if position < newest[patient][0] and said != newest[patient][1]
            ]
        return hidden

    def stream(self, topic: str) -> AsyncIterator[Any]:
        """The records of a topic up to its present end, those of a partition in order, never all in memory."""
        return topic_reader.records_to_end(self.kafka, self.topic(topic), client_id="test")

    async def written(self) -> dict[bytes, Written]:
        """What stands in the output topics, by patient."""
        written: dict[bytes, Written] = defaultdict(Written)
        async for record in self.stream(STATES):  # before the findings: what a state covers must then be there
            written[record.key].add_state(PatientState.FromString(record.value))
        async for record in self.stream(FINDINGS):
            written[record.key].add_set(record.value)
        return dict(written)

    async def judge(self, *, all_kept: bool = True) -> Verdict:
        """Compare what the monitors have written so far with the log as far as they have come."""
        committed, written = await self.committed(), await self.written()
        await self._read_log()
        assert self._oracle.unfinished(committed, written) == {}
        return self._oracle.judge(written, all_kept=all_kept)

    async def judge_end(self, *, all_kept: bool = True) -> Verdict:
        """Compare all that the monitors wrote with the whole log."""
        return await self._judge_all(await self.written(), all_kept=all_kept)

    async def judge_restored(self, *, all_kept: bool = True) -> Verdict:
        """The same, but for the state that a new monitor holds in memory once it is ready."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "states"
            async with self.monitor(FAULT_DUMP=str(file)) as monitor:
                await monitor.event("dumped")
                stores = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["stores"].values()
        written = await self.written()
        for seen in written.values():
            seen.state_position, seen.state = -1, b""
        for store in stores:
            for name, encoded in store.items():
                written[bytes.fromhex(name)].add_state(PatientState.FromString(bytes.fromhex(encoded)))
        return await self._judge_all(written, all_kept=all_kept)

    async def _judge_all(self, written: dict[bytes, Written], *, all_kept: bool) -> Verdict:
        await self._read_log()
        verdict = self._oracle.judge(written, all_kept=all_kept)
        self._oracle.judge_end(verdict, written)
        return verdict

    async def _read_log(self) -> None:
        async for record in self.stream(EVENTS):
            self._oracle.read([record])


@dataclass
class KeptRunning:
    """The monitor that runs now, and how those before it ended."""

    current: Process
    exits: list[int] = field(default_factory=list)

    async def keep(self, start: Callable[[], Awaitable[Process]]) -> None:
        while True:
            self.exits.append(await self.current.ended(timeout_seconds=3600))
            self.current = await start()


def _set_said(encoded: bytes) -> tuple[int, bytes]:
    one = FindingSet.FromString(encoded)
    return one.position, finding_set_hash(one)


def _state_said(encoded: bytes) -> tuple[int, bytes]:
    return PatientState.FromString(encoded).position, encoded
