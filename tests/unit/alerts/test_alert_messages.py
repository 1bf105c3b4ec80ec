from datetime import UTC, datetime
from uuid import UUID

import pytest
from rx_alerts.adapters.codec import finding_set_from_bytes
from rx_alerts.adapters.grpc import place_from_token, token_of
from rx_alerts.domain.model import Severity
from rx_alerts.ports import Place
from rx_runtime.errors import InvalidInput


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
    place = Place(
        severity=Severity.MAJOR,
        opened_time=datetime(2026, 4, 14, 12, 0, 1, 123456, tzinfo=UTC),
        alert_id=UUID(int=77),
    )

    assert place_from_token(token_of(place)) == place


@pytest.mark.parametrize("token", ["x", "AAAA", "é", "/" * 34, "_" * 36, "A" * 10_000])
def test_an_invented_page_token_is_refused(token):
    with pytest.raises(InvalidInput) as refused:
        place_from_token(token)

    assert refused.value.code == "PAGE_TOKEN_INVALID"
