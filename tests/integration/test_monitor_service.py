"""The monitor as a process on real Kafka: events in, findings, state and progress out."""

import asyncio
import importlib.util
import random
import signal
import urllib.request
from pathlib import Path

import grpc
import pytest
from aiokafka.admin import NewTopic
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState
from rx_runtime.kafka import clients
from rx_runtime.telemetry.metrics import METRICS

pytestmark = pytest.mark.stack

SPEC = importlib.util.spec_from_file_location(
    "monitor_harness", Path(__file__).parents[1] / "faults" / "monitor_harness.py"
)
harness = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(harness)
ANNA, BERT = harness.patients(2)


@pytest.fixture
async def topics(installation):
    async with harness.Harness(installation) as topics:
        yield topics


def methadone(patient, name="methadone", **when):
    return harness.fill(patient, name, harness.METHADONE, **when)


def ldn(patient, name="ldn", **when):
    return harness.fill(patient, name, harness.LDN, **({"hours": 40 * 24} | when))


async def test_an_opioid_and_a_blocker_give_the_findings_of_the_core(topics):
    events = [methadone(ANNA), ldn(ANNA), methadone(BERT)]
    await topics.feed(events)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(events)
    assert "WR-02" in {finding.rule for finding in (await topics.findings())[ANNA].findings}


async def test_an_order_that_arrives_after_the_fill_raises_the_finding_then(topics):
    order = harness.event(ANNA, "order", prescription_written={"medicine": harness.METHADONE, "status": "active"})
    async with topics.monitor():
        await topics.feed([ldn(ANNA, hours=24)])
        await topics.caught_up()
        before = await topics.conclusions()
        await topics.feed([order])
        await topics.caught_up()
    assert await topics.conclusions() == harness.expected([ldn(ANNA, hours=24), order]) != before


@pytest.mark.parametrize("kind", ["medication_returned_to_stock", "medication_voided"])
async def test_a_return_or_void_before_its_fill_holds(topics, kind):
    undone = harness.refers(ANNA, "undone", kind, "ldn", hours=40 * 24 + 1)
    async with topics.monitor():
        await topics.feed([undone], kind=b"correction")
        await topics.caught_up()
        await topics.feed([methadone(ANNA), ldn(ANNA)])
        await topics.caught_up()
    said = await topics.conclusions()
    assert said == harness.expected([methadone(ANNA), ldn(ANNA), undone])
    assert said != harness.expected([methadone(ANNA), ldn(ANNA)])


async def test_a_restarted_monitor_remembers_what_the_one_before_it_read(topics):
    await topics.feed([ldn(ANNA)])
    await topics.run_once()
    await topics.feed([methadone(ANNA)])
    second = await topics.run_once()
    assert sum(record["patients"] for record in second.log if record["event"] == "restored") == 1
    assert await topics.conclusions() == harness.expected([ldn(ANNA), methadone(ANNA)])


async def test_any_order_with_duplicates_gives_the_same_findings(topics):
    chance = random.Random(20260301)  # noqa: S311  # repeatable on purpose
    events = [
        methadone(ANNA),
        methadone(ANNA, "methadone-2", hours=24 * 28),
        methadone(ANNA, "methadone-2", hours=24 * 26, revision=2),
        ldn(ANNA),
        harness.refers(ANNA, "handed", "medication_handed_over", "ldn", hours=40 * 24 + 2),
        harness.refers(ANNA, "returned", "medication_returned_to_stock", "methadone", hours=48),
    ]
    wanted = harness.expected(events)[ANNA]
    async with topics.monitor():
        for number in range(6):
            patient = bytes([number + 1]) * 16
            mixed = [type(one).FromString(one.SerializeToString()) for one in [*events, *chance.choices(events, k=4)]]
            for one in mixed:
                one.patient = patient
            await topics.feed(chance.sample(mixed, len(mixed)))
        await topics.caught_up()
    said = await topics.conclusions()
    assert len(said) == 6
    assert all(findings == wanted for findings in said.values())


async def test_an_irrelevant_event_leaves_no_state_and_counts_as_checked(topics):
    await topics.feed([harness.fill(ANNA, "vitamin", harness.VITAMIN)], kind=b"irrelevant")
    await topics.run_once()
    assert await topics.states() == {}


async def test_everything_before_the_committed_offset_is_in_the_state(topics):
    """SIGTERM in the middle of a load: what is committed is finished, and the next monitor does the rest."""
    names = harness.patients(300)
    events = [one for name in names for one in (methadone(name), ldn(name), methadone(name, "later", hours=24 * 20))]
    async with topics.monitor() as monitor:
        await topics.feed(events)
        while not await topics.states():  # noqa: ASYNC110  # the monitor is another process
            await asyncio.sleep(0.01)
        assert await monitor.end(signal.SIGTERM) == 0
    await assert_committed_is_finished(topics)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(events)


async def assert_committed_is_finished(topics):
    committed, states = await topics.committed(), await topics.states()
    finished = {}
    for record in await topics.records("rx.medication-events.v1"):
        if record.offset < committed[record.partition]:
            finished[record.key] = record.offset
    assert {name: states[name].position for name in finished if states[name].position < finished[name]} == {}


async def test_a_monitor_asked_to_stop_while_it_restores_stops_as_asked(topics):
    await topics.feed(methadone(name) for name in harness.patients(1000))
    await topics.run_once()
    monitor = await topics.start()
    await monitor.event("restoring")
    assert await monitor.end(signal.SIGTERM) == 0


async def test_a_state_that_an_older_owner_overwrote_is_repaired(topics):
    await topics.feed([ldn(ANNA)])
    await topics.run_once()
    older = (await topics.records("rx.monitor-state.v1"))[-1]
    await topics.feed([methadone(ANNA)])
    await topics.run_once()
    await topics.write("rx.monitor-state.v1", older.key, older.value, older.partition)
    await topics.feed([methadone(ANNA, "later", hours=24 * 20)])
    monitor = await topics.run_once()
    assert [record["patients"] for record in monitor.log if record["event"] == "changelog_repaired"] == [1]
    wanted = harness.expected([ldn(ANNA), methadone(ANNA), methadone(ANNA, "later", hours=24 * 20)])
    assert await topics.conclusions() == wanted


async def test_an_event_that_breaks_the_contract_ends_the_process_and_is_not_passed_over(topics):
    await topics.write("rx.medication-events.v1", ANNA, b"\xff secret of a patient", 0)
    monitor = await topics.start()
    assert await monitor.ended() == 70
    assert "secret" not in str(monitor.log)
    assert (await topics.committed())[0] == 0


async def test_lost_state_is_told_by_its_exit_code(topics):
    await topics.write("rx.monitor-state.v1", ANNA, None, 0)
    monitor = await topics.start()
    assert await monitor.ended() == 70
    assert (await monitor.event("crashed"))["error"] == "ChangelogBrokenError"


@pytest.mark.parametrize(("field", "code"), [("topic_id", "TOPIC_RECREATED"), ("ruleset_version", "RULESET_CHANGED")])
async def test_state_of_another_topic_or_ruleset_is_refused(topics, field, code):
    await topics.run_once()
    report = MonitorProgress.FromString((await topics.records("rx.monitor-progress.v1"))[-1].value)
    setattr(report, field, "another")
    await topics.write("rx.monitor-progress.v1", b"0", report.SerializeToString(), 0)
    monitor = await topics.start()
    assert await monitor.ended() == 5
    assert (await monitor.event("stopped_by_error"))["code"] == code


async def test_a_recreated_event_topic_is_noticed(topics):
    await topics.run_once()
    await recreate(topics, "rx.medication-events.v1", partitions=4)
    monitor = await topics.start()
    assert await monitor.ended() == 5
    refused = await monitor.event("stopped_by_error")
    assert refused["code"] == "TOPIC_RECREATED"
    assert "rxguard monitor rebuild" in refused["reason"]


async def test_topics_with_unequal_partition_counts_are_refused(topics):
    await recreate(topics, "rx.findings.v1", partitions=3)
    monitor = await topics.start()
    assert await monitor.ended() == 5
    assert (await monitor.event("stopped_by_error"))["code"] == "PARTITIONS_DIFFER"


async def recreate(topics, name, partitions):
    async def again(admin):
        await admin.delete_topics([topics.topic(name)])
        while (await admin.create_topics([NewTopic(topics.topic(name), partitions, 1)])).topic_errors[0][1]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    await clients.with_admin(topics.kafka, again)


async def test_progress_names_topic_and_ruleset_before_the_first_event(topics):
    async with topics.monitor():
        reports = [MonitorProgress.FromString(one.value) for one in await topics.records("rx.monitor-progress.v1")]
    assert sorted(one.partition for one in reports) == [0, 1, 2, 3]
    assert all(one.topic_id and one.ruleset_version and one.position == 0 for one in reports)


async def test_health_and_metrics_tell_that_it_is_ready(topics):
    async with topics.monitor(RXGUARD_METRICS_ADDRESS="127.0.0.1:18731") as monitor:
        await topics.feed([methadone(ANNA)])
        await topics.caught_up()
        address = (await monitor.event("listening"))["grpc"]
        async with grpc.aio.insecure_channel(address) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        scraped = await asyncio.to_thread(scrape, "http://127.0.0.1:18731/metrics")
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    declared = [metric.name for metric in METRICS if metric.service in ("all", "monitor")]
    assert [name for name in declared if name not in scraped] == []
    assert "rx_monitor_patients 1.0" in scraped


def scrape(url):
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # our own address
        return answer.read().decode()


async def test_a_state_holds_each_fact_once_with_its_highest_revision(topics):
    first, second = methadone(ANNA), methadone(ANNA, revision=2, hours=1)
    await topics.feed([second, first, second])
    await topics.run_once()
    held = [harness.unpacked(one) for one in (await topics.states())[ANNA].packed_events]
    second.ClearField("patient")  # the key of the state says it
    assert held == [second]
    assert isinstance((await topics.states())[ANNA], PatientState)
