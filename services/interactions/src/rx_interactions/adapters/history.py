"""Read histories from `prescriptions` over gRPC."""

import grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_contracts.patient_ref import PATIENT_INVALID
from rx_contracts.wire.event_facts import history_facts
from rx_contracts.wire.times import optional_instant
from rx_runtime.errors import DependencyUnavailable, InvalidInput

from rx_interactions.domain.answer import Freshness, KnownHistory

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),  # reconnect to a restarted service within a second
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


def open_channel(target: str) -> grpc.aio.Channel:
    """Open a channel to `prescriptions` at host:port; it connects and reconnects by itself."""
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


class GrpcHistories:
    """Reads histories over a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = prescriptions_pb2_grpc.PrescriptionServiceStub(channel)

    async def history(self, namespace: str, value: str, *, timeout_seconds: float) -> KnownHistory:
        """Return the history of a patient; a history that cannot be read is an error, never an empty one."""
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
        "HISTORY_UNAVAILABLE",
        f"the history cannot be read ({error.code().name}); retry later, do not proceed without it",
    )


def _known(history: prescriptions_pb2.MedicationHistory) -> KnownHistory:
    return KnownHistory(
        facts=tuple(history_facts(entry.event for entry in history.events)),
        known_since=optional_instant(history, "known_since_time"),
        sources=tuple(
            Freshness(source=source.source, newest_recorded_time=optional_instant(source, "newest_recorded_time"))
            for source in history.sources
        ),
    )
