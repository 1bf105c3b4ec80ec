"""Read alerts over gRPC."""

from collections.abc import Iterable
from typing import Any

from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from rx_contracts.wire.finding_json import display_name, finding_json, severity_name
from rx_contracts.wire.times import optional_rfc3339

from rxguard.client.connect import Connection

_PAGE_SIZE = 500
OPEN = (alerts_pb2.ALERT_STATE_OPEN,)
EVERY_STATE = (alerts_pb2.ALERT_STATE_OPEN, alerts_pb2.ALERT_STATE_RESOLVED)


async def list_alerts(connection: Connection, states: Iterable[alerts_pb2.AlertState] = OPEN) -> list[dict[str, Any]]:
    """Return every alert in one of these states as a document, worst first. Raises DependencyUnavailable."""
    found: list[dict[str, Any]] = []
    request = alerts_pb2.ListAlertsRequest(states=states, page_size=_PAGE_SIZE)
    async with connection.channel("alerts") as channel:
        stub = alerts_pb2_grpc.AlertServiceStub(channel)
        while True:
            page = await stub.ListAlerts(request)
            found.extend(document(alert) for alert in page.alerts)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


def document(alert: alerts_pb2.Alert) -> dict[str, Any]:
    """Return the document of an alert, as `rxguard alerts ls --json` prints it."""
    return {
        "alert_id": alert.alert_id,
        "state": alerts_pb2.AlertState.Name(alert.state).removeprefix("ALERT_STATE_").lower(),
        "kind": alerts_pb2.AlertKind.Name(alert.kind).removeprefix("ALERT_KIND_").lower(),
        "site_id": alert.site_id or None,
        "patient": alert.patient.hex(),
        "severity": severity_name(alert.severity),
        "display": display_name(alert.display),
        "headline": alert.headline,
        "earliest_start_time": optional_rfc3339(alert, "earliest_start_time"),
        "lines": [finding_json(line) for line in alert.lines],
        "opened_time": optional_rfc3339(alert, "opened_time"),
        "resolved_time": optional_rfc3339(alert, "resolved_time"),
        "resolution": alert.resolution or None,
        "ruleset_seq": alert.ruleset_seq,
        "ruleset_version": alert.ruleset_version,
        "notice": alert.notice,
    }
