"""Wires the service: the only module that knows ports and adapters."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from pharmacy.prescriptions.v1 import prescriptions_pb2_grpc
from rx_clinical import load_catalogue
from rx_ingest.encoding import encode_event
from rx_ingest.reader import Reader
from rx_runtime import service
from rx_runtime.kafka import clients
from rx_runtime.kafka.topic_identity import identities
from rx_runtime.kafka.topics import verify
from rx_runtime.postgres import migrate, open_pool
from rx_runtime.pseudonym import pseudonym
from rx_runtime.service import Runtime
from rx_runtime.sites import load_sites

from rx_prescriptions.adapters.grpc import SERVICE, PrescriptionServicer
from rx_prescriptions.adapters.kafka.consumer import consume
from rx_prescriptions.adapters.kafka.producers import KafkaInboundTopic, KafkaOutboundTopics
from rx_prescriptions.adapters.kafka.progress_reader import MonitorProgressReader
from rx_prescriptions.adapters.postgres import PostgresEventStore
from rx_prescriptions.lifecycle.inbound_worker import InboundWorker
from rx_prescriptions.lifecycle.uncoded_products import report_uncoded_products
from rx_prescriptions.settings import PrescriptionsSettings

MIGRATIONS = Path(__file__).with_name("migrations")
CLIENT = "rx-prescriptions"
_COLLECT_AFTER_OBJECTS = 100_000


def main() -> int:
    """Run the service; return its exit code."""
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
        monitor = MonitorProgressReader((await identities(settings.kafka, [events]))[events].topic_id)
        outbound = KafkaOutboundTopics(
            producer,
            events_topic=events,
            dead_letter_topic=settings.installation.topic("rx.inbound.v1.dlq"),
            ruleset_seq=catalogue.ruleset_seq,
        )
        servicer = PrescriptionServicer(
            store=store,
            inbound=KafkaInboundTopic(producer, settings.installation.topic("rx.inbound.v1")),
            monitor=monitor,
            reader=reader,
            known_since=sites.known_since,
            pseudonym=named,
        )
        prescriptions_pb2_grpc.add_PrescriptionServiceServicer_to_server(servicer, runtime.grpc)
        runtime.serves(SERVICE)
        runtime.spawn(monitor.follow(progress), name="monitor progress")
        runtime.spawn(consume(inbound, InboundWorker(reader, encode_event, store, outbound)), name="inbound")
        runtime.spawn(report_uncoded_products(store), name="count uncoded products")
        _tune_garbage_collector()
        await runtime.set_ready(True)
        yield


def _tune_garbage_collector() -> None:
    """Collect rarely: the tables live as long as the process, and batches free their objects by reference counting."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
