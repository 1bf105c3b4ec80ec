"""A service that is killed while the story is told: what is found in the end is what an undisturbed run finds."""

import asyncio
import signal
from contextlib import asynccontextmanager, suppress

import pytest

from tests.lib.e2e.kit import running
from tests.lib.e2e.story import hand_overs_begin, story, tell

pytestmark = pytest.mark.stack
VICTIMS = ("prescriptions", "monitor", "alerts")
PAUSE_SECONDS = 0.02


@asynccontextmanager
async def watched(instance):
    """What `rxguard up` does: start again whatever dies."""
    watching = asyncio.create_task(instance.watch())
    try:
        yield
        assert not watching.done(), "the watch has given up"
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def told_with_a_kill(stack, folder, victim):
    """What comes of the story when a service is killed in the middle of its work, the orders behind it."""
    documents, middle = story(), hand_overs_begin()
    async with (
        running(stack, folder / f"e2e-{victim}", f"e2e{victim}", VICTIMS) as guard,
        watched(guard.instance),
    ):
        first = guard.instance.services[victim].child

        async def between(number):
            if number == middle:
                await guard.settled()
                await guard.until_committed("rx-monitor", "rx.medication-events.v1")
            if number == (middle + len(documents)) // 2:
                guard.kill(victim)
            await asyncio.sleep(PAUSE_SECONDS)

        told = await tell(guard, documents, between)
        assert first.exit_status == -signal.SIGKILL
        assert guard.instance.services[victim].child.exit_status is None
        return told


@pytest.fixture(scope="module")
async def disturbed(stack, stack_folder):
    """What came of the story by victim, or how it failed: each in an installation of its own, all at the same time."""
    tellings = [told_with_a_kill(stack, stack_folder, victim) for victim in VICTIMS]
    return dict(zip(VICTIMS, await asyncio.gather(*tellings, return_exceptions=True), strict=True))


@pytest.mark.parametrize("victim", VICTIMS)
def test_histories_findings_and_alerts_are_those_of_an_undisturbed_run_after_a_kill_of(told, disturbed, victim):
    after_kill = disturbed[victim]
    if isinstance(after_kill, BaseException):
        raise after_kill
    assert after_kill.history == told.history
    assert after_kill.findings == told.findings
    assert after_kill.alerts == told.alerts
    assert any(told.alerts.values())
