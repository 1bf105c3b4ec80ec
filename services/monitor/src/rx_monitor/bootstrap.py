"""Puts the monitor together: the one place that knows both ports and adapters."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rx_clinical import load_catalogue
from rx_clinical.catalogue.relevance import relevant_since
from rx_runtime.kafka import clients
from rx_runtime.service import Runtime
from rx_runtime.sites import load_sites

from rx_monitor.adapters.clinical.assessor import CoreAssessor
from rx_monitor.adapters.clinical.relevance import CodeRelevance
from rx_monitor.adapters.faust.source import FaustSource
from rx_monitor.adapters.kafka.changelog import StateChangelog
from rx_monitor.adapters.kafka.end_offset_watcher import LogWatch, WrittenRecords
from rx_monitor.adapters.kafka.outbox import KafkaOutbox, ProgressReports
from rx_monitor.adapters.protobuf.codec import ProtoCodec
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import Rebuilds, reached
from rx_monitor.domain.store import Stores
from rx_monitor.lifecycle.worker import Monitor
from rx_monitor.operations.start_checks import check_start
from rx_monitor.ports import Ports
from rx_monitor.settings import FINDINGS_TOPIC, PROGRESS_TOPIC, STATE_TOPIC, MonitorSettings

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""A batch makes about as many, and hardly a cycle among them."""


@asynccontextmanager
async def start(runtime: Runtime[MonitorSettings]) -> AsyncIterator[None]:
    """Check, connect, deliver while the process lives; then finish the batch in work and commit."""
    settings = runtime.settings
    installation = settings.installation
    catalogue = load_catalogue()
    since = relevant_since()
    found = await check_start(installation, catalogue, since)
    producer = clients.new_producer(settings.kafka, client_id="rx-monitor")
    await clients.start(producer, settings.kafka)
    ports = Ports(
        codec=ProtoCodec(catalogue.ruleset_seq, found.build),
        relevance=CodeRelevance(catalogue, since),
        assess=CoreAssessor(catalogue, load_sites(settings.sites_file), found.build),
        ruleset_seq=catalogue.ruleset_seq,
        build=found.build,
        outbox=KafkaOutbox(
            producer,
            findings_topic=installation.topic(FINDINGS_TOPIC),
            state_topic=installation.topic(STATE_TOPIC),
        ),
        written=WrittenRecords(installation),
        stores=Stores(),
        progress=Progress(),
        rebuilds=Rebuilds(found.rebuilding),
        max_record_bytes=settings.max_record_bytes,
    )
    reports = ProgressReports(
        producer,
        installation.topic(PROGRESS_TOPIC),
        reached=lambda: reached(ports.progress, ports.stores, ports.rebuilds),
        template=found.identity,
    )
    changelog = StateChangelog(
        installation,
        producer,
        topic_id=found.identity.state_topic_id,
        build=found.build,
        ruleset_seq=catalogue.ruleset_seq,
    )
    monitor = Monitor(ports, changelog, reports, runtime)
    source = FaustSource(settings, ports.progress, monitor)
    _calm_the_collector()
    runtime.spawn(source.run(), name="faust")
    runtime.spawn(reports.run(), name="progress")
    runtime.spawn(LogWatch(installation, ports.stores.owned, monitor.looked).run(), name="watch")
    runtime.spawn(monitor.reassess(), name="reassess")
    try:
        yield
        await source.stop()
        await reports.report()
    finally:
        await producer.stop()


def _calm_the_collector() -> None:
    """Leave out of garbage collection what the start has built, and collect less often.

    Otherwise the modules and the tables are walked over and over: a fifth of the time of a busy process, in pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
