"""The bench on a real broker: what an engine puts out is what the reference computes."""

import sys

import pytest
from rx_clinical import load_catalogue
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

from bench import reference
from bench.broker import PARTITIONS, Broker
from bench.catalogue import CATALOGUE
from bench.growth import Growth
from bench.runs import BenchDirectory, EngineFailedError, EventLog, Notes, run_process
from bench.workload import Generator

pytestmark = pytest.mark.stack

EVENTS = 2_000


@pytest.fixture(scope="module")
def records():
    return list(Generator(11, EVENTS, load_catalogue()).records())


@pytest.fixture
def directory(stack, tmp_path):
    return BenchDirectory(broker=Broker(stack.kafka), folder=tmp_path, notes=Notes())


@pytest.fixture
async def log(stack, namespace, directory, records):
    installation = Installation(stack.kafka, namespace)
    await apply(installation, PARTITIONS)
    ends = await directory.broker.fill(installation.topic("rx.medication-events.v1"), records)
    return EventLog(installation=installation, ends=ends)


async def test_the_monitor_with_the_minimal_join_puts_out_what_the_reference_computes_twice_in_a_row(
    directory, log, records
):
    expected = reference.minimal_join(records)
    for _ in range(2):  # nothing of the first run is left for the second
        run = await CATALOGUE["rxguard_minimal_1p"].run(directory, log)
        assert run.got == expected
        assert run.of == EVENTS
    assert expected.findings > 5


async def test_two_monitors_with_the_full_rules_find_what_the_core_finds(directory, log, records):
    run = await CATALOGUE["rxguard_full_2p"].run(directory, log)
    assert run.got == reference.full_rules(records)
    assert run.got.findings > 5


async def test_plain_faust_puts_out_what_the_reference_computes(directory, log, records):
    run = await CATALOGUE["plain_faust"].run(directory, log)
    assert run.got == reference.minimal_join(records)


async def test_plain_aiokafka_decodes_every_event(directory, log):
    run = await CATALOGUE["plain_aiokafka"].run(directory, log)
    assert run.got.findings == run.events == EVENTS


async def test_an_engine_that_ends_without_having_done_its_work_has_failed(directory, log):
    with pytest.raises(EngineFailedError, match="no such engine"):
        await run_process(directory, log, "none", [sys.executable, "-c", "raise SystemExit('no such engine')"])


async def test_a_state_that_grew_is_restored_whole(directory, namespace):
    told = []
    found = await Growth(directory, namespace, told.append).by_patients((200, 400))
    assert {size: figures["restored_records"] >= int(size) for size, figures in found.items()} == {
        "200": True,
        "400": True,
    }
    assert all(figures["event_us"] > 0 and figures["restore_records_per_s"] > 0 for figures in found.values())
