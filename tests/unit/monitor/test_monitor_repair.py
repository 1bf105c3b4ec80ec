"""Records of somebody else where we write: what is older than ours is written over again, nothing else is touched."""

from dataclasses import replace

import pytest
from rx_contracts.versions import FindingSetVersion, StateVersion
from rx_monitor.ports import EndOffsets

ANNA, BERT = b"A" * 16, b"B" * 16
NEWER, SAME, OLDER = 12, 11, 10


class NoReports:
    def mark_dirty(self):
        pass


class Probes:
    ready = live = None

    async def set_ready(self, ready):
        self.ready = ready

    async def set_live(self, live):
        self.live = live


@pytest.fixture
async def annas(kit, make):
    """One set and one state of Anna, both of position 11, as they were published; the log starts anew behind them."""
    await kit.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    ours = {kind: kit.outbox.sent(kind) for kind in ("findings", "states")}
    kit.outbox.log.clear()
    return ours


def berts(make):
    """A batch that has Bert published and his state written."""
    return make.batch(make.record(12, "opioid", patient=BERT), make.record(13, "blocker", patient=BERT))


@pytest.mark.parametrize(("position", "again"), [(OLDER, 1), (SAME, 0), (NEWER, 0)])
async def test_a_state_is_written_again_behind_an_older_one(kit, make, annas, position, again):
    kit.output_log.add("states", ANNA, StateVersion(0, position, 1))
    await kit.process(berts(make))
    assert [one for one in kit.outbox.sent("states") if one[0] == ANNA] == annas["states"] * again


@pytest.mark.parametrize(
    ("version", "again"),
    [
        (FindingSetVersion(0, 1, OLDER), 1),
        (FindingSetVersion(0, 1, SAME), 0),
        (FindingSetVersion(0, 1, NEWER), 0),
        (FindingSetVersion(0, 2, OLDER), 0),
        (FindingSetVersion(1, 1, OLDER), 0),
    ],
)
async def test_findings_are_published_again_behind_older_ones(kit, make, annas, version, again):
    kit.output_log.add("findings", ANNA, version)
    await kit.process(berts(make))
    assert [one for one in kit.outbox.sent("findings") if one[0] == ANNA] == annas["findings"] * again


async def test_an_older_set_that_says_the_same_is_left_alone(kit, make, annas):
    [(_, encoded)] = annas["states"]
    kit.output_log.add(
        "findings",
        ANNA,
        FindingSetVersion(0, 1, OLDER),
        content_hash=make.TextCodec().decode_state(encoded).findings_hash,
    )
    await kit.process(berts(make))
    assert [one for one in kit.outbox.sent("findings") if one[0] == ANNA] == []


async def test_of_several_sets_the_last_one_decides(kit, make, annas):
    """A new owner looks through what it published itself, too: a set that a later one has replaced is in order."""
    [(_, encoded)] = annas["states"]
    kit.output_log.add("findings", ANNA, FindingSetVersion(0, 1, OLDER))
    kit.output_log.add(
        "findings",
        ANNA,
        FindingSetVersion(0, 1, OLDER),
        content_hash=make.TextCodec().decode_state(encoded).findings_hash,
    )
    await kit.process(berts(make))
    assert [one for one in kit.outbox.sent("findings") if one[0] == ANNA] == []


async def test_progress_waits_for_what_is_written_again(kit, make, annas):
    kit.output_log.add("states", ANNA, StateVersion(0, OLDER, 1))
    await kit.process(berts(make))
    assert annas["states"][0] in kit.outbox.sent("states")
    assert {position for _, _, _, position in kit.outbox.log} == {12}
    assert kit.progress.positions() == {make.PARTITION: 14}


async def test_an_idle_monitor_notices_them_too_and_writes_once(kit, make, annas):
    kit.output_log.add("states", ANNA, StateVersion(0, OLDER, 1))
    kit.output_log.add("findings", ANNA, FindingSetVersion(0, 1, OLDER))
    monitor = kit.worker(None, NoReports(), Probes())
    for _ in range(2):
        await monitor.on_end_offsets({make.PARTITION: EndOffsets(events=12, **kit.outbox.ends)})
    assert {kind: kit.outbox.sent(kind) for kind in annas} == annas


async def test_a_patient_of_whom_nothing_is_held_is_left_alone(kit, make):
    kit.output_log.add("states", ANNA, StateVersion(0, OLDER, 1))
    kit.output_log.add("findings", ANNA, FindingSetVersion(0, 1, OLDER))
    monitor = kit.worker(None, NoReports(), Probes())
    await monitor.on_end_offsets({make.PARTITION: EndOffsets(events=10, **kit.outbox.ends)})
    assert kit.outbox.sent("states") == kit.outbox.sent("findings") == []


async def test_records_of_an_earlier_build_are_written_over_whatever_their_position(kit, make, annas):
    rebuilt = kit.with_ports(assess=make.AssessPairs(state_epoch=1))
    rebuilt.codec.state_version = lambda encoded: make.TextCodec().state_version(encoded)._replace(state_epoch=1)
    kit.output_log.add("findings", ANNA, FindingSetVersion(0, 1, NEWER))
    kit.output_log.add("states", ANNA, StateVersion(0, NEWER, 1))
    await rebuilt.process(berts(make))
    for kind in ("findings", "states"):
        assert [one for one in kit.outbox.sent(kind) if one[0] == ANNA] == annas[kind]


async def test_findings_of_a_patient_who_is_due_are_published_again_when_they_are_assessed(kit, make, annas):
    """Half of a rebuild is read: what the facts give now is not what stands."""
    [(_, encoded)] = annas["states"]
    patient = replace(make.TextCodec().decode_state(encoded), is_assessed=False)
    store = kit.stores.of(make.GENERATION, make.PARTITION)
    store.put(ANNA, make.TextCodec().encode_state(patient), is_assessed=False)
    kit.output_log.add("findings", ANNA, FindingSetVersion(0, 1, OLDER))
    await kit.process(berts(make))
    assert [one for one in kit.outbox.sent("findings") if one[0] == ANNA] == []
    await kit.reassess(make.GENERATION)
    assert [one for one in kit.outbox.sent("findings") if one[0] == ANNA] == annas["findings"]


async def test_a_record_that_is_too_large_stops_its_partition(kit, make):
    probes = Probes()
    monitor = kit.worker(None, NoReports(), probes)
    await monitor.on_batch(make.batch(make.record(10, "opioid", text="x" * 1000)))
    await monitor.on_batch(make.batch(make.record(11, "other")))
    assert kit.outbox.sent("states") == kit.outbox.sent("findings") == []
    assert kit.progress.positions() == {make.PARTITION: 10}
    assert probes.ready is False
    for _ in range(100):  # standing still on purpose is no reason for a restart, which would change nothing
        await monitor.on_end_offsets({make.PARTITION: EndOffsets(events=20, findings=0, states=0)})
    assert probes.live is True
