"""One set of topics a source and module: what one test leaves behind, the next has to live with."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from rx_embedded import EmbeddedStack
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

from tests.faults.campaign import Campaign

SEED = 20260601
LONG = os.environ.get("FAULTS") == "long"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to `make faults` what is marked `long`, and the control but for the kill points."""
    if not LONG:
        left_out = [item for item in items if _is_long(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_long(item: pytest.Item) -> bool:
    source = item.callspec.params.get("campaign") if hasattr(item, "callspec") else None
    return bool(item.get_closest_marker("long")) or (
        source == "control" and item.path.name != "test_monitor_kill_points.py"
    )


@dataclass(frozen=True)
class Grounds(Installation):
    """Topics of their own on the servers of this run."""

    def environment(self, service: str) -> dict[str, str]:  # noqa: ARG002  # there is one
        return os.environ | {
            "RXGUARD_KAFKA": self.kafka,
            "RXGUARD_NAMESPACE": self.namespace,
            "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        }


@pytest.fixture(scope="module", params=["faust", "control"])
async def campaign(request: pytest.FixtureRequest, stack: EmbeddedStack) -> AsyncIterator[Campaign]:
    module = request.module.__name__.rpartition(".")[2].replace("_", "")
    namespace = f"{module}{os.getpid():x}{request.param}"
    grounds = Grounds(stack.kafka, namespace)
    await apply(grounds, 4)
    async with Campaign(grounds, source=request.param, seed=SEED) as campaign:
        await campaign.load(60)
        yield campaign
