"""Records as aiokafka unpacks them, without its own copy of each."""

from collections import OrderedDict
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult

from rx_monitor.ports import EventRecord


class Unpacked(OrderedDict[Any, Any]):
    """What has been fetched and nobody has taken, record by record as it is unpacked.

    The client's copies, with fields that nobody reads, would cost two fifths of a fetch.
    """

    def __setitem__(self, tp: object, result: object) -> None:
        if isinstance(result, FetchResult):
            result._partition_records._consumer_record = _as_it_is  # noqa: SLF001  # no way around the copy is public
        super().__setitem__(tp, result)


def without_copies(consumer: AIOKafkaConsumer) -> None:
    """Have a started consumer hand out records with `offset`, `key`, `value` and `headers` and no more."""
    consumer._fetcher._records = Unpacked(consumer._fetcher._records)  # noqa: SLF001  # as above


def _as_it_is(_: object, record: EventRecord) -> EventRecord:
    return record
