"""Processes inbound batches and counts their outcomes."""

import time
from collections import Counter
from collections.abc import Sequence

from rx_ingest.model import InboundRecord
from rx_ingest.reader import Reader
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, histogram

from rx_prescriptions.domain.model import Receipt
from rx_prescriptions.handlers import process_inbound
from rx_prescriptions.ports import Encoder, EventStore, OutboundTopics

log = get_logger()


class InboundWorker:
    """Binds the ports of `process_inbound` and reports its metrics."""

    def __init__(self, reader: Reader, encode: Encoder, store: EventStore, outbound: OutboundTopics) -> None:
        self._reader = reader
        self._encode = encode
        self._store = store
        self._outbound = outbound

    async def __call__(self, records: Sequence[InboundRecord]) -> None:
        """Process one batch. Raises DependencyUnavailable; the batch may then be repeated."""
        started = time.monotonic()
        receipts = await process_inbound(
            records, reader=self._reader, encode=self._encode, store=self._store, outbound=self._outbound
        )
        histogram("rx_inbound_batch_seconds").observe(time.monotonic() - started)
        _count(receipts)


def _count(receipts: Sequence[Receipt]) -> None:
    counts = [count for receipt in receipts for count in receipt.resources]
    for outcome in ("stored", "unchanged", "dead_letter"):
        total = sum(getattr(count, outcome) for count in counts)
        counter("rx_inbound_records_total").labels(outcome=outcome).inc(total)
    codes = Counter(rejection.code for receipt in receipts for rejection in receipt.rejections)
    for code, entries in codes.items():
        log.warning("dead_letters", code=code, entries=entries)
