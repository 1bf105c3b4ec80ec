"""The consumer's promises: offsets move in order and only over what was taken; and what a dead letter says."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_prescriptions.adapters import kafka
from rx_prescriptions.adapters.kafka import MonitorProgressTopic, consume, dead_letter_headers
from rx_prescriptions.domain.model import InboundRecord, Position, Rejection
from rx_prescriptions.ports import DeadLetter
from rx_runtime.errors import DependencyUnavailable

INBOUND = TopicPartition("rx.inbound.v1", 0)


class DrainedError(Exception):
    pass


class Consumer:
    """A partition that is fetched in the given portions and then ends the test."""

    def __init__(self, *portions, commit_error=None):
        self.portions = list(portions)
        self.committed = []
        self.commit_error = commit_error

    async def getmany(self, **_limits):
        if not self.portions:
            await asyncio.sleep(0.05)
            raise DrainedError
        return {INBOUND: self.portions.pop(0)}

    async def commit(self, offsets):
        self.committed.append(offsets[INBOUND])
        if self.commit_error:
            raise self.commit_error


def records(*offsets, size=1):
    return [
        SimpleNamespace(
            topic=INBOUND.topic, partition=0, offset=offset, key=None, value=b"x" * size, headers=(), timestamp=-1
        )
        for offset in offsets
    ]


async def consumed(consumer, take):
    with pytest.raises(DrainedError):
        await consume(consumer, take)


async def test_offsets_move_past_each_batch_in_order_even_if_a_later_one_is_done_first():
    first_may_end = asyncio.Event()
    done = []

    async def take(batch):
        if batch[0].position.offset == 0:
            await first_may_end.wait()
        done.append(batch[0].position.offset)
        first_may_end.set()

    consumer = Consumer(records(0, 1), records(2))
    await consumed(consumer, take)

    assert done == [2, 0]
    assert consumer.committed == [2, 3]


async def test_no_more_than_two_batches_are_under_way():
    under_way, most = 0, 0

    async def take(_batch):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    await consumed(Consumer(*[records(n) for n in range(6)]), take)

    assert most == 2


async def test_a_batch_ends_with_the_record_that_passes_its_size():
    taken = []

    async def take(batch):
        taken.append(len(batch))

    await consumed(Consumer(records(0, 1, 2, 3, 4, size=kafka.BATCH_BYTES // 2 + 1)), take)

    assert taken == [2, 2, 1]


async def test_what_cannot_be_taken_stops_the_consumer_with_the_offset_unmoved():
    async def take(batch):
        if batch[0].position.offset == 1:
            raise ZeroDivisionError

    consumer = Consumer(records(0), records(1), records(2), records(3))
    with pytest.raises(ZeroDivisionError):
        await consume(consumer, take)

    assert consumer.committed in ([], [1])


async def test_a_server_that_comes_back_is_waited_for(monkeypatch):
    monkeypatch.setattr(kafka, "_RETRY_AFTER_SECONDS", (0, 0))
    attempts = []

    async def take(_batch):
        attempts.append(1)
        if len(attempts) < 3:
            raise DependencyUnavailable("STORE_UNAVAILABLE", "gone")

    consumer = Consumer(records(0))
    await consumed(consumer, take)

    assert len(attempts) == 3
    assert consumer.committed == [1]


async def test_a_server_that_stays_away_ends_the_consumer(monkeypatch):
    monkeypatch.setattr(kafka, "_RETRY_AFTER_SECONDS", (0, 0))

    async def take(_batch):
        raise DependencyUnavailable("STORE_UNAVAILABLE", "gone")

    consumer = Consumer(records(0), records(1), records(2))
    with pytest.raises(DependencyUnavailable):
        await consume(consumer, take)

    assert consumer.committed == []


async def take_all(_batch):
    return None


async def test_a_partition_that_moved_is_left_to_its_new_owner():
    consumer = Consumer(records(0), records(1), commit_error=CommitFailedError())
    await consumed(consumer, take_all)

    assert consumer.committed == [1, 2]


async def test_a_broker_that_cannot_be_told_the_offset_is_an_unavailable_dependency():
    with pytest.raises(DependencyUnavailable, match="KAFKA_UNAVAILABLE"):
        await consume(Consumer(records(0), records(1), records(2), commit_error=KafkaConnectionError()), take_all)


def letter(rejections, headers=()):
    record = InboundRecord(position=Position(3, 99), key=b"k", value=b"{", headers=headers)
    return dict(dead_letter_headers(DeadLetter(record=record, rejections=tuple(rejections))))


def test_a_dead_letter_says_why_and_from_where_and_keeps_what_the_sender_said_around_it():
    headers = letter(
        [Rejection(entry=4, code="NOT_JSON", reason="the document: is broken")],
        [("ce_source", b"pms"), ("rx-reason-code", b"FORGED"), *((f"h{n}", b"") for n in range(10_000))],
    )

    assert headers["rx-reason-code"] == b"NOT_JSON"
    assert headers["rx-reason"] == b"the document: is broken"
    assert (headers["rx-entry"], headers["rx-inbound-partition"], headers["rx-inbound-offset"]) == (b"4", b"3", b"99")
    assert headers["ce_source"] == b"pms"
    assert len(headers) < 60


def test_a_dead_letter_with_many_refused_entries_lists_a_hundred_and_counts_all():
    listed = json.loads(letter([Rejection(entry=n, code="X", reason="") for n in range(500)])["rx-rejections"])

    assert (listed["count"], len(listed["rejections"])) == (500, 100)


def test_the_last_word_of_the_monitor_counts_also_when_it_starts_over():
    progress = MonitorProgressTopic()
    seen = []
    for position in (10, 4):
        progress.note(MonitorProgress(partition=2, position=position).SerializeToString())
        seen.append([progress.passed(Position(2, offset)) for offset in (3, 4, 9, 10)])
    progress.note(None)

    assert seen == [[True, True, True, False], [True, False, False, False]]
    assert not progress.passed(Position(0, 0))
