"""One set of topics, one growing load, and monitors that die over it; in the end the oracle judges what they wrote."""

import json
import random
import signal
from itertools import islice
from pathlib import Path
from typing import Any

from fault_load import Told, histories, patients
from fault_oracle import Oracle, Verdict
from monitor_harness import Harness, Process
from rx_runtime import kafka

FOLDER = Path(__file__).parent
EVENTS, FINDINGS, STATES = "rx.medication-events.v1", "rx.findings.v1", "rx.monitor-state.v1"
QUICK_GROUP = {"broker_session_timeout": 2.0, "broker_heartbeat_interval": 0.5}
"""The group waits this long for a member that was killed; the product's 10 s only make the tests longer."""


class Campaign(Harness):
    """The topics of one installation, monitors with planted faults, and what is known of the load."""

    program = (str(FOLDER / "faulty_monitor.py"),)

    def __init__(self, installation: Any, *, source: str, seed: int) -> None:
        super().__init__(installation)
        self.chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self.facts: dict[bytes, list[dict[str, Any]]] = {}
        self.kills = 0
        self._oracle = Oracle()
        self._source = source
        self._names = patients(self.chance)

    def told(self, patient_count: int) -> list[Told]:
        """The events of so many new patients."""
        told = histories(self.chance, list(islice(self._names, patient_count)))
        for one in told:
            self.facts.setdefault(one.event.patient, []).append(one.fact)
        return told

    async def load(self, patient_count: int) -> None:
        """Append the events of so many new patients to the log."""
        await self.append(self.told(patient_count))

    async def append(self, told: list[Told]) -> None:
        producer = kafka.new_producer(self.kafka, client_id="test")
        await producer.start()
        try:
            for one in told:
                event = one.event
                headers = [("rx-class", one.kind), ("rx-event-key", event.event_key)]
                await producer.send(self.topic(EVENTS), event.SerializeToString(), key=event.patient, headers=headers)
            await producer.flush()
        finally:
            await producer.stop()

    async def start(self, **environment: str) -> Process:
        settings = QUICK_GROUP | json.loads(environment.pop("FAULT_FAUST", "{}"))
        return await super().start(
            **{"RXGUARD_MEMBER": "one", "FAULT_SOURCE": self._source, "FAULT_FAUST": json.dumps(settings)} | environment
        )

    async def run_into(self, point: str, passage: int, **environment: str) -> None:
        """Run a monitor that kills itself there; fails if it does not get there."""
        monitor = await self.start(FAULT_SIGNALS=f"{point}:{passage}", **environment)
        try:
            assert await monitor.ended() == -signal.SIGKILL, monitor.log
        finally:
            await monitor.end(signal.SIGKILL)
        self.kills += 1

    async def finish(self, **environment: str) -> None:
        """Let one monitor do what is left."""
        async with self.monitor(**environment) as monitor:
            await self.caught_up()
            assert await monitor.end(signal.SIGTERM) == 0

    async def judge(self, *, all_kept: bool = True) -> Verdict:
        """Compare what the monitors have written so far with the log as far as they have come."""
        states = await self.states()
        self._oracle.read(await self.records(EVENTS))
        assert self._oracle.unfinished(await self.committed(), states) == {}
        return self._oracle.judge(await self.records(FINDINGS), states, all_kept=all_kept)

    async def judge_end(self, *, all_kept: bool = True) -> Verdict:
        """Compare all that the monitors wrote with the whole log."""
        verdict = await self.judge(all_kept=all_kept)
        self._oracle.judge_end(verdict, await self.states(), self.facts)
        return verdict
