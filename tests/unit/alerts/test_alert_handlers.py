import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from rx_alerts.domain.lifecycle import AlertState, ChangeKind
from rx_alerts.handlers import apply_findings, list_alerts
from rx_runtime.errors import InvalidInput

from tests.lib.memory_alert_store import MemoryAlertStore

NOW = datetime(2026, 4, 14, 12, 0, 1, tzinfo=UTC)
OTHER = b"q" * 16


class Publisher:
    """Keeps what was published; can fail before it publishes."""

    def __init__(self):
        self.published = []
        self.broken = False

    async def publish(self, messages):
        if self.broken:
            raise ConnectionError
        self.published += messages


class Service:
    """The handlers on a store in memory."""

    def __init__(self):
        self.store = MemoryAlertStore()
        self.publisher = Publisher()

    async def receive(self, *sets, now=NOW, partition=0):
        return await apply_findings(partition, sets, store=self.store, publisher=self.publisher, now=now, new_id=uuid4)

    def changes(self):
        return [(entry.change, entry.alert.revision) for entry in self.store.history]

    def published(self):
        return [json.loads(message.value)["type"] for message in self.publisher.published]


@pytest.fixture
def service():
    return Service()


async def test_a_clash_opens_an_alert_and_publishes_it(service, case):
    await service.receive(case.found(7, case.clash))

    (alert,) = service.store.alerts.values()
    assert (alert.state, alert.opened_time, alert.revision) == (AlertState.OPEN, NOW, 1)
    assert service.published() == ["rxguard.alert.opened.v1"]


async def test_a_replay_changes_and_publishes_nothing(service, case):
    first = case.found(7, case.clash)
    await service.receive(first)
    applied = await service.receive(first, first)

    assert applied.outdated == 0
    assert service.changes() == [(ChangeKind.OPENED, 1)]
    assert len(service.published()) == 1


async def test_a_further_line_changes_the_open_alert_instead_of_opening_another(service, case):
    await service.receive(case.found(7, case.clash))
    await service.receive(case.found(8, case.clash, case.other_clash))

    (alert,) = service.store.alerts.values()
    assert [line.rule for line in alert.lines] == ["WR-02", "WR-03"]
    assert service.changes() == [(ChangeKind.OPENED, 1), (ChangeKind.CHANGED, 2)]


async def test_an_alert_whose_basis_is_withdrawn_is_resolved_and_keeps_its_last_lines(service, case):
    later = NOW + timedelta(hours=1)
    await service.receive(case.found(7, case.clash))
    await service.receive(case.found(8), now=later)

    (alert,) = service.store.alerts.values()
    assert (alert.state, alert.resolution, alert.resolved_time) == (AlertState.RESOLVED, "BASIS_WITHDRAWN", later)
    assert [line.rule for line in alert.lines] == ["WR-02"]


async def test_a_course_that_comes_back_after_its_resolution_is_a_new_alert(service, case):
    await service.receive(case.found(7, case.clash), case.found(8), case.found(9, case.clash))

    assert sorted(alert.state for alert in service.store.alerts.values()) == [AlertState.OPEN, AlertState.RESOLVED]


async def test_an_older_set_that_arrives_late_is_ignored(service, case):
    await service.receive(case.found(8))
    applied = await service.receive(case.found(7, case.clash))

    assert (applied.outdated, service.store.alerts) == (1, {})


async def test_an_older_set_behind_a_newer_one_in_a_batch_is_ignored(service, case):
    applied = await service.receive(case.found(8), case.found(7, case.clash))

    assert (applied.outdated, service.store.alerts) == (1, {})


async def test_a_set_of_a_newer_ruleset_wins_at_a_lower_position(service, case):
    await service.receive(case.found(8, ruleset=1))
    await service.receive(case.found(7, case.clash, ruleset=2))

    assert len(service.store.alerts) == 1


async def test_a_set_of_a_rebuilt_monitor_wins_at_a_lower_position_and_an_older_ruleset(service, case):
    await service.receive(case.found(8, case.clash, ruleset=2))
    await service.receive(case.found(-1, build=1))
    applied = await service.receive(case.found(9, case.clash, ruleset=2))

    assert [alert.state for alert in service.store.alerts.values()] == [AlertState.RESOLVED]
    assert applied.outdated == 1


async def test_the_last_set_decides_however_the_sets_were_ordered_and_repeated(case):
    sets = [case.found(7, case.clash), case.found(8, case.other_clash), case.found(9, case.later_clash, case.pair)]
    outcomes = set()
    for order in permutations(sets):
        service = Service()
        for one in order:
            await service.receive(one, sets[2], one)
        outcomes.add(tuple((alert.subject, alert.lines) for alert in service.store.alerts.values()))

    assert len(outcomes) == 1


async def test_patients_of_one_batch_do_not_mix(service, case):
    await service.receive(case.found(7, case.clash), case.found(7, case.clash, patient=OTHER), case.found(8))

    states = {alert.patient: alert.state for alert in service.store.alerts.values()}
    assert states == {b"p" * 16: AlertState.RESOLVED, OTHER: AlertState.OPEN}


async def test_a_message_that_failed_is_published_when_the_batch_is_repeated(service, case):
    batch = case.found(7, case.clash)
    service.publisher.broken = True
    with pytest.raises(ConnectionError):
        await service.receive(batch)
    service.publisher.broken = False
    await service.receive(batch)

    assert service.published() == ["rxguard.alert.opened.v1"]
    assert service.changes() == [(ChangeKind.OPENED, 1)]


async def test_messages_of_another_partition_are_left_to_its_owner(service, case):
    service.publisher.broken = True
    with pytest.raises(ConnectionError):
        await service.receive(case.found(7, case.clash), partition=3)
    service.publisher.broken = False
    await service.receive(case.found(7, patient=OTHER), partition=0)

    assert service.published() == []


async def test_alerts_are_listed_worst_first_page_by_page(service, case):
    patients = [bytes([number]) * 16 for number in range(5)]
    for number, patient in enumerate(patients):
        clash = case.other_clash if number == 2 else case.clash
        await service.receive(case.found(7, clash, patient=patient), now=NOW + timedelta(minutes=number))

    seen, after = [], None
    while True:
        page, after = await list_alerts(patient=None, states=frozenset(), page_size=2, after=after, store=service.store)
        seen += [alert.patient[0] for alert in page]
        if after is None:
            break

    assert seen == [4, 3, 1, 0, 2]


@pytest.mark.parametrize("size", [-1, 1001])
async def test_a_page_size_out_of_range_is_refused(service, size):
    with pytest.raises(InvalidInput) as refused:
        await list_alerts(patient=None, states=frozenset(), page_size=size, after=None, store=service.store)

    assert refused.value.code == "PAGE_SIZE_OUT_OF_RANGE"


async def test_the_event_says_what_a_sender_needs_and_names_no_patient(service, case):
    await service.receive(case.found(7, case.clash, case.pair))

    (message,) = service.publisher.published
    event = json.loads(message.value)
    alert_id = UUID(event["subject"])
    assert (event["specversion"], event["id"]) == ("1.0", f"{alert_id}:1")
    assert message.alert_id == alert_id
    data = event["data"]
    assert (data["state"], data["severity"], data["earliest_start_time"]) == (
        "open",
        "contraindicated",
        "2026-04-15T17:45:00Z",
    )
    assert [line["rule"] for line in data["lines"]] == ["WR-02", "PK-01"]
    assert {reference["rx_number"] for reference in data["source_refs"]} == {
        "RX-methadone_oral-1",
        "RX-ntx_ldn-1",
        "RX-ranitidine-1",
    }
    assert "not a medical device and not advice" in data["notice"]
    assert (b"p" * 16).hex().encode() not in message.value


async def test_an_alert_of_hundreds_of_lines_publishes_the_worst_and_counts_the_rest(service, case):
    many = [
        case.finding("WR-03", case.basis("antagonist", "ntx_ldn", f"ldn-{number}"), case.methadone, severity="major")
        for number in range(150)
    ]
    await service.receive(case.found(7, *many, case.clash))

    data = json.loads(service.publisher.published[0].value)["data"]
    assert (len(data["lines"]), data["lines_omitted"]) == (100, 51)
    assert data["lines"][0]["rule"] == "WR-02"


async def test_a_pair_opens_one_item_and_a_further_fill_of_either_side_changes_it(service, case):
    induced = case.finding("IN-01", case.rifampin, case.methadone, severity="major", start=None)
    refill = case.basis("opioid", "methadone_oral", "methadone-2")
    again = case.finding("IN-01", refill, case.rifampin, severity="major", start=None, counterpart="9384")
    await service.receive(case.found(7, induced))
    await service.receive(case.found(8, induced, again))

    (alert,) = service.store.alerts.values()
    assert service.changes() == [(ChangeKind.OPENED, 1), (ChangeKind.CHANGED, 2)]
    assert len(alert.lines) == 2


async def test_whatever_comes_to_speak_against_an_open_course_changes_its_one_alert(service, case):
    pregnant = case.finding("LD-05", case.ldn, case.pregnancy, severity="major", display="queue", start=None)
    surgery = case.finding("SX-01", case.ldn, case.operation, severity="major", display="queue", start=None)
    await service.receive(case.found(7, pregnant))
    await service.receive(case.found(8, pregnant, surgery, case.clash))

    (alert,) = service.store.alerts.values()
    assert [line.rule for line in alert.lines] == ["WR-02", "LD-05", "SX-01"]
    assert service.published() == ["rxguard.alert.opened.v1", "rxguard.alert.changed.v1"]


async def test_findings_of_the_profile_alone_are_stored_and_not_published(service, case):
    review = case.finding("LD-10", case.ldn, severity="info", display="profile", start=None)
    await service.receive(case.found(7, review, case.pair))

    assert len(service.store.sets) == 1
    assert (service.store.alerts, service.published()) == ({}, [])
