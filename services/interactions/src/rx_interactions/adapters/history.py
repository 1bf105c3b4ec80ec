"""Histories as `prescriptions` serves them."""

from datetime import datetime
from typing import Any

import grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_contracts.patient_ref import PATIENT_INVALID
from rx_contracts.wire.event_facts import history_facts
from rx_contracts.wire.times import instant
from rx_runtime.errors import DependencyUnavailable, InvalidInput

from rx_interactions.domain.answer import Freshness, KnownHistory

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),  # a restarted service is asked again within a second
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


def open_channel(target: str) -> grpc.aio.Channel:
    """A channel to `prescriptions` at host:port; it connects, and connects again, by itself."""
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


class GrpcHistories:
    """Asks over a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = prescriptions_pb2_grpc.PrescriptionServiceStub(channel)

    async def history(self, namespace: str, value: str, *, timeout_seconds: float) -> KnownHistory:
        """One history, or an error: never an empty history for one that could not be read."""
        request = prescriptions_pb2.GetMedicationHistoryRequest(
            patient=prescriptions_pb2.PatientRef(namespace=namespace, value=value)
        )
        try:
            response = await self._stub.GetMedicationHistory(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from error
        return _known(response.history)


def _refusal(error: grpc.aio.AioRpcError) -> DependencyUnavailable | InvalidInput:
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidInput(PATIENT_INVALID, "patient: prescriptions refuses this patient")
    return DependencyUnavailable(
        "HISTORY_UNAVAILABLE", f"the history cannot be read ({error.code().name}); retry later, do not go on without it"
    )


def _known(history: prescriptions_pb2.MedicationHistory) -> KnownHistory:
    return KnownHistory(
        facts=tuple(history_facts(entry.event for entry in history.events)),
        known_since=_optional_time(history, "known_since_time"),
        sources=tuple(
            Freshness(source=one.source, newest_recorded_time=_optional_time(one, "newest_recorded_time"))
            for one in history.sources
        ),
    )


def _optional_time(message: Any, field: str) -> datetime | None:  # noqa: ANN401  # any message with such a field
    return instant(getattr(message, field)) if message.HasField(field) else None
