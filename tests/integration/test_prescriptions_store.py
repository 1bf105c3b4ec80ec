"""What every event store promises: the same tests on the store in memory and on PostgreSQL."""

import asyncio
import json
from importlib import resources
from random import Random

import pytest
from rx_clinical import load_catalogue
from rx_ingest.model import EventVersion, InboundRecord, Position, UncodedProduct
from rx_ingest.reader import Reader
from rx_prescriptions.adapters.postgres import PostgresEventStore
from rx_prescriptions.bootstrap import MIGRATIONS
from rx_prescriptions.domain.model import Receipt, ResourceCount, UncodedCount
from rx_prescriptions.ports import NewEvent
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.postgres import migrate, open_pool
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

from tests.lib.memory_event_store import MemoryEventStore

pytestmark = pytest.mark.stack
FILL = json.loads(resources.files("rx_contracts.examples.edge").joinpath("medication_filled.json").read_text())
READER = Reader(
    catalogue=load_catalogue(),
    sites=load_sites(SHIPPED_SITES),
    pseudonym=lambda _namespace, value: value.encode().ljust(16, b"."),
)


@pytest.fixture
async def pool(installation):
    schema = installation.schema_name("prescriptions")
    dsn = installation.stack.dsn("prescriptions")
    await migrate(dsn, schema, MIGRATIONS)
    pool = await open_pool(dsn, schema)
    yield pool
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request, pool):  # the pool, even for memory: a stack first started by a fixture of one test would end with it
    return MemoryEventStore() if request.param == "memory" else PostgresEventStore(pool)


def new(event_id="a", revision=1, patient="P-1", **changes):
    """A revision as the handlers would store it; its bytes name it."""
    document = FILL | {
        "event_id": event_id,
        "source_revision": revision,
        "patient": {"namespace": "n", "value": patient},
        **changes,
    }
    record = InboundRecord(position=Position(1, revision), key=None, value=json.dumps(document).encode())
    [draft] = READER.read(record).drafts
    return NewEvent(draft=draft, payload=f"{event_id}@{revision}".encode())


async def save(store, *events, uncoded=()):
    async with store.transaction() as transaction:
        await transaction.save(events, uncoded)


async def save_and_fail(store):
    async with store.transaction() as transaction:
        await transaction.save([new()], [uncoded()])
        raise ZeroDivisionError


def uncoded(code="M1", display="mystery", count=1):
    product = UncodedProduct(system="urn:local" if code else "", code=code, display=display)
    return UncodedCount(product=product, count=count)


async def test_every_revision_of_the_events_asked_for_is_held_and_no_other(store):
    first, second, other = new("a", 1), new("a", 2), new("b")
    await save(store, first, second, other)
    async with store.transaction() as transaction:
        held = await transaction.stored_revisions({first.draft.key})
        nothing = await transaction.stored_revisions(set())

    assert {one.version for one in held} == {first.draft.version, second.draft.version}
    assert {(one.patient, one.content, one.position, one.entry) for one in held if one.version.revision == 2} == {
        (second.draft.patient, second.draft.content, Position(1, 2), 0)
    }
    assert not nothing


async def test_a_stored_revision_comes_back_with_its_bytes_and_class(store):
    await save(store, new("a", 1), new("a", 2))
    wanted = new("a", 2)
    async with store.transaction() as transaction:
        [stored] = await transaction.stored_events([wanted.draft.version])
        missing = await transaction.stored_events([EventVersion(wanted.draft.key, 3)])

    assert (stored.payload, stored.patient) == (b"a@2", wanted.draft.patient)
    assert stored.event_class is wanted.draft.event_class
    assert not missing


async def test_a_transaction_that_fails_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError):
        await save_and_fail(store)

    async with store.transaction() as transaction:
        assert not await transaction.stored_revisions({new().draft.key})
    assert not await store.uncoded(10)


async def test_a_history_is_the_highest_revision_of_each_event_of_the_patients_asked_for(store):
    await save(store, new("a", 2), new("a", 1), new("b"), new("c", patient="P-2"), new("d", patient="P-3"))
    patients = {new().draft.patient, new(patient="P-2").draft.patient}
    rows = await store.history(patients)

    assert {row.payload for row in rows} == {b"a@2", b"b@1", b"c@1"}
    assert {row.published for row in rows} == {None}
    assert {(row.source, row.fully_coded) for row in rows} == {("main-street-pms", True)}
    assert {row.occurred for row in rows} == {new().draft.occurred.earliest}


async def test_where_an_event_was_published_last_is_kept_for_that_revision_alone(store):
    await save(store, new("a", 1), new("b", 1))
    await store.complete({new("a", 1).draft.version: Position(3, 7)}, [])
    await store.complete({new("a", 1).draft.version: Position(3, 9)}, [])
    rows = await store.history({new().draft.patient})

    assert {row.payload: row.published for row in rows} == {b"a@1": Position(3, 9), b"b@1": None}


async def test_receipts_are_kept_by_position_and_the_last_one_counts(store):
    first = Receipt(position=Position(0, 1), resources=(ResourceCount(kind="x", read=1, stored=1),))
    second = Receipt(position=Position(0, 1), resources=(ResourceCount(kind="x", read=1, unchanged=1),))
    await store.complete({}, [first])
    await store.complete({}, [second])

    assert list(await store.receipts({Position(0, 1), Position(0, 2)})) == [second]


async def test_work_items_add_up_by_code_keep_the_first_display_and_come_most_frequent_first(store):
    await save(store, new("a"), uncoded=[uncoded("M1", "first"), uncoded("M2", count=5), uncoded("", "text one")])
    await save(store, new("b"), uncoded=[uncoded("M1", "second", 2), uncoded("", "text two")])
    items = await store.uncoded(10)

    assert [(one.product.code, one.product.display, one.count) for one in items] == [
        ("M2", "mystery", 5),
        ("M1", "first", 3),
        ("", "text one", 1),
        ("", "text two", 1),
    ]
    assert len(await store.uncoded(2)) == 2


async def test_products_without_a_code_are_told_apart_by_texts_as_long_as_the_edge_takes_them(store):
    random = Random(7)  # noqa: S311  # text that does not compress, not a secret
    long = "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(999))
    await save(store, new("a"), uncoded=[uncoded("", f"{long}a", 2), uncoded("", f"{long}b")])
    await save(store, new("b"), uncoded=[uncoded("", f"{long}a")])

    assert [(one.product.display[-1], one.count) for one in await store.uncoded(10)] == [("a", 3), ("b", 1)]


async def test_the_newest_recorded_time_of_a_source_never_goes_back(store):
    await save(store, new("a", recorded_time="2026-03-02T00:00:00Z"))
    await save(store, new("b", recorded_time="2026-03-01T20:00:00Z"))
    newest = await store.newest_recorded()

    assert {source: time.isoformat() for source, time in newest.items()} == {
        "main-street-pms": "2026-03-02T00:00:00+00:00"
    }


async def test_text_from_outside_is_stored_as_it_came(store):
    odd = "'; DROP TABLE event_revisions; -- {{7*7}} \u202e n\u0301"
    await save(store, new(odd, source=odd), uncoded=[uncoded(odd, odd)])
    [row] = await store.history({new().draft.patient})
    [item] = await store.uncoded(1)

    assert (row.source, item.product.code) == (odd, odd)


async def test_a_second_writer_waits_until_the_first_has_decided(pool):
    store = PostgresEventStore(pool)
    order = []

    async def write(name, event):
        async with store.transaction() as transaction:
            order.append(f"{name} begins")
            await asyncio.sleep(0.1)
            order.append(f"{name} sees {len(await transaction.stored_revisions({event.draft.key}))}")
            await transaction.save([event], [])

    await asyncio.gather(write("one", new("a", 1)), write("one", new("a", 2)))

    assert order == ["one begins", "one sees 0", "one begins", "one sees 1"]


async def test_a_store_that_is_gone_says_so(pool):
    store = PostgresEventStore(pool)
    await pool.close()

    with pytest.raises(DependencyUnavailable, match="STORE_UNAVAILABLE"):
        await store.uncoded(1)
