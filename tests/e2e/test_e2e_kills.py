"""A service that is killed while the story is told: what is found in the end is what an undisturbed run finds."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from e2e_kit import running
from e2e_story import story, tell

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


async def told_with_kills(stack, folder, victim):
    """What comes of the story when a service is killed twice while it is told, each time in the middle of its work."""
    documents = story()
    kills = [len(documents) // 4, 2 * len(documents) // 3]
    killed = []
    async with (
        running(stack, folder / f"e2e-{victim}", f"e2e{victim}", VICTIMS) as guard,
        watched(guard.instance),
    ):
        service = guard.instance.services[victim]

        async def between(number):
            if number in kills:
                while service.child.pid in killed or not service.ready:  # noqa: ASYNC110  # back from the kill before
                    await asyncio.sleep(PAUSE_SECONDS)
                killed.append(service.child.pid)
                guard.kill(victim)
            await asyncio.sleep(PAUSE_SECONDS)

        told = await tell(guard, documents, between)
        assert len(set(killed)) == len(kills)
        assert service.child.pid not in killed
        return told


@pytest.fixture(scope="module")
async def disturbed(stack, stack_folder):
    """What came of the story by victim, each in an installation of its own, all at the same time."""
    tellings = await asyncio.gather(*(told_with_kills(stack, stack_folder, victim) for victim in VICTIMS))
    return dict(zip(VICTIMS, tellings, strict=True))


@pytest.mark.parametrize("victim", VICTIMS)
def test_histories_findings_and_alerts_are_those_of_an_undisturbed_run_after_two_kills_of(told, disturbed, victim):
    assert disturbed[victim].history == told.history
    assert disturbed[victim].findings == told.findings
    assert disturbed[victim].alerts == told.alerts
    assert any(told.alerts.values())
