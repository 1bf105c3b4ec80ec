"""Wire the service: the only module that knows both the ports and the adapters."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from pharmacy.alerts.v1 import alerts_pb2_grpc
from rx_runtime import service
from rx_runtime.kafka import clients
from rx_runtime.kafka.topics import verify
from rx_runtime.postgres import migrate, open_pool
from rx_runtime.pseudonym import pseudonym
from rx_runtime.service import Runtime

from rx_alerts.adapters.grpc import SERVICE, AlertServicer
from rx_alerts.adapters.kafka import KafkaAlertPublisher, consume
from rx_alerts.adapters.postgres import PostgresAlertStore
from rx_alerts.lifecycle.findings_worker import FindingsWorker
from rx_alerts.lifecycle.open_alerts_gauge import count_open_alerts
from rx_alerts.settings import AlertsSettings

CLIENT = "rx-alerts"
MIGRATIONS = Path(__file__).with_name("migrations")


def main() -> int:
    """Run the service; returns its exit code."""
    return service.main("alerts", AlertsSettings, start)


@asynccontextmanager
async def start(runtime: Runtime[AlertsSettings]) -> AsyncIterator[None]:
    """Migrate, connect, serve and consume while the block lasts."""
    settings = runtime.settings
    await verify(settings.installation)
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.installation.schema_name("alerts")
    await migrate(dsn, schema, MIGRATIONS)
    async with AsyncExitStack() as stack:
        pool = await open_pool(dsn, schema)
        stack.push_async_callback(pool.close)
        store = PostgresAlertStore(pool)
        producer = clients.new_producer(settings.kafka, client_id=CLIENT)
        findings = settings.installation.topic("rx.findings.v1")
        group = settings.installation.group(CLIENT)
        consumer = clients.new_consumer(settings.kafka, findings, client_id=CLIENT, group=group, member=settings.member)
        for client in (producer, consumer):
            await clients.start(client, settings.kafka)
            stack.push_async_callback(client.stop)
        servicer = AlertServicer(store, partial(pseudonym, settings.pseudonym_key_bytes))
        alerts_pb2_grpc.add_AlertServiceServicer_to_server(servicer, runtime.grpc)
        runtime.serves(SERVICE)
        publisher = KafkaAlertPublisher(producer, settings.installation.topic("rx.alerts.v1"))
        runtime.spawn(consume(consumer, FindingsWorker(store, publisher)), name="findings")
        runtime.spawn(count_open_alerts(store), name="count open alerts")
        await runtime.set_ready(True)
        yield
