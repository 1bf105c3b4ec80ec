"""Puts the service together: the only module that knows both the ports and the adapters."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from pharmacy.prescriptions.v1 import prescriptions_pb2_grpc
from rx_clinical import load_catalogue
from rx_ingest.encoding import encode
from rx_ingest.model import InboundRecord
from rx_ingest.reader import Reader
from rx_runtime import service
from rx_runtime.kafka import clients
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.kafka.topics import verify
from rx_runtime.postgres import migrate, open_pool
from rx_runtime.pseudonym import pseudonym
from rx_runtime.service import Runtime
from rx_runtime.sites import load_sites
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge, histogram

from rx_prescriptions.adapters.grpc import SERVICE, PrescriptionServicer
from rx_prescriptions.adapters.kafka import KafkaInbound, KafkaOutbound, MonitorProgressTopic, consume
from rx_prescriptions.adapters.postgres import PostgresEventStore
from rx_prescriptions.handlers import MAX_UNCODED, take
from rx_prescriptions.ports import EventStore, Outbound
from rx_prescriptions.settings import PrescriptionsSettings

MIGRATIONS = Path(__file__).with_name("migrations")
CLIENT = "rx-prescriptions"
_COLLECT_AFTER_OBJECTS = 100_000
_COUNT_EVERY_SECONDS = 10.0
log = get_logger()


def main() -> int:
    """Run the service; returns its exit code."""
    return service.main("prescriptions", PrescriptionsSettings, start)


@asynccontextmanager
async def start(runtime: Runtime[PrescriptionsSettings]) -> AsyncIterator[None]:
    """Migrate, connect, serve and consume while the block lasts."""
    settings = runtime.settings
    sites = load_sites(settings.sites_file)
    named = partial(pseudonym, settings.pseudonym_key_bytes)
    catalogue = load_catalogue()
    reader = Reader(catalogue=catalogue, sites=sites, pseudonym=named)
    await verify(settings.installation)
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.installation.schema_name("prescriptions")
    await migrate(dsn, schema, MIGRATIONS)
    async with AsyncExitStack() as stack:
        pool = await open_pool(dsn, schema)
        stack.push_async_callback(pool.close)
        store = PostgresEventStore(pool)
        producer = clients.new_producer(settings.kafka, client_id=CLIENT)
        inbound = clients.new_consumer(
            settings.kafka,
            settings.installation.topic("rx.inbound.v1"),
            client_id=CLIENT,
            group=settings.installation.group(CLIENT),
            member=settings.member,
        )
        progress = clients.new_consumer(
            settings.kafka, settings.installation.topic("rx.monitor-progress.v1"), client_id=CLIENT
        )
        for client in (producer, inbound, progress):
            await clients.start(client, settings.kafka)
            stack.push_async_callback(client.stop)
        events = settings.installation.topic("rx.medication-events.v1")
        monitor = MonitorProgressTopic((await identities(settings.kafka, [events]))[events].topic_id)
        outbound = KafkaOutbound(
            producer,
            events_topic=events,
            dead_letter_topic=settings.installation.topic("rx.inbound.v1.dlq"),
            ruleset_seq=catalogue.ruleset_seq,
        )
        servicer = PrescriptionServicer(
            store=store,
            inbound=KafkaInbound(producer, settings.installation.topic("rx.inbound.v1")),
            monitor=monitor,
            reader=reader,
            known_since=sites.known_since,
            pseudonym=named,
        )
        prescriptions_pb2_grpc.add_PrescriptionServiceServicer_to_server(servicer, runtime.grpc)
        runtime.serves(SERVICE)
        runtime.spawn(monitor.follow(progress), name="monitor progress")
        runtime.spawn(consume(inbound, Taking(reader, store, outbound)), name="inbound")
        runtime.spawn(count_uncoded(store), name="count uncoded products")
        _calm_garbage_collector()
        await runtime.set_ready(True)
        yield


def _calm_garbage_collector() -> None:
    """The tables stay for ever, and a batch drops its objects by itself: walking them frees nothing."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)


async def count_uncoded(store: EventStore) -> None:
    """Keep the gauge of product codes that nobody has mapped yet; never returns."""
    while True:
        gauge("rx_uncoded_products").set(len(await store.uncoded(MAX_UNCODED)))
        await asyncio.sleep(_COUNT_EVERY_SECONDS)


class Taking:
    """Gives the handler its ports, and counts what it did."""

    def __init__(self, reader: Reader, store: EventStore, outbound: Outbound) -> None:
        self._reader = reader
        self._store = store
        self._outbound = outbound

    async def __call__(self, records: Sequence[InboundRecord]) -> None:
        """Take one batch."""
        started = time.monotonic()
        receipts = await take(records, reader=self._reader, encode=encode, store=self._store, outbound=self._outbound)
        histogram("rx_inbound_batch_seconds").observe(time.monotonic() - started)
        counts = [count for receipt in receipts for count in receipt.resources]
        for outcome in ("stored", "unchanged", "dead_letter"):
            total = sum(getattr(count, outcome) for count in counts)
            counter("rx_inbound_records_total").labels(outcome=outcome).inc(total)
        for code, entries in Counter(one.code for receipt in receipts for one in receipt.rejections).items():
            log.warning("dead_letters", code=code, entries=entries)
