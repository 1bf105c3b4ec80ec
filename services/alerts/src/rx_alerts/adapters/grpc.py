"""Serve alerts over gRPC."""

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2
from rx_contracts.ids import Pseudonym
from rx_contracts.patient_ref import PATIENT_INVALID, patient_ref_fault
from rx_contracts.wire.times import UNIX_EPOCH
from rx_runtime.errors import InvalidInput

from rx_alerts import handlers
from rx_alerts.adapters.alert_messages import STATES, alert_to_proto
from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, AlertSeverity
from rx_alerts.ports import AlertStore, PageCursor

SERVICE = "pharmacy.alerts.v1.AlertService"
LARGEST_PAGE_BYTES = 3 * 1024 * 1024
"""Largest page, unless one alert alone is larger: a gRPC client accepts 4 MiB by default."""

_STATE_OF: dict[int, AlertState] = {number: state for state, number in STATES.items()}
_TOKEN = struct.Struct(">Bq16s")  # severity, microseconds since 1970, alert id


class AlertServicer(alerts_pb2_grpc.AlertServiceServicer):
    """Translates messages; `handlers` decides the answer."""

    def __init__(self, store: AlertStore, pseudonym_of: Callable[[str, str], bytes]) -> None:
        self._store = store
        self._pseudonym_of = pseudonym_of

    async def ListAlerts(  # noqa: N802  # named by the proto
        self,
        request: alerts_pb2.ListAlertsRequest,
        context: Any,  # noqa: ANN401, ARG002  # gRPC passes it
    ) -> alerts_pb2.ListAlertsResponse:
        """Return a page of alerts."""
        alerts, following = await handlers.list_alerts(
            patient=self._patient(request.patient) if request.HasField("patient") else None,
            states=frozenset(_state_from_proto(number) for number in request.states),
            page_size=request.page_size,
            after=cursor_from_token(request.page_token) if request.page_token else None,
            store=self._store,
        )
        page = _fitting_page(alerts)
        if len(page) < len(alerts):
            following = handlers.cursor_of(alerts[len(page) - 1])
        return alerts_pb2.ListAlertsResponse(
            alerts=page, next_page_token=token_from_cursor(following) if following else ""
        )

    async def GetAlert(  # noqa: N802  # named by the proto
        self,
        request: alerts_pb2.GetAlertRequest,
        context: Any,  # noqa: ANN401, ARG002  # gRPC passes it
    ) -> alerts_pb2.GetAlertResponse:
        """Return one alert."""
        alert = await handlers.get_alert(_uuid(request.alert_id), store=self._store)
        return alerts_pb2.GetAlertResponse(alert=alert_to_proto(alert))

    def _patient(self, reference: prescriptions_pb2.PatientRef) -> Pseudonym:
        fault = patient_ref_fault(reference)
        if fault:
            raise InvalidInput(PATIENT_INVALID, fault)
        return Pseudonym(self._pseudonym_of(reference.namespace, reference.value))


def _fitting_page(alerts: Sequence[Alert]) -> list[alerts_pb2.Alert]:
    """Return the messages of the first alerts that fit one response: at least one if there are any."""
    page: list[alerts_pb2.Alert] = []
    room_bytes = LARGEST_PAGE_BYTES
    for alert in alerts:
        message = alert_to_proto(alert)
        room_bytes -= message.ByteSize()
        if page and room_bytes < 0:
            break
        page.append(message)
    return page


def token_from_cursor(cursor: PageCursor) -> str:
    """Return the page token of a cursor; it is opaque to callers."""
    microseconds = (cursor.opened_time - UNIX_EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_TOKEN.pack(cursor.severity, microseconds, cursor.alert_id.bytes)).decode()


def cursor_from_token(token: str) -> PageCursor:
    """Return the cursor of a page token. Raises InvalidInput PAGE_TOKEN_INVALID."""
    try:
        severity, microseconds, alert_id = _TOKEN.unpack(base64.urlsafe_b64decode(token))
        return PageCursor(
            severity=AlertSeverity(severity),
            opened_time=UNIX_EPOCH + timedelta(microseconds=microseconds),
            alert_id=UUID(bytes=alert_id),
        )
    except (ValueError, OverflowError, binascii.Error, struct.error) as error:
        raise InvalidInput("PAGE_TOKEN_INVALID", "page_token: not a next_page_token of this service") from error


def _state_from_proto(number: int) -> AlertState:
    state = _STATE_OF.get(number)
    if state is None:
        raise InvalidInput("ALERT_STATE_UNKNOWN", "states: ALERT_STATE_OPEN or ALERT_STATE_RESOLVED")
    return state


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput("ALERT_ID_INVALID", "alert_id: a UUID in text") from error
