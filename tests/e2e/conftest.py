"""One RxGuard for the whole folder, and the story that is told to it; tests keep apart by patient."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from rxguard.client.ingest import ingest

from tests.lib.e2e.kit import Patient, RxGuard, new_patient, running
from tests.lib.e2e.story import SYNTHEA, Told, story_after_orders, synthea_file, tell


@pytest.fixture(scope="session")
async def shared_rxguard(stack, stack_folder) -> AsyncIterator[RxGuard]:
    async with running(stack, stack_folder / "e2e", "e2e") as started:
        yield started


@pytest.fixture(autouse=True)
def leaves_no_process() -> None:
    """Allow it: the instance of the run starts again what a test has ended, and ends it with the run."""


@pytest.fixture
async def rxguard(shared_rxguard: RxGuard) -> AsyncIterator[RxGuard]:
    """RxGuard with all services running, of which none may end by itself."""
    await shared_rxguard.start_all()
    yield shared_rxguard
    ended = shared_rxguard.ended_by_themselves()
    shared_rxguard.stopped.update(ended)
    assert not ended


@pytest.fixture(scope="session")
async def ingested(shared_rxguard: RxGuard) -> list[dict[str, Any]]:
    """What `rxguard ingest` says of the Synthea file the first and the second time."""
    return [await ingest(shared_rxguard.connection, str(synthea_file()), source=SYNTHEA) for _ in range(2)]


@pytest.fixture(scope="session")
async def told(shared_rxguard: RxGuard, ingested: list[dict[str, Any]]) -> Told:
    """What came of the story, told undisturbed."""
    assert ingested
    return await tell(shared_rxguard, story_after_orders())


@pytest.fixture
def patient() -> Patient:
    return new_patient()
