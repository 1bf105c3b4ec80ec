"""Serves alerts over gRPC."""

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pharmacy.alerts.v1 import alerts_pb2, alerts_pb2_grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2
from rx_contracts.wire.times import UNIX_EPOCH
from rx_runtime.errors import InvalidInput

from rx_alerts import handlers
from rx_alerts.adapters.codec import STATES, alert_to_proto
from rx_alerts.domain.model import Alert, Pseudonym, Severity, State
from rx_alerts.ports import AlertStore, Place

SERVICE = "pharmacy.alerts.v1.AlertService"
LARGEST_PAGE_BYTES = 3 * 1024 * 1024
"""A page ends before it would grow past this: a gRPC client takes 4 MiB unless told otherwise."""

_STATE_OF: dict[int, State] = {number: state for state, number in STATES.items()}
_TOKEN = struct.Struct(">Bq16s")  # severity, microseconds since 1970, alert id
_NAMESPACE_CHARACTERS = 128
_VALUE_CHARACTERS = 256


class AlertServicer(alerts_pb2_grpc.AlertServiceServicer):
    """Translates messages; what is answered is decided in `handlers`."""

    def __init__(self, store: AlertStore, pseudonym_of: Callable[[str, str], bytes]) -> None:
        self._store = store
        self._pseudonym_of = pseudonym_of

    async def ListAlerts(  # noqa: N802  # named by the proto
        self,
        request: alerts_pb2.ListAlertsRequest,
        context: Any,  # noqa: ANN401, ARG002  # gRPC passes it
    ) -> alerts_pb2.ListAlertsResponse:
        """A page of alerts."""
        alerts, following = await handlers.list_alerts(
            patient=self._patient(request.patient) if request.HasField("patient") else None,
            states=frozenset(_state(number) for number in request.states),
            page_size=request.page_size,
            after=place_from_token(request.page_token) if request.page_token else None,
            store=self._store,
        )
        page = _fitting(alerts)
        if len(page) < len(alerts):
            following = handlers.place_of(alerts[len(page) - 1])
        return alerts_pb2.ListAlertsResponse(alerts=page, next_page_token=token_of(following) if following else "")

    async def GetAlert(  # noqa: N802  # named by the proto
        self,
        request: alerts_pb2.GetAlertRequest,
        context: Any,  # noqa: ANN401, ARG002  # gRPC passes it
    ) -> alerts_pb2.GetAlertResponse:
        """One alert."""
        alert = await handlers.get_alert(_alert_id(request.alert_id), store=self._store)
        return alerts_pb2.GetAlertResponse(alert=alert_to_proto(alert))

    def _patient(self, reference: prescriptions_pb2.PatientRef) -> Pseudonym:
        if not 1 <= len(reference.namespace) <= _NAMESPACE_CHARACTERS:
            raise InvalidInput("PATIENT_NAMESPACE_INVALID", "patient.namespace: 1 to 128 characters")
        if not 1 <= len(reference.value) <= _VALUE_CHARACTERS:
            raise InvalidInput("PATIENT_VALUE_INVALID", "patient.value: 1 to 256 characters")
        return Pseudonym(self._pseudonym_of(reference.namespace, reference.value))


def _fitting(alerts: Sequence[Alert]) -> list[alerts_pb2.Alert]:
    """As many of the first as one answer holds, and never none of some."""
    page: list[alerts_pb2.Alert] = []
    room_bytes = LARGEST_PAGE_BYTES
    for alert in alerts:
        message = alert_to_proto(alert)
        room_bytes -= message.ByteSize()
        if page and room_bytes < 0:
            break
        page.append(message)
    return page


def token_of(place: Place) -> str:
    """The page token of a place; callers keep it as it is."""
    microseconds = (place.opened_time - UNIX_EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_TOKEN.pack(place.severity, microseconds, place.alert_id.bytes)).decode()


def place_from_token(token: str) -> Place:
    """The place in a page token; raises InvalidInput PAGE_TOKEN_INVALID."""
    try:
        severity, microseconds, alert_id = _TOKEN.unpack(base64.urlsafe_b64decode(token))
        return Place(
            severity=Severity(severity),
            opened_time=UNIX_EPOCH + timedelta(microseconds=microseconds),
            alert_id=UUID(bytes=alert_id),
        )
    except (ValueError, OverflowError, binascii.Error, struct.error) as error:
        raise InvalidInput("PAGE_TOKEN_INVALID", "page_token: not one that a page before gave") from error


def _state(number: int) -> State:
    state = _STATE_OF.get(number)
    if state is None:
        raise InvalidInput("ALERT_STATE_UNKNOWN", "states: ALERT_STATE_OPEN or ALERT_STATE_RESOLVED")
    return state


def _alert_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput("ALERT_ID_INVALID", "alert_id: a UUID in text") from error
