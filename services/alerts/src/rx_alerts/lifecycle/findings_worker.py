"""Apply batches of finding sets: give the handler its ports, the clock and new ids, and count the results."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from rx_runtime.telemetry.logs import get_logger
from rx_runtime.telemetry.metrics import counter

from rx_alerts.domain.lifecycle import ChangeKind
from rx_alerts.domain.model import ReceivedFindings
from rx_alerts.handlers import apply_findings
from rx_alerts.ports import AlertPublisher, AlertStore

log = get_logger()


class FindingsWorker:
    """Applies a batch of finding sets for each call, with the clock and new ids."""

    def __init__(self, store: AlertStore, publisher: AlertPublisher) -> None:
        self._store = store
        self._publisher = publisher

    async def __call__(self, partition: int, received: Sequence[ReceivedFindings]) -> None:
        """Apply a batch of one partition. Idempotent; raises DependencyUnavailable if store or broker do not answer."""
        batch = await apply_findings(
            partition, received, store=self._store, publisher=self._publisher, now=datetime.now(UTC), new_id=uuid4
        )
        counter("rx_alerts_finding_sets_total").labels(outcome="outdated").inc(batch.outdated)
        counter("rx_alerts_finding_sets_total").labels(outcome="applied").inc(len(received) - batch.outdated)
        for kind in ChangeKind:
            changed = sum(change.change is kind for change in batch.changes)
            counter("rx_alerts_changes_total").labels(change=kind.value).inc(changed)
        if batch.changes:
            log.info("alerts_changed", partition=partition, changes=len(batch.changes))
