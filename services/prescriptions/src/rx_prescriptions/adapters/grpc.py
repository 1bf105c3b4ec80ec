"""Serves the gRPC API: translates messages for the handlers, and their results into messages."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from pharmacy.events.v1 import event_pb2
from pharmacy.prescriptions.v1 import prescriptions_pb2 as messages
from pharmacy.prescriptions.v1 import prescriptions_pb2_grpc
from rx_contracts.ids import Pseudonym
from rx_contracts.patient_ref import PATIENT_INVALID, patient_ref_fault
from rx_contracts.wire.times import timestamp
from rx_ingest.encoding import is_read_by_core
from rx_ingest.model import Position
from rx_ingest.reader import Reader
from rx_runtime.errors import InvalidInput

from rx_prescriptions import handlers
from rx_prescriptions.domain.model import CheckState, HistoryEvent, MedicationHistory, Receipt, UncodedCount
from rx_prescriptions.ports import EventStore, InboundTopic, KnownSince, MonitorPositions

SERVICE = "pharmacy.prescriptions.v1.PrescriptionService"

_CHECK_STATES = {
    CheckState.PENDING: messages.CHECK_STATE_PENDING,
    CheckState.CHECKED: messages.CHECK_STATE_CHECKED,
    CheckState.NOT_ASSESSED: messages.CHECK_STATE_NOT_ASSESSED,
}


class PrescriptionServicer(prescriptions_pb2_grpc.PrescriptionServiceServicer):
    """Implements protos/pharmacy/prescriptions/v1/prescriptions.proto, which states the contract of each call."""

    def __init__(
        self,
        *,
        store: EventStore,
        inbound: InboundTopic,
        monitor: MonitorPositions,
        reader: Reader,
        known_since: KnownSince,
        pseudonym: Callable[[str, str], bytes],
    ) -> None:
        self._store = store
        self._inbound = inbound
        self._monitor = monitor
        self._reader = reader
        self._known_since = known_since
        self._pseudonym = pseudonym

    async def RecordEvent(self, request: messages.RecordEventRequest, _context: Any) -> messages.RecordEventResponse:  # noqa: ANN401, N802  # named by the proto
        """Write one event to the inbound topic."""
        position = await handlers.record_event(
            request.document,
            request.content_type,
            source=request.source,
            site_id=request.site_id,
            now_ms=time.time_ns() // 1_000_000,
            reader=self._reader,
            inbound=self._inbound,
        )
        return messages.RecordEventResponse(position=_inbound_position(position))

    async def ListReceipts(self, request: messages.ListReceiptsRequest, _context: Any) -> messages.ListReceiptsResponse:  # noqa: ANN401, N802  # named by the proto
        """Return the receipts of inbound records."""
        positions = [Position(position.partition, position.offset) for position in request.positions]
        found = await handlers.list_receipts(positions, store=self._store)
        return messages.ListReceiptsResponse(receipts=map(_receipt, found))

    async def GetMedicationHistory(  # noqa: N802  # named by the proto
        self,
        request: messages.GetMedicationHistoryRequest,
        _context: Any,  # noqa: ANN401
    ) -> messages.GetMedicationHistoryResponse:
        """Return the history of one patient."""
        [history] = await self._histories([request.patient])
        return messages.GetMedicationHistoryResponse(history=history)

    async def BatchGetMedicationHistory(  # noqa: N802  # named by the proto
        self,
        request: messages.BatchGetMedicationHistoryRequest,
        _context: Any,  # noqa: ANN401
    ) -> messages.BatchGetMedicationHistoryResponse:
        """Return the histories of several patients."""
        return messages.BatchGetMedicationHistoryResponse(histories=await self._histories(request.patients))

    async def ListUncodedProducts(  # noqa: N802  # named by the proto
        self,
        request: messages.ListUncodedProductsRequest,
        _context: Any,  # noqa: ANN401
    ) -> messages.ListUncodedProductsResponse:
        """Return the product codes that no table maps."""
        found = await handlers.list_uncoded_products(request.page_size, store=self._store)
        return messages.ListUncodedProductsResponse(products=map(_uncoded_product, found))

    async def _histories(self, patients: Iterable[messages.PatientRef]) -> list[messages.MedicationHistory]:
        found = await handlers.medication_histories(
            [self._patient(patient) for patient in patients],
            store=self._store,
            monitor=self._monitor,
            known_since=self._known_since,
            is_read_by_core=is_read_by_core,
        )
        return [_history(history) for history in found]

    def _patient(self, patient: messages.PatientRef) -> Pseudonym:
        fault = patient_ref_fault(patient)
        if fault:
            raise InvalidInput(PATIENT_INVALID, fault)
        return Pseudonym(self._pseudonym(patient.namespace, patient.value))


def _inbound_position(position: Position) -> event_pb2.InboundPosition:
    return event_pb2.InboundPosition(partition=position.partition, offset=position.offset)


def _receipt(receipt: Receipt) -> messages.Receipt:
    return messages.Receipt(
        position=_inbound_position(receipt.position),
        resources=[
            messages.ResourceCount(
                kind=count.kind,
                read=count.read,
                stored=count.stored,
                unchanged=count.unchanged,
                dead_letter=count.dead_letter,
            )
            for count in receipt.resources
        ],
        ignored=[messages.IgnoredCount(kind=kind, count=count) for kind, count in receipt.ignored.items()],
        rejections=[
            messages.Rejection(entry=rejection.entry, code=rejection.code, reason=rejection.reason)
            for rejection in receipt.rejections
        ],
        uncoded_products=map(_uncoded_product, receipt.uncoded),
        event_positions=[
            messages.EventPosition(partition=position.partition, offset=position.offset)
            for position in receipt.event_positions
        ],
        patients=receipt.patients,
    )


def _uncoded_product(uncoded: UncodedCount) -> messages.UncodedProduct:
    return messages.UncodedProduct(
        system=uncoded.product.system,
        code=uncoded.product.code,
        display=uncoded.product.display,
        count=uncoded.count,
    )


def _history(history: MedicationHistory) -> messages.MedicationHistory:
    return messages.MedicationHistory(
        patient=history.patient,
        events=map(_history_event, history.events),
        known_since_time=timestamp(history.known_since) if history.known_since else None,
        sources=[
            messages.SourceFreshness(source=source, newest_recorded_time=timestamp(history.newest_recorded[source]))
            for source in sorted(history.newest_recorded)
        ],
    )


def _history_event(event: HistoryEvent) -> messages.HistoryEvent:
    return messages.HistoryEvent(
        event=event_pb2.Event.FromString(event.payload),
        check_state=_CHECK_STATES[event.check_state],
        not_assessed_reason=event.not_assessed_reason,
    )
