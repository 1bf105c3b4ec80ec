"""Records of somebody else where we write: what is older than ours is written over again, nothing else is touched."""

from dataclasses import replace

import pytest
from rx_monitor.domain.patient import Stamp
from rx_monitor.handlers.process_batch import process_batch
from rx_monitor.handlers.reassess import reassess
from rx_monitor.lifecycle.worker import Monitor
from rx_monitor.ports import Ends

ANNA, BERT = b"A" * 16, b"B" * 16
NEWER, SAME, OLDER = 12, 11, 10


class NoReports:
    def advanced(self):
        pass


class Probes:
    ready = live = None

    async def set_ready(self, ready):
        self.ready = ready

    async def set_live(self, live):
        self.live = live


@pytest.fixture
async def annas(ports, make):
    """One set and one state of Anna, both of position 11, as they were published; the log starts anew behind them."""
    await process_batch(make.batch(make.record(10, "opioid"), make.record(11, "blocker")), ports)
    ours = {kind: ports.outbox.sent(kind) for kind in ("findings", "states")}
    ports.outbox.log.clear()
    return ours


def berts(make):
    """A batch that has Bert published and his state written."""
    return make.batch(make.record(12, "opioid", patient=BERT), make.record(13, "blocker", patient=BERT))


@pytest.mark.parametrize(("position", "again"), [(OLDER, 1), (SAME, 0), (NEWER, 0)])
async def test_a_state_is_written_again_behind_an_older_one(ports, make, annas, position, again):
    ports.written.add("states", ANNA, Stamp(0, position, 1))
    await process_batch(berts(make), ports)
    assert [one for one in ports.outbox.sent("states") if one[0] == ANNA] == annas["states"] * again


@pytest.mark.parametrize(
    ("place", "again"),
    [((0, 1, OLDER), 1), ((0, 1, SAME), 0), ((0, 1, NEWER), 0), ((0, 2, OLDER), 0), ((1, 1, OLDER), 0)],
)
async def test_findings_are_published_again_behind_older_ones(ports, make, annas, place, again):
    ports.written.add("findings", ANNA, place)
    await process_batch(berts(make), ports)
    assert [one for one in ports.outbox.sent("findings") if one[0] == ANNA] == annas["findings"] * again


async def test_an_older_set_that_says_the_same_is_left_alone(ports, make, annas):
    [(_, encoded)] = annas["states"]
    ports.written.add("findings", ANNA, (0, 1, OLDER), said=make.TextCodec().patient(encoded).findings_hash)
    await process_batch(berts(make), ports)
    assert [one for one in ports.outbox.sent("findings") if one[0] == ANNA] == []


async def test_of_several_sets_the_last_one_decides(ports, make, annas):
    """A new owner looks through what it published itself, too: a set that a later one has replaced is in order."""
    [(_, encoded)] = annas["states"]
    ports.written.add("findings", ANNA, (0, 1, OLDER))
    ports.written.add("findings", ANNA, (0, 1, OLDER), said=make.TextCodec().patient(encoded).findings_hash)
    await process_batch(berts(make), ports)
    assert [one for one in ports.outbox.sent("findings") if one[0] == ANNA] == []


async def test_progress_waits_for_what_is_written_again(ports, make, annas):
    ports.written.add("states", ANNA, Stamp(0, OLDER, 1))
    await process_batch(berts(make), ports)
    assert annas["states"][0] in ports.outbox.sent("states")
    assert {position for _, _, _, position in ports.outbox.log} == {12}
    assert ports.progress.positions() == {make.PARTITION: 14}


async def test_an_idle_monitor_notices_them_too_and_writes_once(ports, make, annas):
    ports.written.add("states", ANNA, Stamp(0, OLDER, 1))
    ports.written.add("findings", ANNA, (0, 1, OLDER))
    monitor = Monitor(ports, None, NoReports(), Probes())
    for _ in range(2):
        await monitor.looked({make.PARTITION: Ends(events=12, **ports.outbox.ends)})
    assert {kind: ports.outbox.sent(kind) for kind in annas} == annas


async def test_a_patient_of_whom_nothing_is_held_is_left_alone(ports, make):
    ports.written.add("states", ANNA, Stamp(0, OLDER, 1))
    ports.written.add("findings", ANNA, (0, 1, OLDER))
    monitor = Monitor(ports, None, NoReports(), Probes())
    await monitor.looked({make.PARTITION: Ends(events=10, **ports.outbox.ends)})
    assert ports.outbox.sent("states") == ports.outbox.sent("findings") == []


async def test_records_of_an_earlier_build_are_written_over_whatever_their_position(ports, make, annas):
    rebuilt = replace(ports, build=1)
    rebuilt.codec.stamp = lambda encoded: make.TextCodec().stamp(encoded)._replace(build=1)
    ports.written.add("findings", ANNA, (0, 1, NEWER))
    ports.written.add("states", ANNA, Stamp(0, NEWER, 1))
    await process_batch(berts(make), rebuilt)
    for kind in ("findings", "states"):
        assert [one for one in ports.outbox.sent(kind) if one[0] == ANNA] == annas[kind]


async def test_findings_of_a_patient_who_is_due_are_published_again_when_they_are_assessed(ports, make, annas):
    """Half of a rebuild is read: what the facts give now is not what stands."""
    [(_, encoded)] = annas["states"]
    patient = replace(make.TextCodec().patient(encoded), is_assessed=False)
    store = ports.stores.of(make.GENERATION, make.PARTITION)
    store.put(ANNA, make.TextCodec().encode(patient), is_assessed=False)
    ports.written.add("findings", ANNA, (0, 1, OLDER))
    await process_batch(berts(make), ports)
    assert [one for one in ports.outbox.sent("findings") if one[0] == ANNA] == []
    await reassess(make.GENERATION, ports)
    assert [one for one in ports.outbox.sent("findings") if one[0] == ANNA] == annas["findings"]


async def test_a_record_that_is_too_large_stops_its_partition(ports, make):
    probes = Probes()
    monitor = Monitor(ports, None, NoReports(), probes)
    await monitor.batch(make.batch(make.record(10, "opioid", text="x" * 1000)))
    await monitor.batch(make.batch(make.record(11, "other")))
    assert ports.outbox.sent("states") == ports.outbox.sent("findings") == []
    assert ports.progress.positions() == {make.PARTITION: 10}
    assert probes.ready is False
    for _ in range(100):  # standing still on purpose is no reason for a restart, which would change nothing
        await monitor.looked({make.PARTITION: Ends(events=20, findings=0, states=0)})
    assert probes.live is True
