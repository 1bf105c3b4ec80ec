"""Progress reports: soon after an advance, at most one a second, and always after the last one."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_monitor.adapters.kafka import progress_reports
from rx_monitor.adapters.kafka.progress_reports import ProgressReports
from rx_monitor.domain.partition_state import PartitionProgress, PartitionState
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import PartitionRebuild, Rebuilds
from rx_monitor.domain.store import PartitionStore, Stores


class MemoryProducer:
    """Acknowledges at once; `sent` holds topic, partition, key and report."""

    def __init__(self):
        self.sent = []

    def create_batch(self):
        return BatchBuilder(1 << 20, 0)

    async def send_batch(self, batch, topic, *, partition):
        for record in MemoryRecords(bytes(batch._build())).next_batch():
            self.sent.append((topic, partition, record.key, MonitorProgress.FromString(record.value)))
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(SimpleNamespace(offset=0))
        return acknowledged


@pytest.fixture
def producer():
    return MemoryProducer()


@pytest.fixture
def positions():
    return {0: 3, 1: 7}


@pytest.fixture
def reports(producer, positions):
    identity = MonitorProgress(topic_id="topic-1", ruleset_seq=2, ruleset_version="rules")

    def partition_progress():
        return {number: PartitionProgress(position=offset, unassessed=0) for number, offset in positions.items()}

    return ProgressReports(producer, "progress", partition_progress=partition_progress, template=identity)


def told(producer):
    return [(report.partition, report.position) for _, _, _, report in producer.sent]


async def test_a_report_names_position_ruleset_and_topic(reports, producer):
    await reports.report()
    topic, partition, key, report = producer.sent[0]
    assert (topic, partition, key) == ("progress", 0, b"0")
    assert (report.position, report.ruleset_seq, report.ruleset_version, report.topic_id) == (3, 2, "rules", "topic-1")


async def test_only_partitions_that_came_further_are_reported_again(reports, producer, positions):
    await reports.report()
    positions[1] = 9
    await reports.report()
    assert told(producer) == [(0, 3), (1, 7), (1, 9)]


async def test_advances_within_the_interval_are_told_once_at_its_end(reports, producer, positions, monkeypatch):
    interval_over = asyncio.Event()

    async def interval(_seconds):
        await interval_over.wait()
        interval_over.clear()

    async def turns():
        for _ in range(10):
            await asyncio.sleep(0)

    running = asyncio.create_task(reports.run())
    with monkeypatch.context() as clock:
        clock.setattr(progress_reports, "asyncio", SimpleNamespace(sleep=interval))
        for position in (4, 5, 6):
            positions[0] = position
            reports.mark_dirty()
            await turns()
        assert told(producer) == [(0, 4), (1, 7)]
        interval_over.set()
        await turns()
        running.cancel()
    assert told(producer) == [(0, 4), (1, 7), (0, 6)]


async def test_a_partition_that_is_rebuilt_stands_at_its_first_event_and_says_how_far_it_is_read(producer):
    progress, stores = Progress(), Stores()
    progress.on_assigned(1, {0: 40, 1: 40})
    stores.activate(1, {0: PartitionStore({b"A": b"state"}, unassessed=[b"A"]), 1: PartitionStore({})})
    rebuilds = Rebuilds({0: PartitionRebuild(first_offset=7, replay_end_offset=90)})
    state = PartitionState(stores, progress, rebuilds)
    reports = ProgressReports(
        producer, "progress", partition_progress=state.partition_progress, template=MonitorProgress()
    )
    await reports.report()
    rebuilt, other = (report for _, _, _, report in producer.sent)
    assert (rebuilt.position, rebuilt.rebuild.position, rebuilt.rebuild.end_position) == (7, 40, 90)
    assert (rebuilt.unassessed_patients, rebuilt.rebuild.clearing) == (1, False)
    assert (other.position, other.HasField("rebuild"), other.unassessed_patients) == (40, False, 0)
