"""Results on their way to Kafka: every record, in its order, in batches of the producer's size."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from rx_monitor.adapters.kafka.outbox import KafkaOutbox

BATCH_BYTES = 1000


class SlowProducer:
    """Takes batches of 1,000 bytes and acknowledges none before `go`; offsets count from 100 in each partition."""

    def __init__(self):
        self.go = asyncio.Event()
        self.taken = asyncio.Semaphore(0)
        self.batches = []
        self.refuses = False

    def create_batch(self):
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch, topic, *, partition):
        assert batch.closed()
        records = [(one.key, one.value) for one in MemoryRecords(bytes(batch._build())).next_batch()]
        first = 100 + sum(len(taken) for where, taken in self.batches if where == (topic, partition))
        self.batches.append(((topic, partition), records))
        self.taken.release()
        return asyncio.create_task(self._acknowledge(first))

    async def _acknowledge(self, first):
        await self.go.wait()
        if self.refuses:
            raise MessageSizeTooLargeError
        return SimpleNamespace(offset=first)


@pytest.fixture
def producer():
    return SlowProducer()


@pytest.fixture
def outbox(producer):
    return KafkaOutbox(producer, findings_topic="findings", state_topic="state", max_record_bytes=1 << 20)


def records(*sizes):
    return [(b"%016d" % number, bytes([65 + number]) * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize("sizes", [(), (10,), (300,) * 12, (10, 5000, 10), (5000, 5000)])
async def test_every_record_goes_out_once_in_its_order_and_its_offset_is_told(producer, outbox, sizes):
    producer.go.set()
    sent = records(*sizes)
    offsets = await outbox.publish_findings(3, sent)
    assert [one for _, batch in producer.batches for one in batch] == sent
    assert list(offsets) == [100 + number for number in range(len(sent))]
    assert {where for where, _ in producer.batches} == ({("findings", 3)} if sent else set())


async def test_a_batch_is_no_larger_than_the_producer_says_unless_one_record_is(producer, outbox):
    producer.go.set()
    await outbox.write_states(0, records(300, 300, 300, 300, 5000, 10))
    assert [len(batch) for _, batch in producer.batches] == [2, 2, 1, 1]


async def test_nothing_is_done_before_every_batch_is_acknowledged(producer, outbox):
    sending = asyncio.create_task(outbox.write_states(0, records(900, 900)))
    await producer.taken.acquire()
    await producer.taken.acquire()
    assert not sending.done()
    producer.go.set()
    assert list(await sending) == [100, 101]


async def test_a_batch_that_is_refused_is_an_error(producer, outbox):
    producer.refuses = True
    producer.go.set()
    with pytest.raises(MessageSizeTooLargeError):
        await outbox.publish_findings(0, records(10))
