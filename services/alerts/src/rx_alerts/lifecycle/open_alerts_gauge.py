"""Keep the gauge of open alerts current."""

import asyncio

from rx_runtime.telemetry.metrics import gauge

from rx_alerts.domain.model import AlertSeverity
from rx_alerts.ports import AlertStore

_INTERVAL_SECONDS = 2.0


async def count_open_alerts(store: AlertStore) -> None:
    """Set the gauge by severity every 2 seconds; never returns. Raises DependencyUnavailable STORE_UNAVAILABLE."""
    while True:
        counts = await store.count_open()
        for severity in AlertSeverity:
            gauge("rx_alerts_open").labels(severity=severity.name.lower()).set(counts.get(severity, 0))
        await asyncio.sleep(_INTERVAL_SECONDS)
