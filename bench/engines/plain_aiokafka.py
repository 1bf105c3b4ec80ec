"""Plain aiokafka: fetch and decode every event, decide nothing, write nothing: the most that Python could reach."""

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from pharmacy.events.v1.event_pb2 import Event

from bench.protocol import Job, job, say

_MAX_RECORDS, _TIMEOUT_MS = 2_000, 500


async def consume(given: Job) -> None:
    """Read to the ends of the log."""
    consumer = AIOKafkaConsumer(bootstrap_servers=given.kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(given.events_topic, number) for number in range(len(given.ends))])
        decoded = 0
        while decoded < given.events:
            for records in (await consumer.getmany(timeout_ms=_TIMEOUT_MS, max_records=_MAX_RECORDS)).values():
                if not decoded:
                    say("started")
                for record in records:
                    Event.FromString(record.value)
                decoded += len(records)
        say("finished", events=decoded)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    uvloop.run(consume(job()))  # as the services do
