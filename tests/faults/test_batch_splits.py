"""One log, cut into batches in two ways and crashed at different places: equal bytes at equal positions.

No broker: the handlers with the real codec and core, their topics in memory, acknowledged up to where a crash comes.
"""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, islice
from types import SimpleNamespace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import PatientState
from rx_clinical import load_catalogue
from rx_monitor.adapters.clinical.assessor import CoreAssessor
from rx_monitor.adapters.clinical.relevance import CodeRelevance
from rx_monitor.adapters.protobuf.codec import ProtoCodec
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import Rebuilds
from rx_monitor.domain.store import OutputTail, PartitionStore, Stores
from rx_monitor.handlers.process_batch import process_batch
from rx_monitor.ports import Batch, Ports
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

from tests.faults.fault_load import histories, patients
from tests.faults.fault_oracle import Oracle, Written
from tests.faults.monitor_harness import headers

CATALOGUE = load_catalogue()
ASSESS = CoreAssessor(CATALOGUE, load_sites(SHIPPED_SITES))
LOADS = 8
"""Different loads: the oracle of each is worked out once."""


class CrashedError(Exception):
    """The process is gone; what was written stays."""


@dataclass
class Topics:
    """What the broker has taken. A crash comes after so many more records, or after a batch before its commit."""

    findings_log: list = field(default_factory=list)
    states_log: list = field(default_factory=list)
    committed: int = 0
    records_left: int | None = None
    max_record_bytes: int = 1 << 20

    async def publish_findings(self, _, records):
        return self._take(self.findings_log, records)

    async def write_states(self, _, records):
        return self._take(self.states_log, records)

    def _take(self, log, records):
        offsets = []
        for key, value in records:
            if self.records_left is not None:
                if self.records_left == 0:
                    raise CrashedError
                self.records_left -= 1
            offsets.append(len(log))
            log.append(SimpleNamespace(key=key, value=value))
        return offsets


class NobodyElse:
    """Nobody else writes: no record of the topics is foreign."""

    async def read_findings(self, _, offsets):
        raise AssertionError(offsets)

    read_states = read_findings


def highest(log):
    best = {}
    for record in log:
        state = PatientState.FromString(record.value)
        if record.key not in best or state.position >= PatientState.FromString(best[record.key]).position:
            best[record.key] = record.value
    return best


@dataclass
class Life:
    """One process: how it cuts its batches, and where it dies. The last one lives to the end."""

    sizes: list[int]
    dies_after_records: int | None
    commits_every: int


lives = st.lists(
    st.builds(
        Life,
        sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
        dies_after_records=st.integers(0, 120),
        commits_every=st.integers(1, 4),
    ),
    max_size=6,
).map(lambda some: [*some, Life(sizes=[some[0].sizes[0] if some else 7], dies_after_records=None, commits_every=1)])


async def live(log, topics, life):
    """Restore, then process batch after batch from the committed offset on."""
    topics.records_left = life.dies_after_records
    progress, stores = Progress(), Stores()
    progress.on_assigned(1, {0: topics.committed})
    tails = OutputTail(len(topics.findings_log)), OutputTail(len(topics.states_log))
    stores.activate(1, {0: PartitionStore(highest(topics.states_log), *tails)})
    ports = Ports(
        codec=ProtoCodec(CATALOGUE.ruleset_seq),
        relevance=CodeRelevance(CATALOGUE, CATALOGUE.ruleset_seq),
        assess=ASSESS,
        outbox=topics,
        output_log=NobodyElse(),
    )
    state = PartitionState(stores, progress, Rebuilds())
    sizes = cycle(life.sizes)
    for number in range(1, len(log) + 1):
        following = progress.positions()[0]
        if not (records := log[following : following + next(sizes)]):
            break
        await process_batch(Batch(1, 0, records, len(log)), ports, state)
        if number % life.commits_every == 0:
            topics.committed = progress.positions()[0]
    topics.committed = progress.positions()[0]


def run(log, process_lives):
    topics = Topics()
    for life in process_lives:
        try:
            asyncio.run(live(log, topics, life))
        except CrashedError:
            continue
    assert topics.committed == len(log)
    return topics


@cache
def load(seed):
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    told = histories(chance, list(islice(patients(chance), 25)))
    return [
        SimpleNamespace(
            partition=0,
            offset=offset,
            key=one.event.patient,
            value=one.event.SerializeToString(),
            headers=headers(one.event, one.kind),
        )
        for offset, one in enumerate(told)
    ]


@cache
def oracle_of(seed):
    oracle = Oracle()
    oracle.read(load(seed))
    return oracle


def by_position(topics):
    sets = {}
    for record in topics.findings_log:
        place = (record.key, CATALOGUE.ruleset_seq, FindingSet.FromString(record.value).position)
        assert sets.setdefault(place, record.value) == record.value
    return sets


def written_to(topics):
    written = defaultdict(Written)
    for record in topics.states_log:
        written[record.key].add_state(PatientState.FromString(record.value))
    for record in topics.findings_log:
        written[record.key].add_set(record.value)
    return written


# Without shrinking: each example runs the core over a whole log, and what matters of a failure is that there is one.
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
@given(st.integers(0, LOADS - 1), lives, lives)
def test_any_two_ways_through_a_log_write_the_same(number, one, other):
    first, second = run(load(number), one), run(load(number), other)
    assert by_position(first) == by_position(second)
    assert highest(first.states_log) == highest(second.states_log)
    for topics in (first, second):
        verdict = oracle_of(number).judge(written_to(topics))
        oracle_of(number).judge_end(verdict, written_to(topics))
        assert verdict.faults == {}
