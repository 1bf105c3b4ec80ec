"""Partitions come and go: nothing is taken before its state is back, nothing is kept after it may belong to another."""

import asyncio

import pytest
from rx_monitor.domain.progress import EventsMissingError, NotOwnedError
from rx_monitor.domain.store import PartitionStore
from rx_monitor.lifecycle.worker import RESTART_AFTER_POLLS, STALLED_AFTER_POLLS, StalledError
from rx_monitor.ports import EndOffsets


class HeldChangelog:
    """Restores when the test lets it."""

    def __init__(self):
        self.go = asyncio.Event()
        self.held = []

    async def restore(self, partitions, held):
        self.held.append(dict(held))
        await self.go.wait()
        return {number: PartitionStore({b"A" * 16: b"state"}) for number in partitions}


class NoReports:
    def __init__(self):
        self.output_log = 0

    def mark_dirty(self):
        pass

    async def report(self):
        self.output_log += 1


class Probes:
    """What probes would have been answered with, in order."""

    def __init__(self):
        self.readiness = []
        self.liveness = []

    async def set_ready(self, ready):
        self.readiness.append(ready)

    async def set_live(self, live):
        self.liveness.append(live)


@pytest.fixture
def monitor(kit):
    kit.stores.suspend()
    kit.progress.on_revoked()
    probes = Probes()
    built = kit.worker(HeldChangelog(), NoReports(), probes)
    built.readiness, built.liveness = probes.readiness, probes.liveness
    built.kit, built.changelog = kit, built._changelog
    return built


async def test_a_monitor_is_ready_only_when_its_state_is_restored(monitor):
    assigning = asyncio.create_task(monitor.on_assigned(1, {0: 5}))
    await asyncio.sleep(0)
    assert monitor.readiness == []
    with pytest.raises(NotOwnedError):
        monitor.kit.stores.of(1, 0)
    monitor.changelog.go.set()
    await assigning
    assert monitor.readiness == [True]
    assert monitor.kit.progress.positions() == {0: 5}
    assert monitor.kit.stores.of(1, 0).get(b"A" * 16) == b"state"


async def test_revoked_partitions_leave_neither_state_nor_progress(monitor):
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {0: 5})
    await monitor.on_revoked()
    assert monitor.readiness == [True, False]
    assert monitor.kit.progress.positions() == {}
    with pytest.raises(NotOwnedError):
        monitor.kit.stores.of(1, 0)


async def test_a_restore_that_a_revocation_overtakes_owns_nothing(monitor):
    assigning = asyncio.create_task(monitor.on_assigned(1, {0: 5}))
    await asyncio.sleep(0)
    await monitor.on_revoked()
    monitor.changelog.go.set()
    await assigning
    assert True not in monitor.readiness
    assert monitor.kit.progress.positions() == {}


async def test_a_partition_without_a_committed_offset_is_refused(monitor):
    with pytest.raises(EventsMissingError):
        await monitor.on_assigned(1, {0: None})


async def test_a_monitor_without_partitions_is_ready_to_take_over(monitor):
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {})
    assert monitor.readiness == [True]


async def test_state_of_the_generation_before_is_offered_for_reuse_and_of_no_other(monitor):
    monitor.changelog.go.set()
    for generation in (1, 2, 5):
        await monitor.on_assigned(generation, {0: 5})
        await monitor.on_revoked()
    assert [sorted(held) for held in monitor.changelog.held] == [[], [0], []]


async def test_a_monitor_that_took_nothing_in_between_offers_what_it_held_before(monitor):
    """Revoked twice without an assignment: the second time there is nothing to suspend."""
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {0: 5})
    await monitor.on_revoked()
    await monitor.on_revoked()
    await monitor.on_assigned(2, {0: 5})
    assert sorted(monitor.changelog.held[-1]) == [0]


async def looked(monitor, times, events):
    for _ in range(times):
        await monitor.on_end_offsets({0: EndOffsets(events=events, findings=0, states=0)})


async def test_liveness_fails_when_events_wait_and_nothing_advances(monitor):
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {0: 5})
    await looked(monitor, STALLED_AFTER_POLLS, events=6)
    assert set(monitor.liveness) == {True}
    await looked(monitor, 1, events=6)
    assert monitor.liveness[-1] is False
    monitor.kit.progress.advance(1, 0, 6)
    await looked(monitor, 1, events=7)
    assert monitor.liveness[-1] is True


async def test_a_monitor_that_stands_still_for_long_ends(monitor):
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {0: 5})
    with pytest.raises(StalledError):
        await looked(monitor, RESTART_AFTER_POLLS + 1, events=6)


@pytest.mark.parametrize("events", [5, 4])
async def test_an_idle_monitor_is_alive(monitor, events):
    monitor.changelog.go.set()
    await monitor.on_assigned(1, {0: 5})
    await looked(monitor, 2 * RESTART_AFTER_POLLS, events)
    assert set(monitor.liveness) == {True}


async def test_a_monitor_that_restores_is_alive(monitor):
    assigning = asyncio.create_task(monitor.on_assigned(1, {0: 5}))
    await looked(monitor, 2 * RESTART_AFTER_POLLS, events=9)
    assert set(monitor.liveness) == {True}
    monitor.changelog.go.set()
    await assigning
