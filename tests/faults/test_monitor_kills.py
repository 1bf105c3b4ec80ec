"""Monitors killed in the middle of a load: the findings in the end are those of a run that nobody disturbed."""

import asyncio
import importlib.util
import random
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.stack

SPEC = importlib.util.spec_from_file_location("monitor_harness", Path(__file__).with_name("monitor_harness.py"))
harness = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(harness)
SEED = 20260401


@pytest.fixture
def topics(installation):
    return harness.Harness(installation)


def load(chance, count):
    """Events of many patients in random order, some twice: opioids, blockers, revisions and returns."""
    events = []
    for name in harness.patients(count):
        events += [
            harness.fill(name, "opioid", harness.METHADONE),
            harness.fill(name, "opioid", harness.METHADONE, hours=48, revision=2),
            harness.fill(name, "blocker", harness.LDN, hours=40 * 24),
        ]
        if chance.random() < 0.3:
            events.append(harness.refers(name, "undone", "medication_returned_to_stock", "blocker", hours=41 * 24))
    events += chance.sample(events, len(events) // 10)
    chance.shuffle(events)
    return events


async def test_kills_in_the_middle_of_a_load_lose_and_invent_nothing(topics):
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose
    events = load(chance, 400)
    feeding = asyncio.create_task(feed_slowly(topics, events))
    for _ in range(2):
        async with topics.monitor() as monitor:
            await asyncio.sleep(chance.uniform(0, 0.8))
            assert await monitor.end(signal.SIGKILL) == -signal.SIGKILL
    await feeding
    async with topics.monitor():
        await topics.caught_up()
    assert harness.held_facts(await topics.states()) == harness.expected_facts(events)
    assert await topics.conclusions() == harness.expected(events)


async def feed_slowly(topics, events, parts=40):
    size = len(events) // parts + 1
    for start in range(0, len(events), size):
        await topics.feed(events[start : start + size])


async def test_the_partitions_of_a_killed_monitor_are_taken_over_by_the_other(topics):
    chance = random.Random(SEED + 1)  # noqa: S311  # repeatable on purpose
    events = load(chance, 200)
    async with topics.monitor() as first, topics.monitor():
        feeding = asyncio.create_task(feed_slowly(topics, events))
        await asyncio.sleep(chance.uniform(0.2, 1))
        await first.end(signal.SIGKILL)
        await feeding
        await topics.caught_up()
    assert harness.held_facts(await topics.states()) == harness.expected_facts(events)
    assert await topics.conclusions() == harness.expected(events)
