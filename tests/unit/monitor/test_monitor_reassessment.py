"""Patients whom our ruleset has not assessed are, in the background; a partition that is rebuilt is read silently."""

import asyncio

import pytest
from rx_monitor.domain.progress import NotOwnedError
from rx_monitor.domain.rebuilds import PartitionRebuild
from rx_monitor.domain.store import PartitionStore
from rx_monitor.handlers.reassess import PATIENTS_AT_A_TIME
from rx_runtime.telemetry.metrics import REGISTRY

ANNA, BERT = b"A" * 16, b"B" * 16


def state(make, *names, position=5, published=b"", due=True):
    events = {one.key: one for one in (make.held(name) for name in names)}
    return make.TextCodec().encode_state(make.Patient(events, position, published, is_assessed=not due))


def hold(kit, make, patients, due=None):
    store = PartitionStore(patients, unassessed=patients if due is None else due)
    kit.stores.activate(make.GENERATION, {make.PARTITION: store})
    return store


def said(make, *names, position=5):
    events = {one.key: one for one in (make.held(name) for name in names)}
    return make.AssessPairs()(ANNA, make.Patient(events, position))


async def test_what_the_new_ruleset_says_differently_is_published_at_the_same_position(kit, make):
    store = hold(kit, make, {ANNA: state(make, "opioid", "blocker", published=b"before")})
    done = await kit.reassess(make.GENERATION)
    assert (done.patients, done.published, done.remaining) == (1, 1, 0)
    assert kit.outbox.sent("findings") == [(ANNA, said(make, "opioid", "blocker").value)]
    [(_, written)] = kit.outbox.sent("states")
    assert make.TextCodec().decode_state(written).is_assessed
    assert store.get(ANNA) == written
    assert [kind for kind, *_ in kit.outbox.log] == ["findings", "states"]


async def test_what_it_says_as_before_is_not_published_and_the_state_written_anew(kit, make):
    hash_before = said(make, "opioid", "blocker").content_hash
    hold(kit, make, {ANNA: state(make, "opioid", "blocker", published=hash_before)})
    done = await kit.reassess(make.GENERATION)
    assert (done.patients, done.published) == (1, 0)
    assert len(kit.outbox.sent("states")) == 1


async def test_a_finding_without_any_fact_left_is_withdrawn(kit, make):
    """A rebuilt state knows it from the topic alone: the events behind it are gone."""
    hold(kit, make, {ANNA: state(make, position=-1, published=b"before")})
    await kit.reassess(make.GENERATION)
    assert kit.outbox.sent("findings") == [(ANNA, said(make, position=-1).value)]


async def test_those_whom_our_ruleset_has_assessed_are_left_alone(kit, make):
    hold(kit, make, {ANNA: state(make, "opioid", "blocker", due=False)}, due=[])
    assert await kit.reassess(make.GENERATION) is None
    assert kit.outbox.log == []


async def test_only_some_are_assessed_at_a_time_and_in_the_end_all(kit, make):
    names = [bytes([number]) * 16 for number in range(PATIENTS_AT_A_TIME + 20)]
    hold(kit, make, dict.fromkeys(names, state(make, "opioid")))
    first, second = await kit.reassess(make.GENERATION), await kit.reassess(make.GENERATION)
    assert (first.patients, first.remaining, second.patients) == (PATIENTS_AT_A_TIME, 20, 20)
    assert await kit.reassess(make.GENERATION) is None


async def test_an_event_assesses_its_patient_too(kit, make):
    store = hold(kit, make, {ANNA: state(make, "opioid")})
    await kit.process(make.batch(make.record(10, "blocker")))
    assert store.unassessed_count == 0


async def test_an_event_withdraws_what_stood_for_its_patient_although_no_rule_could_speak_now(kit, make):
    hold(kit, make, {ANNA: state(make, published=b"of another ruleset")})
    await kit.process(make.batch(make.record(10, "opioid")))
    assert kit.outbox.sent("findings") == [(ANNA, said(make, "opioid", position=10).value)]


@pytest.mark.parametrize("broken", ["findings", "states"])
async def test_a_patient_whose_records_are_not_acknowledged_stays_due(kit, make, broken):
    store = hold(kit, make, {ANNA: state(make, "opioid", "blocker")})
    kit.outbox.fails_at = broken
    with pytest.raises(make.BrokerDownError):
        await kit.reassess(make.GENERATION)
    assert store.unassessed(10) == [ANNA]


async def test_partitions_that_have_changed_hands_are_left_to_their_owner(kit, make):
    hold(kit, make, {ANNA: state(make, "opioid", "blocker")})
    with pytest.raises(NotOwnedError):
        await kit.reassess(make.GENERATION - 1)


# PartitionRebuild


@pytest.fixture
def rebuilding(kit, make):
    """The partition is read again from 10, silently below 12."""
    kit.rebuilds._partitions[make.PARTITION] = PartitionRebuild(first_offset=10, replay_end_offset=12)
    return kit


async def test_nothing_is_published_while_a_partition_is_read_again(rebuilding, make):
    await rebuilding.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    assert rebuilding.outbox.sent("findings") == []
    [(_, written)] = rebuilding.outbox.sent("states")
    assert not make.TextCodec().decode_state(written).is_assessed


async def test_when_it_has_been_read_everybody_is_assessed_and_the_rebuild_is_done(rebuilding, make):
    await rebuilding.process(make.batch(make.record(10, "opioid")))
    assert await rebuilding.reassess(make.GENERATION) is None
    assert rebuilding.state.finish_rebuilds() == []
    await rebuilding.process(make.batch(make.record(11, "blocker")))
    assert rebuilding.state.finish_rebuilds() == []
    await rebuilding.reassess(make.GENERATION)
    assert rebuilding.outbox.sent("findings") == [(ANNA, said(make, "opioid", "blocker", position=11).value)]
    assert rebuilding.state.finish_rebuilds() == [make.PARTITION]
    assert rebuilding.rebuilds.of(make.PARTITION) is None


async def test_events_behind_the_end_are_assessed_one_by_one_even_in_the_same_batch(rebuilding, make):
    records = [make.record(10, "opioid"), make.record(11, "other", patient=BERT), make.record(12, "blocker")]
    await rebuilding.process(make.batch(*records))
    assert rebuilding.outbox.sent("findings") == [(ANNA, said(make, "opioid", "blocker", position=12).value)]
    assert rebuilding.stores.of(make.GENERATION, make.PARTITION).unassessed(10) == [BERT]


async def test_what_still_stands_is_not_published_again_by_a_rebuild(rebuilding, make):
    """The rebuilt state begins with the hash of what is published."""
    published = said(make, "opioid", "blocker").content_hash
    hold(rebuilding, make, {ANNA: state(make, position=-1, published=published)})
    await rebuilding.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    await rebuilding.reassess(make.GENERATION)
    assert rebuilding.outbox.sent("findings") == []


# In the background


class Changelog:
    def __init__(self, make, patients):
        self._store = PartitionStore(patients, unassessed=patients)
        self._partition = make.PARTITION

    async def restore(self, partitions, _held):
        assert set(partitions) == {self._partition}
        return {self._partition: self._store}


class Reports:
    def __init__(self):
        self.due = 0

    def mark_dirty(self):
        self.due += 1

    async def report(self):
        pass


class Probes:
    ready = None

    async def set_ready(self, ready):
        self.ready = ready


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # the work goes on in another task
            await asyncio.sleep(0.01)


async def test_a_monitor_assesses_whom_it_restored_while_batches_come(kit, make):
    names = [bytes([number]) * 16 for number in range(200)]
    changelog = Changelog(make, dict.fromkeys(names, state(make, "opioid", "blocker", published=b"before")))
    reports = Reports()
    monitor = kit.worker(changelog, reports, Probes())
    working = asyncio.create_task(monitor.run_reassessment())
    try:
        await monitor.on_assigned(make.GENERATION, {make.PARTITION: 10})
        for offset in range(10, 15):
            await monitor.on_batch(make.batch(make.record(offset, f"other-{offset}", patient=b"Z" * 16)))
        await until(lambda: kit.stores.unassessed_counts() == {make.PARTITION: 0})
    finally:
        working.cancel()
    assert {name for name, _ in kit.outbox.sent("findings")} == set(names)
    assert reports.due > 5
    assert REGISTRY.get_sample_value("rx_monitor_unassessed_patients") == 0


async def test_a_partition_that_another_owner_has_rebuilt_is_reported_as_done_from_the_first(kit, make):
    """This process read before that one was done that the partition is being rebuilt."""
    kit.rebuilds._partitions[make.PARTITION] = PartitionRebuild(first_offset=0, replay_end_offset=8)
    told = []

    class Telling(Reports):
        async def report(self):
            told.append(kit.state.partition_progress()[make.PARTITION])

    monitor = kit.worker(Changelog(make, {}), Telling(), Probes())
    await monitor.on_assigned(make.GENERATION, {make.PARTITION: 10})
    assert [(one.position, one.rebuild) for one in told] == [(10, None)]


async def test_a_monitor_that_loses_its_partitions_stops_assessing(kit, make):
    monitor = kit.worker(Changelog(make, {ANNA: state(make, "opioid")}), Reports(), Probes())
    await monitor.on_assigned(make.GENERATION, {make.PARTITION: 10})
    await monitor.on_revoked()
    working = asyncio.create_task(monitor.run_reassessment())
    await asyncio.sleep(0.05)
    assert not working.done()
    working.cancel()
    assert kit.outbox.log == []


async def test_a_patient_who_has_grown_too_large_stops_the_partition_and_no_other(kit, make):
    other = make.PARTITION + 1
    large = make.held("opioid", text="x" * 2000)
    too_large = make.TextCodec().encode_state(make.Patient({large.key: large}, 5, is_assessed=False))
    patients = {make.PARTITION: {ANNA: too_large}, other: {BERT: state(make, "opioid")}}
    stores = {number: PartitionStore(held, unassessed=held) for number, held in patients.items()}

    class Both(Changelog):
        async def restore(self, *_):
            return stores

    probes = Probes()
    monitor = kit.worker(Both(make, {}), Reports(), probes)
    await monitor.on_assigned(make.GENERATION, {make.PARTITION: 10, other: 10})
    working = asyncio.create_task(monitor.run_reassessment())
    try:
        await until(lambda: stores[other].unassessed_count == 0)
    finally:
        working.cancel()
    assert probes.ready is False
    assert stores[make.PARTITION].unassessed(10) == [ANNA]
    assert [name for name, _ in kit.outbox.sent("states")] == [BERT]
