"""Puts the monitor together: the only module that knows both ports and adapters."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from rx_clinical import load_catalogue
from rx_clinical.catalogue.relevance import relevant_since
from rx_runtime.kafka import clients
from rx_runtime.service import Runtime
from rx_runtime.sites import load_sites

from rx_monitor.adapters.clinical.assessor import CoreAssessor
from rx_monitor.adapters.clinical.relevance import CodeRelevance
from rx_monitor.adapters.faust.source import FaustSource
from rx_monitor.adapters.kafka.changelog import StateChangelog
from rx_monitor.adapters.kafka.end_offset_watcher import EndOffsetWatcher
from rx_monitor.adapters.kafka.outbox import KafkaOutbox
from rx_monitor.adapters.kafka.output_log import KafkaOutputLog
from rx_monitor.adapters.kafka.progress_reports import ProgressReports
from rx_monitor.adapters.protobuf.codec import ProtoCodec
from rx_monitor.domain.partition_state import PartitionState
from rx_monitor.domain.progress import Progress
from rx_monitor.domain.rebuilds import Rebuilds
from rx_monitor.domain.store import Stores
from rx_monitor.lifecycle.worker import MonitorWorker
from rx_monitor.operations.start_checks import check_start
from rx_monitor.ports import Ports
from rx_monitor.settings import FINDINGS_TOPIC, PROGRESS_TOPIC, STATE_TOPIC, MonitorSettings

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""About as many as a batch allocates; hardly any of them form a cycle."""


@asynccontextmanager
async def start(runtime: Runtime[MonitorSettings]) -> AsyncIterator[None]:
    """Check, connect, process batches while the block runs; then finish the current batch and commit."""
    settings = runtime.settings
    installation = settings.installation
    catalogue = load_catalogue()
    since = relevant_since()
    found = await check_start(installation, catalogue, since)
    producer = clients.new_producer(settings.kafka, client_id="rx-monitor")
    await clients.start(producer, settings.kafka)
    ports = Ports(
        codec=ProtoCodec(catalogue.ruleset_seq, found.state_epoch),
        relevance=CodeRelevance(catalogue, since),
        assess=CoreAssessor(catalogue, load_sites(settings.sites_file), found.state_epoch),
        outbox=_outbox(producer, settings),
        output_log=KafkaOutputLog(installation),
    )
    state = PartitionState(Stores(), Progress(), Rebuilds(found.rebuilds))
    reports = ProgressReports(
        producer,
        installation.topic(PROGRESS_TOPIC),
        partition_progress=state.partition_progress,
        template=found.identity,
    )
    changelog = StateChangelog(
        installation,
        producer,
        topic_id=found.identity.state_topic_id,
        state_epoch=found.state_epoch,
        ruleset_seq=catalogue.ruleset_seq,
    )
    worker = MonitorWorker(ports, state, changelog, reports, runtime)
    source = FaustSource(settings, state.progress, worker)
    _tune_garbage_collection()
    runtime.spawn(source.run(), name="faust")
    runtime.spawn(reports.run(), name="progress")
    runtime.spawn(EndOffsetWatcher(installation, state.stores.owned, worker.on_end_offsets).run(), name="watch")
    runtime.spawn(worker.run_reassessment(), name="reassess")
    try:
        yield
        await source.stop()
        await reports.report()
    finally:
        await producer.stop()


def _outbox(producer: AIOKafkaProducer, settings: MonitorSettings) -> KafkaOutbox:
    return KafkaOutbox(
        producer,
        findings_topic=settings.installation.topic(FINDINGS_TOPIC),
        state_topic=settings.installation.topic(STATE_TOPIC),
        max_record_bytes=settings.max_record_bytes,
    )


def _tune_garbage_collection() -> None:
    """Exclude the objects of the start from garbage collection, and collect less often.

    Otherwise the collector traverses modules and tables again and again: a fifth of a busy process's time, in pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
