"""Partitions between monitors on real Kafka: names in the group, changes of hands, and writers who should be gone."""

import asyncio
import signal

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rx_runtime.grpc_server import LIVENESS

from tests.faults import monitor_harness as harness

pytestmark = pytest.mark.stack

ANNA, BERT = harness.patients(2)


@pytest.fixture
async def topics(installation):
    async with harness.Harness(installation) as topics:
        yield topics


def methadone(patient):
    return harness.fill(patient, "methadone", harness.METHADONE)


def ldn(patient):
    return harness.fill(patient, "ldn", harness.LDN, hours=40 * 24)


async def test_a_named_monitor_that_was_killed_comes_back_without_a_change_of_generation(topics):
    async with topics.monitor(RXGUARD_MEMBER="m-1") as first:
        before = (await first.event("restoring"))["generation"]
        await first.end(signal.SIGKILL)
    async with topics.monitor(RXGUARD_MEMBER="m-1") as second:
        await topics.feed([methadone(ANNA), ldn(ANNA)])
        await topics.caught_up()
        assert (await second.event("restoring"))["generation"] == before
    assert await topics.conclusions() == harness.expected([methadone(ANNA), ldn(ANNA)])


async def test_of_two_processes_with_one_name_the_older_one_ends(topics):
    async with (
        topics.monitor(RXGUARD_MEMBER="m-1") as older,
        topics.monitor(RXGUARD_MEMBER="m-1") as newer,
    ):
        assert await older.ended() == 5
        assert (await older.event("crashed"))["reason"].startswith("MEMBER_REPLACED")
        await topics.feed([methadone(ANNA), ldn(ANNA)])
        await topics.caught_up()
        assert newer.is_running
    assert await topics.conclusions() == harness.expected([methadone(ANNA), ldn(ANNA)])


async def until(condition):
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  # other processes make it true
            await asyncio.sleep(0.1)


async def test_what_stays_with_a_monitor_through_a_rebalance_is_not_read_again(topics):
    events = [one for name in harness.patients(40) for one in (methadone(name), ldn(name))]
    async with topics.monitor() as first:
        await topics.feed(events)
        await topics.caught_up()
        async with topics.monitor():

            async def kept():
                return [record for record in first.log if record["event"] == "kept" and len(record["partitions"]) == 2]

            await until(kept)
            more = [methadone(b"%016d" % number) for number in range(100)]
            await topics.feed(more)
            await topics.caught_up()
    assert await topics.conclusions() == harness.expected(events + more)
    assert harness.held_facts(await topics.states()) == harness.expected_facts(events + more)


@pytest.mark.parametrize("topic", ["rx.monitor-state.v1", "rx.findings.v1"])
async def test_an_older_record_of_a_former_owner_does_not_stay_the_last_one(topics, topic):
    async with topics.monitor():
        await topics.feed([methadone(ANNA), ldn(ANNA)])
        await topics.caught_up()
        older = (await topics.records(topic))[-1]
        returned = harness.refers(ANNA, "returned", "medication_returned_to_stock", "ldn", hours=41 * 24)
        await topics.feed([returned])
        await topics.caught_up()
        newest = (await topics.records(topic))[-1]
        await topics.write(topic, older.key, older.value, older.partition)

        async def last_is_ours():
            return (await topics.records(topic))[-1].value == newest.value

        await until(last_is_ours)
    assert newest.value != older.value


async def test_an_older_finding_set_written_before_a_restore_does_not_stay_the_last_one(topics):
    async with topics.monitor() as first:
        await topics.feed([methadone(ANNA), ldn(ANNA)])
        await topics.caught_up()
        older = (await topics.records("rx.findings.v1"))[-1]
        await topics.feed([harness.refers(ANNA, "returned", "medication_returned_to_stock", "ldn", hours=41 * 24)])
        await topics.caught_up()
        newest = (await topics.records("rx.findings.v1"))[-1]
        assert await first.end(signal.SIGTERM) == 0
    await topics.write("rx.findings.v1", older.key, older.value, older.partition)
    async with topics.monitor():

        async def last_is_ours():
            return (await topics.records("rx.findings.v1"))[-1].value == newest.value

        await until(last_is_ours)
    assert newest.value != older.value


async def test_a_record_that_is_too_large_stops_one_partition_and_says_so(topics):
    great = [harness.fill(ANNA, f"methadone-{number}", harness.METHADONE) for number in range(100)]
    others = [one for name in harness.patients(60)[1:] for one in (methadone(name), ldn(name))]
    async with topics.monitor(RXGUARD_MAX_RECORD_BYTES="4096") as monitor:
        await topics.feed(great)
        stopped = await monitor.event("partition_stopped")
        await topics.feed(others)

        async def others_done():
            ends, progress = await topics.log_ends(), await topics.progress()
            return all(progress[number] == end for number, end in ends.items() if number != stopped["partition"])

        await until(others_done)
        assert stopped["code"] == "RECORD_TOO_LARGE"
        assert (await topics.progress())[stopped["partition"]] <= stopped["offset"]
        assert await health(monitor, "") == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await health(monitor, LIVENESS) == health_pb2.HealthCheckResponse.SERVING
    async with topics.monitor():
        await topics.caught_up()
    assert await topics.conclusions() == harness.expected(great + others)


async def health(monitor, service):
    async with grpc.aio.insecure_channel((await monitor.event("listening"))["grpc"]) as channel:
        asked = health_pb2.HealthCheckRequest(service=service)
        return (await health_pb2_grpc.HealthStub(channel).Check(asked)).status
