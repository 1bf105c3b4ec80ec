"""Puts the service together: the only module that knows both the ports and the adapters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from pharmacy.alerts.v1 import alerts_pb2_grpc
from rx_runtime import service
from rx_runtime.kafka import clients
from rx_runtime.kafka.topics import verify
from rx_runtime.postgres import migrate, open_pool
from rx_runtime.pseudonym import pseudonym
from rx_runtime.service import Runtime
from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter, gauge

from rx_alerts.adapters.grpc import SERVICE, AlertServicer
from rx_alerts.adapters.kafka import KafkaAnnouncer, consume
from rx_alerts.adapters.postgres import PostgresAlertStore
from rx_alerts.domain.model import Change, FindingSet, Severity
from rx_alerts.handlers import apply_findings
from rx_alerts.ports import AlertStore, Announcer
from rx_alerts.settings import AlertsSettings

CLIENT = "rx-alerts"
MIGRATIONS = Path(__file__).with_name("migrations")
_COUNT_EVERY_SECONDS = 2.0
log = get_logger()


def main() -> int:
    """Run the service; returns its exit code."""
    return service.main("alerts", AlertsSettings, start)


@asynccontextmanager
async def start(runtime: Runtime[AlertsSettings]) -> AsyncIterator[None]:
    """Migrate, connect, serve and consume while the block lasts."""
    settings = runtime.settings
    await verify(settings.kafka, settings.namespace)
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.schema_name("alerts")
    await migrate(dsn, schema, MIGRATIONS)
    async with AsyncExitStack() as stack:
        pool = await open_pool(dsn, schema)
        stack.push_async_callback(pool.close)
        store = PostgresAlertStore(pool)
        producer = clients.new_producer(settings.kafka, client_id=CLIENT)
        findings = settings.topic("rx.findings.v1")
        group = settings.group(CLIENT)
        consumer = clients.new_consumer(settings.kafka, findings, client_id=CLIENT, group=group, member=settings.member)
        for client in (producer, consumer):
            await clients.start(client, settings.kafka)
            stack.push_async_callback(client.stop)
        servicer = AlertServicer(store, partial(pseudonym, settings.pseudonym_key_bytes))
        alerts_pb2_grpc.add_AlertServiceServicer_to_server(servicer, runtime.grpc)
        runtime.serves(SERVICE)
        announcer = KafkaAnnouncer(producer, settings.topic("rx.alerts.v1"))
        runtime.spawn(consume(consumer, Applying(store, announcer)), name="findings")
        runtime.spawn(count_open(store), name="count open alerts")
        await runtime.set_ready(True)
        yield


class Applying:
    """Gives the handler its ports, the clock and new ids, and counts what it did."""

    def __init__(self, store: AlertStore, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer

    async def __call__(self, partition: int, received: Sequence[FindingSet]) -> None:
        """Apply one batch of one partition."""
        applied = await apply_findings(
            partition, received, store=self._store, announcer=self._announcer, now=datetime.now(UTC), new_id=uuid4
        )
        counter("rx_alerts_finding_sets_total").labels(outcome="outdated").inc(applied.outdated)
        counter("rx_alerts_finding_sets_total").labels(outcome="applied").inc(len(received) - applied.outdated)
        for change in Change:
            changed = sum(one.change is change for one in applied.changes)
            counter("rx_alerts_changes_total").labels(change=change.value).inc(changed)
        if applied.changes:
            log.info("alerts_changed", partition=partition, changes=len(applied.changes))


async def count_open(store: AlertStore) -> None:
    """Keep the gauge of open alerts; never returns."""
    while True:
        counts = await store.count_open()
        for severity in Severity:
            gauge("rx_alerts_open").labels(severity=severity.name.lower()).set(counts.get(severity, 0))
        await asyncio.sleep(_COUNT_EVERY_SECONDS)
