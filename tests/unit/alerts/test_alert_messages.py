from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from pharmacy.alerts.v1 import alerts_pb2
from pharmacy.prescriptions.v1.prescriptions_pb2 import PatientRef
from rx_alerts.adapters.finding_decoder import finding_set_from_bytes
from rx_alerts.adapters.grpc import LARGEST_PAGE_BYTES, AlertServicer, cursor_from_token, token_from_cursor
from rx_alerts.domain.model import AlertSeverity
from rx_alerts.handlers import reconcile_batch
from rx_alerts.ports import PageCursor
from rx_runtime.errors import InvalidInput, RxGuardError

from tests.lib.memory_alert_store import MemoryAlertStore


@pytest.mark.parametrize("value", [b"", b"\xff\xff", b"no protobuf", b"\x0a\x02ab"])
def test_bytes_that_are_no_finding_set_are_refused_not_read_as_an_empty_one(value):
    with pytest.raises(ValueError, match="FindingSet"):
        finding_set_from_bytes(value)


def test_a_finding_of_a_severity_that_this_version_does_not_know_is_refused(case):
    unknown = case.finding("WR-02", case.ldn)
    unknown.severity = 9

    with pytest.raises(ValueError, match="9"):
        case.found(1, unknown)


def test_a_page_token_leads_back_to_its_place():
    cursor = PageCursor(
        severity=AlertSeverity.MAJOR,
        opened_time=datetime(2026, 4, 14, 12, 0, 1, 123456, tzinfo=UTC),
        alert_id=UUID(int=77),
    )

    assert cursor_from_token(token_from_cursor(cursor)) == cursor


@pytest.mark.parametrize("token", ["x", "AAAA", "é", "/" * 34, "_" * 36, "A" * 10_000])
def test_an_invented_page_token_is_refused(token):
    with pytest.raises(InvalidInput) as refused:
        cursor_from_token(token)

    assert refused.value.code == "PAGE_TOKEN_INVALID"


async def test_a_page_ends_before_it_is_too_large_for_a_client_and_the_next_one_goes_on(case):
    long_text = case.finding("WR-02", case.ldn)
    long_text.text = "x" * (LARGEST_PAGE_BYTES // 3)
    store = MemoryAlertStore()
    sets = [case.found(1, long_text, patient=bytes([number]) * 16) for number in range(5)]
    async with store.begin(0) as work:
        applied = reconcile_batch(sets, {}, [], now=datetime(2026, 4, 14, 12, tzinfo=UTC), new_id=uuid4)
        await work.save(applied.sets.values(), applied.changes)
    servicer = AlertServicer(store, lambda *_: b"")
    pages, token = [], ""
    while True:
        pages.append(await servicer.ListAlerts(alerts_pb2.ListAlertsRequest(page_token=token), None))
        token = pages[-1].next_page_token
        if not token:
            break

    seen = [alert.alert_id for page in pages for alert in page.alerts]
    assert len(seen) == len(set(seen)) == 5
    assert all(page.ByteSize() < 4 * 1024 * 1024 for page in pages)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"page_size": 1001}, "PAGE_SIZE_OUT_OF_RANGE"),
        ({"page_token": "?"}, "PAGE_TOKEN_INVALID"),
        ({"states": [7]}, "ALERT_STATE_UNKNOWN"),
        ({"patient": PatientRef(namespace="demo")}, "PATIENT_INVALID"),
        ({"patient": PatientRef(value="1")}, "PATIENT_INVALID"),
    ],
)
async def test_a_wrong_question_is_refused_with_its_own_code(question, code):
    servicer = AlertServicer(MemoryAlertStore(), lambda *_: b"")

    with pytest.raises(InvalidInput) as refused:
        await servicer.ListAlerts(alerts_pb2.ListAlertsRequest(**question), None)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("alert_id", "code"),
    [("no-uuid", "ALERT_ID_INVALID"), (str(UUID(int=1)), "ALERT_UNKNOWN"), ("", "ALERT_ID_INVALID")],
)
async def test_an_alert_that_is_not_there_is_named_as_such(alert_id, code):
    servicer = AlertServicer(MemoryAlertStore(), lambda *_: b"")

    with pytest.raises(RxGuardError) as refused:
        await servicer.GetAlert(alerts_pb2.GetAlertRequest(alert_id=alert_id), None)
    assert refused.value.code == code
