"""Keeps the gauge of product codes that no table maps."""

import asyncio

from rx_runtime.telemetry.metrics import gauge

from rx_prescriptions.handlers import MAX_UNCODED
from rx_prescriptions.ports import EventStore

_INTERVAL_SECONDS = 10.0


async def report_uncoded_products(store: EventStore) -> None:
    """Set the gauge every 10 seconds. Never returns. Raises DependencyUnavailable."""
    while True:
        gauge("rx_uncoded_products").set(len(await store.uncoded(MAX_UNCODED)))
        await asyncio.sleep(_INTERVAL_SECONDS)
