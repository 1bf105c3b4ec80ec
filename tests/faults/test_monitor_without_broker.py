"""The broker goes away and comes back, with or without notice; the monitor is started again whenever it ends."""

import asyncio
import os
import signal

import pytest

from tests.faults.campaign import Campaign
from tests.faults.own_broker import own_broker

pytestmark = pytest.mark.stack


@pytest.fixture(params=["faust", "control"])
async def campaign(request, tmp_path):
    async with own_broker(tmp_path) as grounds, Campaign(grounds, source=request.param, seed=20260602) as campaign:
        await campaign.load(60)
        campaign.broker = grounds.broker
        yield campaign


async def through_an_outage(campaign, seconds, number):
    async with campaign.kept_running() as monitors:
        await monitors.current.event("ready")
        await campaign.load(60)
        await campaign.broker.restart_after(seconds, number)
        await campaign.load(60)
        await campaign.caught_up(timeout_seconds=150)
    assert (await campaign.judge_end()).faults == {}
    assert (await campaign.judge_restored()).faults == {}


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
async def test_a_broker_that_is_started_again(campaign, number):
    await through_an_outage(campaign, 0, number)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_an_outage_of_a_minute(campaign):
    await through_an_outage(campaign, 60, signal.SIGKILL)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_broker_that_stands_still_for_a_minute(campaign):
    """Connections stay open and nothing answers: requests time out instead of being refused."""
    async with campaign.kept_running() as monitors:
        await monitors.current.event("ready")
        await campaign.load(60)
        os.kill(campaign.broker.child.pid, signal.SIGSTOP)
        await asyncio.sleep(60)
        os.kill(campaign.broker.child.pid, signal.SIGCONT)
        await campaign.load(60)
        await campaign.caught_up(timeout_seconds=150)
    assert (await campaign.judge_end()).faults == {}
