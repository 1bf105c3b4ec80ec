"""Our consumer inside Faust: whole batches come out, and only our own progress is ever committed."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP
from rx_monitor.adapters.faust.batch_transport import BatchApp, BatchConsumer
from rx_monitor.adapters.faust.source import FAUST_SETTINGS
from rx_monitor.adapters.kafka.record_copies import UncopiedRecords
from rx_monitor.domain.progress import Progress

TOPIC = "rx.medication-events.v1"
GENERATION = 4


def tp(number):
    return TP(TOPIC, number)


def fetched(number, *offsets):
    return [
        SimpleNamespace(
            topic=TOPIC, partition=number, offset=offset, timestamp=0, timestamp_type=0, headers=(), key=b"", value=b"",
            checksum=None, serialized_key_size=0, serialized_value_size=0,
        )
        for offset in offsets
    ]  # fmt: skip


class OfflineConsumer(BatchConsumer):
    """Fetches what the test gives it and keeps what would be committed."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.owned = {tp(0), tp(1)}
        self.fetch = {}
        self.commits = []
        self.commit_succeeds = True
        self.sought = 0
        self.waited = []
        self._active_partitions = self.owned

    def assignment(self):
        return self.owned

    def highwater(self, _):
        return 50

    async def _wait_next_records(self, seconds):
        self.waited.append(seconds)
        return self.fetch, self._active_partitions

    async def _commit(self, offsets):
        self.commits.append(dict(offsets))
        return self.commit_succeeds

    async def perform_seek(self):
        self.sought += 1


@pytest.fixture
async def consumer():
    app = BatchApp("test", broker="kafka://127.0.0.1:1", progress=Progress(), autodiscover=False, **FAUST_SETTINGS)
    app.transport.Consumer = OfflineConsumer
    app.consumer_generation_id = GENERATION
    app.progress.on_assigned(GENERATION, {0: 10, 1: 20})
    yield app.consumer
    app.consumer._thread.thread_loop.close()


async def delivered(consumer):
    return [message async for _, message in consumer.getmany(timeout=1.0)]


async def test_each_fetched_partition_comes_as_one_message(consumer):
    consumer.fetch = {tp(0): fetched(0, 10, 11, 12), tp(1): fetched(1, 20)}
    messages = await delivered(consumer)
    assert [(one.offset, one.value.first_offset, one.value.next_offset) for one in messages] == [
        (12, 10, 13),
        (20, 20, 21),
    ]
    assert all(one.generation_id == one.value.generation == GENERATION for one in messages)


@pytest.mark.parametrize("room", [lambda one: one.on_buffer_drop(tp(1)), lambda one: one.resume_partitions({tp(1)})])
async def test_with_every_buffer_full_it_waits_for_the_first_that_has_room(consumer, room):
    consumer.fetch = {tp(1): fetched(1, 20)}
    for full in (tp(0), tp(1)):
        consumer.on_buffer_full(full)
    waiting = asyncio.create_task(anext(consumer.getmany(timeout=3600.0), None))
    for _ in range(20):  # turns of the loop, in which it would come back if it did not wait
        await asyncio.sleep(0)
    assert not waiting.done()
    room(consumer)
    async with asyncio.timeout(10):
        assert await waiting is None  # and is asked again
    assert [one.offset for one in await delivered(consumer)] == [20]


async def test_with_every_buffer_full_it_waits_no_longer_than_it_was_told_to(consumer):
    for full in (tp(0), tp(1)):
        consumer.on_buffer_full(full)
    async with asyncio.timeout(10):
        assert await anext(consumer.getmany(timeout=0.01), None) is None


async def test_beside_a_full_buffer_the_others_are_waited_for_only_shortly(consumer):
    """Nobody wakes that wait when the full one gets room: it would run empty while its events lie here."""
    consumer.on_buffer_full(tp(1))
    await delivered(consumer)
    consumer.on_buffer_drop(tp(1))
    await delivered(consumer)
    beside_full, all_with_room = consumer.waited
    assert beside_full < all_with_room / 10


async def test_a_partition_whose_buffer_is_full_is_still_delivered(consumer):
    consumer.fetch = {tp(1): fetched(1, 20)}
    consumer.on_buffer_full(tp(1))
    assert len(await delivered(consumer)) == 1


async def test_a_partition_that_is_not_active_is_not_delivered(consumer):
    consumer.fetch = {tp(1): fetched(1, 20)}
    consumer.pause_partitions({tp(1)})
    assert await delivered(consumer) == []


async def test_delivery_ends_when_the_generation_changes_under_it(consumer):
    consumer.fetch = {tp(0): fetched(0, 10), tp(1): fetched(1, 20)}
    messages = []
    async for _, message in consumer.getmany(timeout=1.0):
        messages.append(message)
        consumer.app.consumer_generation_id = GENERATION + 1
    assert len(messages) == 1


async def test_records_fetched_while_the_flow_is_stopped_are_read_again(consumer):
    consumer.fetch = {tp(0): fetched(0, 10)}
    consumer.stop_flow()
    assert await delivered(consumer) == []
    assert consumer.sought == 1


async def test_acknowledged_messages_alone_commit_nothing(consumer):
    consumer._acked[tp(0)] = [10, 11, 12]
    assert not await consumer.commit()
    assert consumer.commits == []


async def test_progress_alone_is_committed(consumer):
    consumer._acked[tp(0)] = [10, 11, 12, 13, 14]
    consumer.app.progress.advance(GENERATION, 0, 12)
    assert await consumer.commit()
    assert consumer.commits == [{tp(0): 12}]


@pytest.mark.parametrize(
    "path", ["commit", "commit_and_end_transactions", "wait_empty", "force_commit", "on_task_error"]
)
async def test_every_commit_path_of_faust_goes_through_progress(consumer, path):
    consumer._acked[tp(1)] = [20, 21]
    consumer.app.progress.advance(GENERATION, 0, 12)
    arguments = (RuntimeError(),) if path == "on_task_error" else ()
    await getattr(consumer, path)(*arguments)
    assert consumer.commits == [{tp(0): 12}]


async def test_a_gap_between_batches_never_becomes_an_offset(consumer):
    await consumer._add_gap(tp(0), 10, 60)
    consumer._acked[tp(0)] = [61]
    await consumer.commit()
    assert consumer.commits == []


async def test_a_partition_that_is_no_longer_assigned_is_not_committed(consumer):
    consumer.app.progress.advance(GENERATION, 1, 25)
    consumer.owned = {tp(0)}
    assert not await consumer.commit()


async def test_a_commit_that_failed_is_tried_again(consumer):
    consumer.app.progress.advance(GENERATION, 0, 12)
    consumer.commit_succeeds = False
    assert not await consumer.commit()
    consumer.commit_succeeds = True
    assert await consumer.commit()
    assert consumer.commits == [{tp(0): 12}, {tp(0): 12}]


async def test_acknowledgements_do_not_pile_up(consumer):
    consumer._acked[tp(0)] = [10]
    consumer._acked_index[tp(0)] = {10}
    await consumer.commit()
    assert not consumer._acked
    assert not consumer._acked_index


def log_of(count):
    """Records of a log as the broker sends them."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for offset in range(count):
        builder.append(offset, 0, b"key %d" % offset, b"value %d" % offset, [("rx-class", b"relevant")])
    return MemoryRecords(bytes(builder.build()))


def test_fetched_records_come_as_they_were_unpacked_from_the_offset_asked_for():
    state = SimpleNamespace(paused=False, position=2)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    partition = PartitionRecords(tp(0), log_of(5), None, 2, None, None, True, 0)  # aiokafka's signature
    fetched = UncopiedRecords()
    fetched[tp(0)] = FetchResult(tp(0), assignment=assignment, partition_records=partition, backoff=0)
    taken = fetched[tp(0)].getall()
    assert {type(one).__name__ for one in taken} == {"DefaultRecord"}
    assert [(one.offset, one.key, one.value, one.headers) for one in taken] == [
        (offset, b"key %d" % offset, b"value %d" % offset, [("rx-class", b"relevant")]) for offset in (2, 3, 4)
    ]
    assert state.position == 5


async def test_the_consumer_subscribes_without_waiting_for_tables(consumer, monkeypatch):
    """Within some turns of the loop: any wait for a clock, of which Faust has one of a second, takes more."""
    recovering = asyncio.Event()

    async def started():
        recovering.set()

    tables = consumer.app.tables
    monkeypatch.setattr(tables.recovery, "start", started)
    starting = asyncio.gather(tables.on_start(), tables.wait_until_tables_registered())
    for _ in range(20):
        await asyncio.sleep(0)
    assert recovering.is_set()
    assert starting.done()
    await starting
