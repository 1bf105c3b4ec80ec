"""Wire the service: the only module that knows both the ports and the adapters."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
from pharmacy.interactions.v1 import interactions_pb2_grpc
from rx_clinical import load_catalogue
from rx_runtime import service
from rx_runtime.service import Runtime
from rx_runtime.sites import SiteRegistry, load_sites
from rx_runtime.telemetry.metrics import counter

from rx_interactions.adapters.grpc import SERVICE, InteractionServicer
from rx_interactions.adapters.history import GrpcHistories, open_channel
from rx_interactions.settings import InteractionsSettings

_DEFAULT_INTERVAL = timedelta(hours=24)
"""Longest time between two records of a source before it counts as stale, unless the site registry states another."""


def main() -> int:
    """Run the service; returns its exit code."""
    return service.main("interactions", InteractionsSettings, start)


@asynccontextmanager
async def start(runtime: Runtime[InteractionsSettings]) -> AsyncIterator[None]:
    """Serve while the block lasts; ready whenever `prescriptions` can be reached."""
    settings = runtime.settings
    catalogue = load_catalogue()
    sites = load_sites(settings.sites_file)
    async with open_channel(settings.prescriptions_target) as channel:
        servicer = InteractionServicer(
            GrpcHistories(channel),
            catalogue,
            sites,
            expected_interval=expected_interval(sites),
            timeout_seconds=settings.history_timeout_seconds,
            on_answer=lambda answer: counter("rx_checks_total").labels(answer=answer).inc(),
        )
        interactions_pb2_grpc.add_InteractionServiceServicer_to_server(servicer, runtime.grpc)
        runtime.serves(SERVICE)
        await runtime.set_ready(False)
        runtime.spawn(follow_channel(channel, runtime), name="reach prescriptions")
        yield


def expected_interval(sites: SiteRegistry) -> Callable[[str], timedelta]:
    """Return a function from a source name to the longest time between two of its records."""
    declared = {
        source.name: timedelta(minutes=source.expected_interval_minutes)
        for site in sites.sites
        for source in site.sources
        if source.expected_interval_minutes
    }
    return lambda source: declared.get(source, _DEFAULT_INTERVAL)


async def follow_channel(channel: grpc.aio.Channel, runtime: Runtime[InteractionsSettings]) -> None:
    """Set readiness to the state of the channel; never returns."""
    ready = False
    while True:
        state = channel.get_state(try_to_connect=True)
        if ready != (state is grpc.ChannelConnectivity.READY):
            ready = not ready
            await runtime.set_ready(ready)
        await channel.wait_for_state_change(state)
