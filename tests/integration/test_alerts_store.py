"""What every alert store promises: the same tests on the store in memory and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from pharmacy.events.v1 import finding_pb2
from rx_alerts import migrations
from rx_alerts.adapters.finding_decoder import finding_set_from_bytes
from rx_alerts.adapters.postgres import PostgresAlertStore
from rx_alerts.domain.lifecycle import AlertState, ChangeKind
from rx_alerts.domain.model import AlertSeverity
from rx_alerts.handlers import list_alerts, reconcile_batch
from rx_alerts.ports import AlertQuery
from rx_contracts.wire.times import timestamp
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.postgres import migrate, open_pool

from tests.lib.memory_alert_store import MemoryAlertStore

pytestmark = pytest.mark.stack
NOW = datetime(2026, 4, 14, 12, 0, 1, 250_000, tzinfo=UTC)
PATIENT = b"p" * 16
OTHER = b"q" * 16


def clash(opioid="methadone_oral", severity="CONTRAINDICATED"):
    return finding_pb2.Finding(
        finding_id=opioid.encode().ljust(16, b".")[:16],
        rule="WR-02",
        family="withdrawal",
        severity=f"SEVERITY_{severity}",
        display="DISPLAY_INTERRUPTIVE",
        anchor_key=b"ldn".ljust(16, b"."),
        active_from_time=timestamp(NOW),
        text="opioid on board",
        basis=[
            finding_pb2.Basis(
                role="antagonist", event_key=b"ldn".ljust(16, b"."), form_key="ntx_ldn", site_id="main-street"
            ),
            finding_pb2.Basis(role="opioid", form_key=opioid),
        ],
    )


def found(position, *findings, patient=PATIENT, build=0):
    message = finding_pb2.FindingSet(
        patient=patient, build=build, ruleset_seq=1, ruleset_version="v1", position=position, findings=findings
    )
    return finding_set_from_bytes(message.SerializeToString())


@pytest.fixture
async def pool(installation):
    schema = installation.schema_name("alerts")
    dsn = installation.stack.dsn("alerts")
    await migrate(dsn, schema, Path(migrations.__file__).parent)
    pool = await open_pool(dsn, schema)
    yield pool
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request, pool):  # the pool, even for memory: a stack first started by a fixture of one test would end with it
    return MemoryAlertStore() if request.param == "memory" else PostgresAlertStore(pool)


async def receive(store, *sets, partition=0, now=NOW):
    patients = {one.patient for one in sets}
    async with store.begin(partition) as work:
        held = await work.versions(patients)
        applied = reconcile_batch(sets, held, await work.open_alerts(patients), now=now, new_id=uuid4)
        await work.save(applied.sets.values(), applied.changes)
    return applied


async def publish_and_fail(store):
    async with store.pending_messages(0) as messages:
        assert messages
        raise ArithmeticError


async def alerts_of(store, *states):
    return await store.list_alerts(AlertQuery(patient=None, states=frozenset(states), limit=100))


async def test_what_was_saved_is_read_back_as_it_was(store):
    applied = await receive(store, found(7, clash()))

    (change,) = applied.changes
    assert await store.get_alert(change.alert.alert_id) == change.alert
    assert await alerts_of(store, AlertState.OPEN) == [change.alert]
    async with store.begin(0) as work:
        assert await work.versions({PATIENT, OTHER}) == {PATIENT: (0, 1, 7)}
        assert await work.open_alerts({PATIENT}) == [change.alert]
        assert await work.open_alerts({OTHER}) == []


async def test_the_build_of_a_set_is_kept(store):
    await receive(store, found(7, clash()))
    await receive(store, found(-1, build=2))
    applied = await receive(store, found(8, clash(), build=1))

    assert applied.outdated == 1
    async with store.begin(0) as work:
        assert await work.versions({PATIENT}) == {PATIENT: (2, 1, -1)}


async def test_an_alert_that_does_not_exist_is_not_invented(store):
    assert await store.get_alert(UUID(int=1)) is None


async def test_a_resolved_alert_is_listed_among_the_resolved_and_no_longer_open(store):
    await receive(store, found(7, clash()))
    await receive(store, found(8), now=NOW + timedelta(minutes=1))

    assert await alerts_of(store, AlertState.OPEN) == []
    (alert,) = await alerts_of(store, AlertState.RESOLVED)
    assert (alert.revision, alert.resolved_time) == (2, NOW + timedelta(minutes=1))
    async with store.begin(0) as work:
        assert await work.open_alerts({PATIENT}) == []


async def test_open_resolved_and_opened_again_in_one_transaction_leaves_one_open_alert(store):
    await receive(store, found(7, clash()), found(8), found(9, clash()))

    assert len(await alerts_of(store, AlertState.OPEN)) == 1
    assert len(await alerts_of(store, AlertState.RESOLVED)) == 1


async def test_a_transaction_that_fails_leaves_nothing(store):
    async def save_and_fail():
        async with store.begin(0) as work:
            applied = reconcile_batch([found(7, clash())], {}, [], now=NOW, new_id=uuid4)
            await work.save(applied.sets.values(), applied.changes)
            raise ConnectionResetError

    with pytest.raises((ConnectionResetError, DependencyUnavailable)):
        await save_and_fail()

    assert await alerts_of(store, AlertState.OPEN, AlertState.RESOLVED) == []
    async with store.pending_messages(0) as messages:
        assert messages == []


async def test_a_second_open_alert_for_one_course_is_refused(store):
    await receive(store, found(7, clash()))
    blind = reconcile_batch([found(8, clash())], {}, [], now=NOW, new_id=uuid4)

    async with store.begin(0) as work:
        with pytest.raises((ValueError, asyncpg.UniqueViolationError)):
            await work.save(blind.sets.values(), blind.changes)


async def test_changes_are_pending_in_order_until_they_are_published(store):
    await receive(store, found(7, clash()))
    await receive(store, found(8, clash(), clash("oxycodone_ir")))
    with pytest.raises(ArithmeticError):
        await publish_and_fail(store)
    async with store.pending_messages(1) as elsewhere:
        assert elsewhere == []
    async with store.pending_messages(0) as messages:
        assert [b'"revision":1' in messages[0].value, b'"revision":2' in messages[1].value] == [True, True]
    async with store.pending_messages(0) as messages:
        assert messages == []


async def test_open_alerts_are_counted_by_severity(store):
    await receive(store, found(7, clash()), found(7, clash(severity="MAJOR"), patient=OTHER))

    assert await store.count_open() == {AlertSeverity.CONTRAINDICATED: 1, AlertSeverity.MAJOR: 1}


async def test_pages_join_without_gap_or_repetition_when_times_are_equal(store):
    severities = ["CONTRAINDICATED", "MAJOR"] * 3 + ["CONTRAINDICATED"]
    sets = [found(1, clash(severity=severity), patient=bytes([n]) * 16) for n, severity in enumerate(severities)]
    await receive(store, *sets)
    whole, seen, after = await alerts_of(store, AlertState.OPEN), [], None
    while True:
        page, after = await list_alerts(patient=None, states=frozenset(), page_size=2, after=after, store=store)
        seen += page
        if after is None:
            break

    assert seen == whole
    assert [alert.severity for alert in whole] == [AlertSeverity.CONTRAINDICATED] * 4 + [AlertSeverity.MAJOR] * 3


async def test_alerts_of_one_patient_are_listed_alone(store):
    await receive(store, found(7, clash()), found(7, clash(), patient=OTHER))

    listed = await store.list_alerts(AlertQuery(patient=OTHER, states=frozenset({AlertState.OPEN}), limit=10))
    assert [alert.patient for alert in listed] == [OTHER]


async def test_the_history_on_postgres_cannot_be_rewritten(pool):
    await receive(PostgresAlertStore(pool), found(7, clash()))

    for attempt in (
        "UPDATE alert_history SET change = 'resolved'",
        "DELETE FROM alert_history",
        "TRUNCATE alert_history CASCADE",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute(attempt)
    assert await pool.fetchval("SELECT change FROM alert_history") == ChangeKind.OPENED


async def test_two_processes_on_one_partition_wait_for_each_other(pool):
    store = PostgresAlertStore(pool)
    results = await asyncio.gather(*(receive(store, found(7, clash())) for _ in range(3)))

    assert sorted(len(applied.changes) for applied in results) == [0, 0, 1]


async def test_a_store_that_is_gone_answers_unavailable(installation):
    schema = installation.schema_name("alerts")
    pool = await open_pool(installation.stack.dsn("alerts"), schema)
    await pool.close()

    with pytest.raises(DependencyUnavailable) as refused:
        await PostgresAlertStore(pool).get_alert(UUID(int=1))
    assert refused.value.code == "STORE_UNAVAILABLE"
