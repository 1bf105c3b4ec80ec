"""Monitors disturbed from outside, alone or sharing the partitions: nothing is lost, doubled or invented."""

import asyncio
import signal

import pytest
from aiokafka import AIOKafkaProducer

from tests.faults.campaign import STATES

pytestmark = pytest.mark.stack
LONG = pytest.mark.long

SMALL_BATCHES = '{"broker_max_poll_records": 40}'


async def until(condition, timeout_seconds=60):
    async with asyncio.timeout(timeout_seconds):
        while not await condition():  # noqa: ASYNC110  # other processes make it true
            await asyncio.sleep(0.1)


async def test_kills_at_random_moments(campaign):
    async def kill():
        for _ in range(4):
            monitor = await campaign.start()
            await monitor.event("starting")
            await asyncio.sleep(campaign.chance.uniform(0, 2))
            assert await monitor.end(signal.SIGKILL) == -signal.SIGKILL

    await campaign.disturbed(kill)
    await campaign.run_once()
    assert (await campaign.judge_end()).faults == {}


@pytest.mark.parametrize(
    "point",
    ["after_fold", "between_rounds", *(pytest.param(one, marks=LONG) for one in ("after_fetch", "after_states"))],
)
async def test_a_stop_in_the_middle_of_a_batch_commits_only_what_is_done(campaign, point):
    await campaign.load(25)
    monitor = await campaign.start(FAULT_SIGNALS=f"{point}:2:SIGTERM", FAULT_FAUST=SMALL_BATCHES)
    assert await monitor.ended() == 0
    assert (await campaign.judge()).faults == {}
    await campaign.run_once()
    assert (await campaign.judge_end()).faults == {}


@pytest.mark.parametrize("point", ["in_revoked:2", "after_revoked:2", "in_assigned:2", "after_assigned:2"])
async def test_a_kill_while_partitions_change_hands(campaign, point):
    await campaign.load(25)
    async with campaign.monitor(RXGUARD_MEMBER="", FAULT_SIGNALS=point) as first, campaign.monitor(RXGUARD_MEMBER=""):
        await campaign.load(25)
        assert await first.ended() == -signal.SIGKILL
        await campaign.caught_up()
    assert (await campaign.judge_end()).faults == {}


async def test_the_partitions_of_a_killed_monitor_are_taken_over_by_the_other(campaign):
    async with campaign.monitor(RXGUARD_MEMBER="") as first, campaign.monitor(RXGUARD_MEMBER=""):

        async def kill():
            await asyncio.sleep(campaign.chance.uniform(0.2, 1))
            await first.end(signal.SIGKILL)

        await campaign.disturbed(kill)
        await campaign.caught_up()
    assert (await campaign.judge_end()).faults == {}


async def test_monitors_that_come_and_go_all_the_time(campaign):
    async with campaign.monitor(RXGUARD_MEMBER=""):

        async def storm():
            for number in range(5):
                other = await campaign.start(RXGUARD_MEMBER="")
                await other.event("starting" if number % 2 else "ready")
                await asyncio.sleep(campaign.chance.uniform(0, 1))
                await other.end(signal.SIGKILL if number % 3 == 0 else signal.SIGTERM)

        await campaign.disturbed(storm)
        await campaign.caught_up()
    assert (await campaign.judge_end()).faults == {}


@pytest.mark.parametrize(
    "point", ["between_rounds", *(pytest.param(one, marks=LONG) for one in ("after_fold", "states_unacknowledged"))]
)
async def test_a_monitor_that_wakes_up_after_others_took_its_partitions(campaign, point):
    """Paused for longer than its session; what it still writes then must not stay the last word."""
    async with (
        campaign.monitor(RXGUARD_MEMBER="", FAULT_SIGNALS=f"{point}:3:SIGSTOP", FAULT_FAUST=SMALL_BATCHES) as paused,
        campaign.monitor(RXGUARD_MEMBER=""),
    ):
        await campaign.load(60)

        async def is_stopped():
            return paused.is_stopped

        await until(is_stopped)
        await campaign.caught_up()  # by the other, once the session of the paused one has run out
        paused.send(signal.SIGCONT)

        await campaign.load(30)
        await campaign.caught_up()
        for _ in range(30):
            if not (hidden := await campaign.hidden_behind_older()):
                break
            await asyncio.sleep(1)
        assert hidden == []
    assert (await campaign.judge_end()).faults == {}
    assert (await campaign.judge_restored()).faults == {}


@pytest.mark.parametrize("every", [2, pytest.param(3, marks=LONG)])
async def test_a_flow_that_stops_and_fetches_again_in_other_batches(campaign, every):
    await campaign.load(60)
    await campaign.run_once(FAULT_FLOW=str(every), FAULT_FAUST='{"broker_max_poll_records": 11}')
    assert (await campaign.judge_end()).faults == {}


async def test_a_changelog_whose_last_offset_holds_no_record_is_read_to_its_end(campaign):
    """The marker of a transaction has an offset and is no record; so have records that compaction took away."""
    await campaign.run_once()
    last = (await campaign.records(STATES))[-1]
    producer = AIOKafkaProducer(bootstrap_servers=campaign.kafka, transactional_id="markers")
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send(campaign.topic(STATES), last.value, key=last.key, partition=last.partition)
    finally:
        await producer.stop()
    assert (await campaign.judge_restored()).faults == {}
