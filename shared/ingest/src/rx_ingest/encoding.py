"""Encodes drafts as the bytes of `rx.medication-events.v1`, and tells which encoded events the clinical core reads."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pharmacy.events.v1 import event_pb2
from rx_clinical.model.facts import Moment, event_key
from rx_contracts.edge import event as edge
from rx_contracts.wire.event_facts import is_read, occurred_time
from rx_contracts.wire.times import timestamp

from rx_ingest.model import CodedMedicine, Draft


def encode_event(draft: Draft) -> bytes:
    """Return the event as published: a `pharmacy.events.v1.Event`. Equal drafts give equal bytes."""
    event = draft.event
    message = event_pb2.Event(
        event_key=draft.key,
        event_id=event.event_id,
        source=event.source,
        source_revision=draft.revision,
        site_id=draft.site_id,
        patient=draft.patient,
        occurred=occurred_time(draft.occurred),
        recorded_time=timestamp(event.recorded_time),
        inbound=event_pb2.InboundPosition(partition=draft.position.partition, offset=draft.position.offset),
        **{event.type: _FACTS[event.type](draft, event)},
    )
    return message.SerializeToString(deterministic=True)


def _order(draft: Draft, event: edge.PrescriptionWritten) -> event_pb2.Prescription:
    return event_pb2.Prescription(
        medicine=_medicine(draft, event.medicine),
        status=event.status,
        status_time=_occurred_time(draft, event.status_time, event.status_date),
        intent=event.intent,
        do_not_perform=event.do_not_perform,
    )


def _fill(draft: Draft, event: edge.MedicationFilled) -> event_pb2.Fill:
    return event_pb2.Fill(
        medicine=_medicine(draft, event.medicine),
        prescription_key=_key(event, event.prescription_id),
        rx_number=event.rx_number or "",
        fill_number=event.fill_number or "",
        quantity_prescribed=_decimal_text(event.quantity_prescribed),
        partial=event.partial,
        days_supply_is_for_this_fill=event.days_supply_is_for_this_fill,
    )


def _hand_over(_draft: Draft, event: edge.MedicationHandedOver) -> event_pb2.Reference:
    return event_pb2.Reference(event_key=_key(event, event.fill_event_id))


def _reference(
    _draft: Draft, event: edge.Stopped | edge.MedicationReturnedToStock | edge.MedicationVoided
) -> event_pb2.Reference:
    return event_pb2.Reference(event_key=_key(event, event.refers_to_event_id))


def _administration(draft: Draft, event: edge.MedicationAdministered) -> event_pb2.Administration:
    return event_pb2.Administration(
        medicine=_medicine(draft, event.medicine),
        fill_key=_key(event, event.fill_event_id),
        setting=event.setting,
        removed_time=_occurred_time(draft, event.removed_time, event.removed_date),
    )


def _report(draft: Draft, event: edge.MedicationReported) -> event_pb2.Report:
    return event_pb2.Report(
        medicine=_medicine(draft, event.medicine),
        kind=event.kind,
        ongoing=event.ongoing,
        started_time=_occurred_time(draft, event.started_time, event.started_date),
        last_confirmed_time=_occurred_time(draft, event.last_confirmed_time, event.last_confirmed_date),
        source_kind=event.source_kind or "",
        obtained_via=event.obtained_via or "",
        restricted=event.restricted,
        misuse=event.misuse,
    )


def _confirmation(_draft: Draft, event: edge.UltraLowDoseConfirmed) -> event_pb2.UltraLowDoseConfirmation:
    return event_pb2.UltraLowDoseConfirmation(
        by=event.by,
        recorded_by=event.recorded_by,
        daily_dose_mg=_decimal_text(event.daily_dose_mg),
        opioids=[
            event_pb2.ConfirmedOpioid(form_key=opioid.form_key, daily_dose_mg=_decimal_text(opioid.daily_dose_mg))
            for opioid in event.opioids
        ],
    )


def _evidence(draft: Draft, event: edge.OpioidFreeEvidence) -> event_pb2.OpioidFreeEvidence:
    return event_pb2.OpioidFreeEvidence(
        kind=event.kind,
        result=event.result or "",
        ingredients=event.ingredients,
        recorded_by=event.recorded_by,
        attested_last_dose_time=_occurred_time(draft, event.attested_last_dose_time, event.attested_last_dose_date),
        stock_accounted_for=event.stock_accounted_for,
    )


def _patient_fact(_draft: Draft, event: edge.PatientFact) -> event_pb2.PatientFact:
    return event_pb2.PatientFact(kind=event.kind, value=event.value)


def _procedure(draft: Draft, event: edge.ProcedurePlanned) -> event_pb2.Procedure:
    return event_pb2.Procedure(
        procedure_time=_occurred_time(draft, event.procedure_time, event.procedure_date),
        opioid_expected=event.opioid_expected,
    )


def _merge(draft: Draft, _event: edge.PatientMerged) -> event_pb2.Merge:
    return event_pb2.Merge(from_patient=draft.merged_from or b"", into_patient=draft.patient)


_FACTS: Mapping[str, Callable[[Draft, Any], Any]] = {
    "prescription_written": _order,
    "prescription_changed": _order,
    "stopped": _reference,
    "medication_filled": _fill,
    "medication_handed_over": _hand_over,
    "medication_returned_to_stock": _reference,
    "medication_voided": _reference,
    "medication_administered": _administration,
    "medication_reported": _report,
    "ultra_low_dose_confirmed": _confirmation,
    "opioid_free_evidence": _evidence,
    "patient_fact": _patient_fact,
    "procedure_planned": _procedure,
    "patient_merged": _merge,
}


def _medicine(draft: Draft, medicine: edge.Medicine) -> event_pb2.Medicine:
    coded = draft.medicine or CodedMedicine(
        coded=False, relevant=False, ingredients=(), form_key=None, product_code=None
    )
    return event_pb2.Medicine(
        text=medicine.text,
        codings=[event_pb2.Coding(system=coding.system, code=coding.code) for coding in medicine.codings],
        coded=coded.coded,
        ingredients=coded.ingredients,
        form_key=coded.form_key or "",
        product_code=coded.product_code or "",
        route=medicine.route or "",
        directions=medicine.directions,
        daily_dose_mg=_decimal_text(medicine.daily_dose_mg),
        days_supply=_decimal_text(medicine.days_supply),
        as_needed=medicine.as_needed,
        quantity=_decimal_text(medicine.quantity),
        patch_count=medicine.patch_count or 0,
        indication=medicine.indication,
    )


def _key(event: edge.BaseEvent, event_id: str | None) -> bytes:
    """Return the key of another event of the same source, empty if none is named."""
    return event_key(event.source, event_id) if event_id else b""


def _decimal_text(value: Decimal | None) -> str:
    return "" if value is None else format(value, "f")


def _occurred_time(draft: Draft, instant: datetime | None, day: date | None) -> event_pb2.OccurredTime | None:
    if instant is not None:
        return occurred_time(Moment.instant(instant, draft.zone))
    return occurred_time(Moment.local_date(day, draft.zone)) if day is not None else None


def is_read_by_core(payload: bytes) -> bool:
    """Return True if the clinical core reads the fact of an encoded event. Other events change no finding."""
    return is_read(event_pb2.Event.FromString(payload))
