"""Partitions come and go: nothing is taken before its state is back, nothing is kept after it may belong to another."""

import asyncio

import pytest
from rx_monitor.domain.progress import EventsMissingError, NotOwnedError
from rx_monitor.domain.store import PartitionStore
from rx_monitor.monitor import Monitor


class HeldChangelog:
    """Restores when the test lets it."""

    def __init__(self):
        self.go = asyncio.Event()

    async def restore(self, partitions):
        await self.go.wait()
        return {number: PartitionStore({b"A" * 16: b"state"}) for number in partitions}


class NoReports:
    def __init__(self):
        self.written = 0

    def advanced(self):
        pass

    async def report(self):
        self.written += 1


@pytest.fixture
def monitor(ports):
    ports.stores.drop()
    ports.progress.end()
    readiness = []

    async def set_ready(ready):
        readiness.append(ready)

    built = Monitor(ports, HeldChangelog(), NoReports(), set_ready)
    built.readiness, built.ports, built.changelog = readiness, ports, built._changelog
    return built


async def test_a_monitor_is_ready_only_when_its_state_is_restored(monitor):
    assigning = asyncio.create_task(monitor.assigned(1, {0: 5}))
    await asyncio.sleep(0)
    assert monitor.readiness == []
    with pytest.raises(NotOwnedError):
        monitor.ports.stores.of(1, 0)
    monitor.changelog.go.set()
    await assigning
    assert monitor.readiness == [True]
    assert monitor.ports.progress.positions() == {0: 5}
    assert monitor.ports.stores.of(1, 0).get(b"A" * 16) == b"state"


async def test_revoked_partitions_leave_neither_state_nor_progress(monitor):
    monitor.changelog.go.set()
    await monitor.assigned(1, {0: 5})
    await monitor.revoked()
    assert monitor.readiness == [True, False]
    assert monitor.ports.progress.positions() == {}
    with pytest.raises(NotOwnedError):
        monitor.ports.stores.of(1, 0)


async def test_a_restore_that_a_revocation_overtakes_owns_nothing(monitor):
    assigning = asyncio.create_task(monitor.assigned(1, {0: 5}))
    await asyncio.sleep(0)
    await monitor.revoked()
    monitor.changelog.go.set()
    await assigning
    assert True not in monitor.readiness
    assert monitor.ports.progress.positions() == {}


async def test_a_partition_without_a_committed_offset_is_refused(monitor):
    with pytest.raises(EventsMissingError):
        await monitor.assigned(1, {0: None})


async def test_a_monitor_without_partitions_is_ready_to_take_over(monitor):
    monitor.changelog.go.set()
    await monitor.assigned(1, {})
    assert monitor.readiness == [True]
