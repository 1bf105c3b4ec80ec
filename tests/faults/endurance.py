"""The long form: `make faults`. A million events, two hundred kills and more, and what came of it as one JSON document.

Monitors are killed at named points and from outside at random moments, with batches of several sizes, alone or two at
a time, now and then with the broker itself. At the end every record that was written is judged by the oracle, and so is
the state that a new monitor restores. Exit code 1 if anything was lost, doubled or invented.
"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka.errors import KafkaError
from rx_runtime.errors import RxGuardError

from tests.faults.campaign import Campaign
from tests.faults.fault_load import Told, histories
from tests.faults.monitor_harness import Process
from tests.faults.own_broker import OwnKafka, own_broker

POINTS = {
    "after_fetch": 8,
    "after_decode": 600,
    "after_fold": 8,
    "before_findings": 8,
    "findings_unacknowledged": 8,
    "between_rounds": 8,
    "states_unacknowledged": 8,
    "after_states": 8,
    "after_progress": 8,
    "before_commit": 6,
    "commit_unacknowledged": 6,
    "after_commit": 6,
    "before_restore": 1,
    "in_restore": 4,
    "after_restore": 1,
    "in_assigned": 1,
    "after_assigned": 1,
}
"""Kill points, and at which passage at the latest."""

BATCH_SIZES = (40, 400, 2000)
PATIENTS_A_PART = 250
MOST_WAITING_EVENTS = 30_000
LIFE_SECONDS = 8.0
"""A monitor that has not passed its point after so long is killed from outside."""


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)  # noqa: T201  # progress for a person


class Endurance:
    """One run over one log."""

    def __init__(self, campaign: Campaign, broker: OwnKafka, events: int, kills: int) -> None:
        self._campaign = campaign
        self._broker = broker
        self._events_wanted = events
        self._kills_wanted = kills
        self._chance = campaign.chance
        self.appended = 0
        self.kills: Counter[str] = Counter()
        self.broker_restarts = 0
        self.unexpected_ends: Counter[int] = Counter()

    async def run(self) -> None:
        feeding = asyncio.create_task(self._feed())
        while self.kills.total() < self._kills_wanted or not feeding.done():
            if feeding.done():
                feeding.result()
            await (self._two_lives() if self._chance.random() < 0.2 else self._life("one"))
            await self._live_on_while_ahead(feeding)
            if self._chance.random() < 0.02:
                await self._broker.restart_after(0, self._chance.choice((signal.SIGTERM, signal.SIGKILL)))
                self.broker_restarts += 1
            say(f"{self.appended} events, {self.kills.total()} kills, {self.broker_restarts} restarts of the broker")
        await feeding
        say("the last monitor does the rest")
        async with self._campaign.kept_running():
            await self._campaign.caught_up(timeout_seconds=3600)

    async def _live_on_while_ahead(self, feeding: asyncio.Task[None]) -> None:
        """Let one monitor work while there have been more kills than the share of the load that was appended."""
        if self._kills_ahead() <= 0 or feeding.done():
            return
        monitor = await self._campaign.start()
        while self._kills_ahead() > 0 and not feeding.done() and monitor.is_running:  # noqa: ASYNC110  # others change it
            await asyncio.sleep(0.5)
        self._note(monitor, await monitor.end(signal.SIGKILL), "from outside")

    def _kills_ahead(self) -> float:
        return self.kills.total() / self._kills_wanted - self.appended / self._events_wanted

    async def _two_lives(self) -> None:
        await asyncio.gather(self._life(""), self._life(""))

    async def _life(self, member: str) -> None:
        point, most = self._chance.choice(list(POINTS.items()))
        outside = self._chance.random() < 0.3
        settings = {"broker_max_poll_records": self._chance.choice(BATCH_SIZES)}
        monitor = await self._campaign.start(
            RXGUARD_MEMBER=member,
            FAULT_FAUST=json.dumps(settings),
            FAULT_SIGNALS="" if outside else f"{point}:{self._chance.randint(1, most)}",
        )
        lives_for = self._chance.uniform(1, LIFE_SECONDS) if outside else LIFE_SECONDS
        try:
            code = await monitor.ended(timeout_seconds=lives_for)
        except TimeoutError:
            code, point = await monitor.end(signal.SIGKILL), "from outside"
        self._note(monitor, code, point)

    def _note(self, monitor: Process, code: int, point: str) -> None:
        if code == -signal.SIGKILL:
            self.kills[point] += 1
        else:
            self.unexpected_ends[code] += 1
            say(f"ended with {code}: {monitor.log[-1]}")

    async def _feed(self) -> None:
        """Append the load, never far ahead of the monitors; a part that the broker did not take is sent again."""
        while self.appended < self._events_wanted:
            told = histories(self._chance, list(islice(self._campaign.names, PATIENTS_A_PART)))
            while not await self._taken(told):
                say("the broker did not take all of a part: sent again")
            self.appended += len(told)
            while await self._is_far_ahead():  # noqa: ASYNC110  # other processes end it
                await asyncio.sleep(0.5)

    async def _taken(self, told: list[Told]) -> bool:
        try:
            await self._campaign.append(told)
        except (KafkaError, RxGuardError):
            return False
        return True

    async def _is_far_ahead(self) -> bool:
        try:
            ends, committed = await self._campaign.log_ends(), await self._campaign.committed()
        except (KafkaError, RxGuardError):
            return True
        return sum(ends.values()) - sum(committed.values()) > MOST_WAITING_EVENTS


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    started, clock = datetime.now(UTC), time.monotonic()
    with TemporaryDirectory(prefix="rxguard-faults-") as folder:
        async with (
            own_broker(Path(folder)) as grounds,
            Campaign(grounds, source=arguments.source, seed=arguments.seed) as campaign,
        ):
            endurance = Endurance(campaign, grounds.broker, arguments.events, arguments.kills)
            await endurance.run()
            seconds = time.monotonic() - clock
            say("judging what was written")
            verdict = await campaign.judge_end(all_kept=False)
            restored = await campaign.judge_restored(all_kept=False)
    return {
        "format": 1,
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain")),
        "started_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "seconds": round(seconds, 1),
        "source": arguments.source,
        "seed": arguments.seed,
        "kills": {"total": endurance.kills.total(), "by_point": dict(sorted(endurance.kills.items()))},
        "broker_restarts": endurance.broker_restarts,
        "unexpected_ends": dict(endurance.unexpected_ends),
        "verdict": asdict(verdict),
        "restored": asdict(restored),
        "ok": not verdict.faults and not restored.faults,
    }


def git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S607  # the one on the path
    return found.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--source", choices=("faust", "control"), default="faust")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--output", type=Path, help="also write the document to this file")
    arguments = parser.parse_args()
    say(f"seed {arguments.seed}")
    document = json.dumps(asyncio.run(run(arguments)), indent=2)
    print(document)  # noqa: T201  # the result
    if arguments.output:
        arguments.output.write_text(document + "\n", encoding="utf-8")
    return 0 if json.loads(document)["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
