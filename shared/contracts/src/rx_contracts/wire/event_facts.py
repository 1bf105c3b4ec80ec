"""Convert events of `rx.medication-events.v1` to facts of the clinical core.

Nothing is rounded and nothing is guessed. An event case that this version cannot assess becomes an `UnreadFact`, so
that the coverage of an answer names it.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pharmacy.events.v1 import event_pb2
from rx_clinical.model.codes import FormKey, OrderStatus, Route, RxNormCode
from rx_clinical.model.facts import (
    Administration,
    Confirmation,
    ConfirmedOpioid,
    Evidence,
    Fact,
    Fill,
    HandOver,
    Medicine,
    Moment,
    PatientFact,
    Prescription,
    Procedure,
    Report,
    ReturnToStock,
    Stop,
    UnreadFact,
    Void,
)

from rx_contracts.wire.decimals import decimal
from rx_contracts.wire.times import instant, timestamp

_CACHED_MEDICINES = 4096
"""Decoded medicines kept by their bytes: the same products are dispensed again and again."""


def moment(occurred: event_pb2.OccurredTime) -> Moment:
    """Return the instant or local date of a message."""
    begin, end = occurred.earliest_time, occurred.latest_time
    earliest = instant(begin)
    latest = earliest if begin == end else instant(end)
    return Moment(earliest=earliest, latest=latest, zone=occurred.zone or None)


def occurred_time(moment: Moment) -> event_pb2.OccurredTime:
    """Return the message of an instant or local date."""
    return event_pb2.OccurredTime(
        earliest_time=timestamp(moment.earliest), latest_time=timestamp(moment.latest), zone=moment.zone or ""
    )


def fact_from_event(event: event_pb2.Event) -> Fact:
    """Return the fact that an event states.

    A merge becomes an `UnreadFact` of kind `merge`: facts are stored under one pseudonym, and a merge joins two. A case
    that this version does not know becomes one of kind `unknown`.

    Raises ValueError or decimal.InvalidOperation if the event breaks its contract.
    """
    case = event.WhichOneof("fact") or ""
    make_fact = _FACTS.get(case)
    return make_fact(event) if make_fact else UnreadFact(kind=_UNREAD.get(case, "unknown"), **_envelope(event))


def is_read(event: event_pb2.Event) -> bool:
    """Return True if `fact_from_event` returns a fact that rules can read, not an `UnreadFact`."""
    return event.WhichOneof("fact") in _FACTS


def history_facts(events: Iterable[event_pb2.Event]) -> list[Fact]:
    """Return the facts of many events, one for each revision: the core merges the revisions."""
    return [fact_from_event(event) for event in events]


def medicine(message: event_pb2.Medicine) -> Medicine:
    """Return the medicine as the core reads it, without codings and indication, which no rule reads.

    A days supply of 0 is read as missing: source systems write 0 into a field that nobody filled in. Taken literally,
    the supply would end when it begins, and an opioid of 30 days would be gone on the next day.
    """
    return Medicine(
        text=message.text,
        coded=message.coded,
        ingredients=tuple(map(RxNormCode, message.ingredients)),
        form_key=FormKey(message.form_key) or None,
        product_code=RxNormCode(message.product_code) or None,
        route=Route.of(message.route),
        directions=message.directions,
        daily_dose_mg=decimal(message.daily_dose_mg),
        days_supply=decimal(message.days_supply) or None,
        as_needed=message.as_needed,
        quantity=decimal(message.quantity),
        patches=message.patch_count or None,
    )


def _medicine(message: event_pb2.Medicine) -> Medicine:
    """Return one object for equal messages, so that a catalogue classifies each product once."""
    return _read_medicine(message.SerializeToString(deterministic=True))


@lru_cache(_CACHED_MEDICINES)
def _read_medicine(encoded: bytes) -> Medicine:
    return medicine(event_pb2.Medicine.FromString(encoded))


def _envelope(event: event_pb2.Event) -> dict[str, Any]:
    return {
        "key": event.event_key,
        "event_id": event.event_id,
        "source": event.source,
        "site": event.site_id,
        "revision": (event.source_revision, event.coding_revision),
        "occurred": moment(event.occurred),
        "recorded_at": instant(event.recorded_time),
    }


def _optional_moment(message: Any, field: str) -> Moment | None:  # noqa: ANN401  # any message with such a field
    return moment(getattr(message, field)) if message.HasField(field) else None


def _prescription(event: event_pb2.Event) -> Fact:
    order = getattr(event, str(event.WhichOneof("fact")))
    return Prescription(
        medicine=_medicine(order.medicine),
        status=OrderStatus.of(order.status),
        status_at=_optional_moment(order, "status_time"),
        intent=order.intent or "order",
        do_not_perform=order.do_not_perform,
        **_envelope(event),
    )


def _fill(event: event_pb2.Event) -> Fact:
    """Build a fill. A prescribed quantity of 0 is read as missing: no supply is a part of nothing."""
    fill = event.medication_filled
    return Fill(
        medicine=_medicine(fill.medicine),
        prescription=fill.prescription_key or None,
        rx_number=fill.rx_number or None,
        fill_number=fill.fill_number or None,
        partial=fill.partial,
        quantity_prescribed=decimal(fill.quantity_prescribed) or None,
        days_supply_is_for_this_fill=fill.days_supply_is_for_this_fill,
        **_envelope(event),
    )


def _administration(event: event_pb2.Event) -> Fact:
    given = event.medication_administered
    return Administration(
        medicine=_medicine(given.medicine),
        fill=given.fill_key or None,
        setting=given.setting or "outpatient",
        removed=_optional_moment(given, "removed_time"),
        **_envelope(event),
    )


def _report(event: event_pb2.Event) -> Fact:
    report = event.medication_reported
    return Report(
        medicine=_medicine(report.medicine),
        kind=report.kind,
        ongoing=report.ongoing,
        started=_optional_moment(report, "started_time"),
        last_confirmed=_optional_moment(report, "last_confirmed_time"),
        source_kind=report.source_kind or None,
        obtained_via=report.obtained_via or None,
        restricted=report.restricted,
        misuse=report.misuse,
        **_envelope(event),
    )


def _confirmation(event: event_pb2.Event) -> Fact:
    """Build a confirmation. A dose that is not stated becomes 0, which no antagonist has, so it confirms none."""
    confirmed = event.ultra_low_dose_confirmed
    return Confirmation(
        by=confirmed.by,
        daily_dose_mg=decimal(confirmed.daily_dose_mg) or Decimal(0),
        opioids=tuple(
            ConfirmedOpioid(form_key=FormKey(opioid.form_key), daily_dose_mg=decimal(opioid.daily_dose_mg))
            for opioid in confirmed.opioids
        ),
        recorded_by=confirmed.recorded_by or None,
        **_envelope(event),
    )


def _evidence(event: event_pb2.Event) -> Fact:
    evidence = event.opioid_free_evidence
    return Evidence(
        kind=evidence.kind,
        result=evidence.result or None,
        ingredients=tuple(map(RxNormCode, evidence.ingredients)),
        recorded_by=evidence.recorded_by or None,
        attested_last_dose=_optional_moment(evidence, "attested_last_dose_time"),
        stock_accounted_for=evidence.stock_accounted_for,
        **_envelope(event),
    )


def _patient_fact(event: event_pb2.Event) -> Fact:
    return PatientFact(kind=event.patient_fact.kind, value=event.patient_fact.value, **_envelope(event))


def _procedure(event: event_pb2.Event) -> Fact:
    planned = _optional_moment(event.procedure_planned, "procedure_time")
    if planned is None:
        raise ValueError("a planned procedure without a time")
    return Procedure(planned=planned, opioid_expected=event.procedure_planned.opioid_expected, **_envelope(event))


_FACTS: Mapping[str, Callable[[event_pb2.Event], Fact]] = {
    "prescription_written": _prescription,
    "prescription_changed": _prescription,
    "stopped": lambda event: Stop(refers_to=event.stopped.event_key, **_envelope(event)),
    "medication_filled": _fill,
    "medication_handed_over": lambda event: HandOver(fill=event.medication_handed_over.event_key, **_envelope(event)),
    "medication_returned_to_stock": lambda event: ReturnToStock(
        refers_to=event.medication_returned_to_stock.event_key, **_envelope(event)
    ),
    "medication_voided": lambda event: Void(refers_to=event.medication_voided.event_key, **_envelope(event)),
    "medication_administered": _administration,
    "medication_reported": _report,
    "ultra_low_dose_confirmed": _confirmation,
    "opioid_free_evidence": _evidence,
    "patient_fact": _patient_fact,
    "procedure_planned": _procedure,
}
_UNREAD: Mapping[str, str] = {"patient_merged": "merge"}
