"""Reads ranges of the output topics, to find foreign writes."""

from collections.abc import Iterable

from aiokafka import TopicPartition
from pharmacy.events.v1.finding_pb2 import FindingSet
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import StateVersion
from rx_contracts.wire import finding_messages
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients

from rx_monitor.adapters.protobuf.codec import state_version
from rx_monitor.ports import PublishedSet
from rx_monitor.settings import FINDINGS_TOPIC, STATE_TOPIC

_FETCH_TIMEOUT_MS = 500


class KafkaOutputLog:
    """Reads finding sets and states at given offsets."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def read_findings(self, partition: int, offsets: Iterable[range]) -> list[PublishedSet]:
        """See OutputLog."""
        records = await self._read(TopicPartition(self._installation.topic(FINDINGS_TOPIC), partition), offsets)
        return [_published(FindingSet.FromString(value)) for _, value in records]

    async def read_states(self, partition: int, offsets: Iterable[range]) -> list[tuple[Pseudonym, StateVersion]]:
        """See OutputLog."""
        records = await self._read(TopicPartition(self._installation.topic(STATE_TOPIC), partition), offsets)
        return [(Pseudonym(key), state_version(value)) for key, value in records]

    async def _read(self, tp: TopicPartition, offsets: Iterable[range]) -> list[tuple[bytes, bytes]]:
        if not (ranges := list(offsets)):
            return []
        consumer = clients.new_consumer(self._installation.kafka, client_id="rx-monitor-repair")
        await clients.start(consumer, self._installation.kafka)
        found: list[tuple[bytes, bytes]] = []
        try:
            consumer.assign([tp])
            for wanted in ranges:
                consumer.seek(tp, wanted.start)
                # By position, not by the last record: compaction leaves offsets without a record.
                while await consumer.position(tp) < wanted.stop:
                    records = (await consumer.getmany(tp, timeout_ms=_FETCH_TIMEOUT_MS)).get(tp, [])
                    found += [
                        (record.key, record.value) for record in records if record.offset in wanted and record.value
                    ]
        finally:
            await consumer.stop()
        return found


def _published(message: FindingSet) -> PublishedSet:
    return PublishedSet(
        Pseudonym(message.patient),
        finding_messages.finding_set_version(message),
        finding_messages.finding_set_hash(message),
    )
