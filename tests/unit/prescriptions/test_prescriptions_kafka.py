"""The consumer's promises: offsets move in order and only over what was taken; and what a dead letter says."""

import asyncio
import gzip
import hashlib
import json
from random import Random
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError, MessageSizeTooLargeError
from pharmacy.events.v1.monitor_pb2 import MonitorProgress
from rx_ingest.model import InboundRecord, Position
from rx_prescriptions.adapters.dead_letters import KEPT_BYTES, dead_letter_headers
from rx_prescriptions.adapters.kafka import consumer as kafka
from rx_prescriptions.adapters.kafka.consumer import consume
from rx_prescriptions.adapters.kafka.producers import KafkaOutboundTopics
from rx_prescriptions.adapters.kafka.progress_reader import MonitorProgressReader
from rx_prescriptions.domain.model import Rejection
from rx_prescriptions.ports import DeadLetter
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka.clients import MAX_RECORD_BYTES

INBOUND = TopicPartition("rx.inbound.v1", 0)


class DrainedError(Exception):
    pass


class Consumer:
    """A partition that is fetched in the given portions and then ends the test."""

    def __init__(self, *portions, commit_error=None):
        self.portions = list(portions)
        self.committed = []
        self.commit_error = commit_error
        self.owned = {INBOUND}
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def assignment(self):
        return self.owned

    async def getmany(self, **_limits):
        if not self.portions:
            await asyncio.sleep(0.05)
            raise DrainedError
        return {INBOUND: self.portions.pop(0)}

    async def commit(self, offsets):
        assert offsets  # the client refuses none
        await self.may_answer.wait()
        self.committed += offsets.values()
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
            await asyncio.sleep(0.01)
            assert consumer.committed == []
        done.append(batch[0].position.offset)
        first_may_end.set()

    consumer = Consumer(records(0, 1), records(2))
    await consumed(consumer, take)

    assert done == [2, 0]
    assert consumer.committed in ([2, 3], [3])


async def test_batches_are_taken_while_an_offset_is_on_its_way_and_the_newest_goes_next():
    taken = []

    async def take(batch):
        taken.append(batch[0].position.offset)
        if len(taken) == 1:
            consumer.may_answer.clear()
        if len(taken) == 5:
            consumer.may_answer.set()

    consumer = Consumer(*[records(n) for n in range(5)])
    await consumed(consumer, take)

    assert taken == [0, 1, 2, 3, 4]
    before, newest = consumer.committed
    assert before < newest == 5


async def test_an_offset_that_is_on_its_way_at_the_end_still_arrives():
    consumer = Consumer(records(0))
    consumer.may_answer.clear()
    asyncio.get_running_loop().call_later(0.1, consumer.may_answer.set)  # the portions end after half of that
    await consumed(consumer, take_all)

    assert consumer.committed == [1]


async def test_a_broker_that_takes_no_offset_for_long_is_an_unavailable_dependency(monkeypatch):
    monkeypatch.setattr(kafka, "_COMMIT_TIMEOUT_SECONDS", 0.01)
    consumer = Consumer(*[records(n) for n in range(9)])
    consumer.may_answer.clear()

    async def take(_batch):
        await asyncio.sleep(0.02)

    with pytest.raises(DependencyUnavailable, match="took no offset"):
        await consume(consumer, take)


async def test_the_end_does_not_wait_for_a_broker_that_is_away(monkeypatch):
    monkeypatch.setattr(kafka, "_LAST_COMMIT_TIMEOUT_SECONDS", 0.01)
    consumer = Consumer(records(0))
    consumer.may_answer.clear()
    async with asyncio.timeout(10):
        await consumed(consumer, take_all)


async def test_no_offset_is_committed_of_a_partition_that_is_owned_no_more():
    consumer = Consumer(records(0))
    consumer.owned = set()
    await consumed(consumer, take_all)

    assert consumer.committed == []


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
    monkeypatch.setattr(kafka, "_RETRY_DELAYS_SECONDS", (0, 0))
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
    monkeypatch.setattr(kafka, "_RETRY_DELAYS_SECONDS", (0, 0))

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

    assert consumer.committed[-1] == 2


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


class Producer:
    """A topic as a list, with the limit of the real one."""

    def __init__(self):
        self.written = []

    async def send(self, _topic, value, *, key, headers):
        if (
            len(value) + len(key or b"") + sum(len(name) + len(text or b"") for name, text in headers)
            > MAX_RECORD_BYTES
        ):
            raise MessageSizeTooLargeError
        self.written.append((key, value, dict(headers)))
        acknowledgement = asyncio.get_running_loop().create_future()
        acknowledgement.set_result(SimpleNamespace(partition=0, offset=0))
        return acknowledgement


async def written(value, key=b"k", headers=()):
    producer = Producer()
    record = InboundRecord(position=Position(3, 99), key=key, value=value, headers=headers)
    letter = DeadLetter(record=record, rejections=(Rejection(entry=-1, code="RECORD_TOO_LARGE", reason="x"),))
    await KafkaOutboundTopics(producer, events_topic="e", dead_letter_topic="d", ruleset_seq=7).send([], [letter])
    [(key, value, headers)] = producer.written
    assert (headers["rx-reason-code"], headers["rx-inbound-offset"]) == (b"RECORD_TOO_LARGE", b"99")
    return key, value, headers


async def test_a_dead_letter_that_fits_stands_as_it_came_whatever_its_sender_says_of_it():
    key, value, headers = await written(b"{", headers=[("rx-content-encoding", b"gzip")])

    assert (key, value) == (b"k", b"{")
    assert "rx-content-encoding" not in headers


async def test_a_dead_letter_larger_than_any_record_is_compressed_and_says_so():
    sent = b'{"resourceType": "Bundle"}' * 450_000
    _, value, headers = await written(sent)

    assert headers["rx-content-encoding"] == b"gzip"
    assert gzip.decompress(value) == sent


@pytest.mark.parametrize(
    ("size", "key", "header"), [(11_000_000, b"k", b"h"), (1, b"k" * 10_000_000, b"h"), (1, b"k", b"h" * 10_000_000)]
)
async def test_a_dead_letter_too_large_even_compressed_is_cut_and_identifies_the_whole(size, key, header):
    sent = Random(7).randbytes(size)  # noqa: S311  # bytes that do not compress, not a secret
    kept_key, value, headers = await written(sent, key, [("traceparent", b"t"), ("big", header)])

    assert value == sent[:KEPT_BYTES]
    assert headers["rx-content-cut"] == str(len(value)).encode()
    assert headers["rx-content-sha256"] == hashlib.sha256(sent).hexdigest().encode()
    assert (headers["rx-content-bytes"], headers["traceparent"]) == (str(size).encode(), b"t")
    assert kept_key in (key, None)


async def test_a_record_that_is_too_large_is_no_broker_that_is_away():
    class Refusing:
        async def send(self, *_, **__):
            raise MessageSizeTooLargeError

    record = InboundRecord(position=Position(0, 0), key=None, value=b"")
    letter = DeadLetter(record=record, rejections=(Rejection(entry=0, code="X", reason=""),))
    with pytest.raises(MessageSizeTooLargeError):
        await KafkaOutboundTopics(Refusing(), events_topic="e", dead_letter_topic="d", ruleset_seq=7).send([], [letter])


def test_a_monitor_that_was_paused_through_a_rebuild_is_not_listened_to():
    progress = MonitorProgressReader("the topic")
    for build, position in ((0, 10), (1, 4), (0, 12)):
        report = MonitorProgress(partition=2, position=position, topic_id="the topic", build=build)
        progress.note(report.SerializeToString())
    assert progress.has_passed(Position(2, 3))
    assert not progress.has_passed(Position(2, 4))


def test_the_last_word_of_the_monitor_counts_also_when_it_starts_over():
    progress = MonitorProgressReader("the topic")
    seen = []
    for position in (10, 4):
        progress.note(MonitorProgress(partition=2, position=position, topic_id="the topic").SerializeToString())
        seen.append([progress.has_passed(Position(2, offset)) for offset in (3, 4, 9, 10)])
    progress.note(None)

    assert seen == [[True, True, True, False], [True, False, False, False]]
    assert not progress.has_passed(Position(0, 0))
