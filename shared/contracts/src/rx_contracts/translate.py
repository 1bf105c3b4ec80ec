"""Between the wire and the clinical core: events become facts, findings become messages and JSON documents.

Nothing is rounded and nothing is guessed: decimals travel as text, instants as aware UTC datetimes to the microsecond,
and a kind of fact that is not read becomes an `UnreadFact`, so that the answer can name it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from pharmacy.events.v1 import event_pb2, finding_pb2
from rx_clinical.catalogue.catalogue import Catalogue
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
from rx_clinical.model.findings import ArithmeticLine, Assessment, Basis, Finding

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEDICINES_KEPT = 4096
"""Medicines read before, by their bytes: the same products are dispensed again and again."""


def instant(stamp: Timestamp) -> datetime:
    """The aware UTC datetime of a timestamp; what lies below a microsecond is cut off."""
    return EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1000)


def timestamp(time: datetime) -> Timestamp:
    """The timestamp of an aware datetime, exact to the microsecond. Raises ValueError for a naive one."""
    if time.tzinfo is None:
        raise ValueError("a time without zone has no instant")
    since = time - EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def moment(occurred: event_pb2.OccurredTime) -> Moment:
    """The instant or local date of a message."""
    begin, end = occurred.earliest_time, occurred.latest_time
    earliest = instant(begin)
    latest = earliest if begin == end else instant(end)
    return Moment(earliest=earliest, latest=latest, zone=occurred.zone or None)


def occurred_time(moment: Moment) -> event_pb2.OccurredTime:
    """The message of an instant or local date."""
    return event_pb2.OccurredTime(
        earliest_time=timestamp(moment.earliest), latest_time=timestamp(moment.latest), zone=moment.zone or ""
    )


def decimal_text(value: Decimal | None) -> str:
    """Plain digits of exactly that value, without exponent or trailing zeros; empty for None."""
    if not value:
        return "" if value is None else "0"
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def decimal(text: str) -> Decimal | None:
    """The exact decimal of a text; None for an empty one. Raises decimal.InvalidOperation for anything else."""
    return Decimal(text) if text else None


# Events to facts


def fact_from_event(event: event_pb2.Event) -> Fact:
    """The fact that an event states.

    A merge is an `UnreadFact` of kind `merge`: what is held of a patient is held under one pseudonym, and a merge joins
    two. A case that this version does not know is one of kind `unknown`.

    Raises ValueError or decimal.InvalidOperation if the event breaks its contract.
    """
    case = event.WhichOneof("fact") or ""
    build = _FACTS.get(case)
    return build(event) if build else UnreadFact(kind=_UNREAD.get(case, "unknown"), **_envelope(event))


def is_read(event: event_pb2.Event) -> bool:
    """`fact_from_event` gives a fact of the core, no `UnreadFact`."""
    return event.WhichOneof("fact") in _FACTS


def history_facts(events: Iterable[event_pb2.Event]) -> list[Fact]:
    """The facts of many events, every revision kept: the core folds them."""
    return [fact_from_event(event) for event in events]


def medicine(message: event_pb2.Medicine) -> Medicine:
    """The medicine as the core reads it. Codings and indication stay behind: they change no rule.

    A days supply of 0 is a field that nobody filled, so it is missing: taken at its word, the supply would end as it
    begins, and an opioid of 30 days would be gone on the next one.
    """
    return Medicine(
        text=message.text,
        coded=message.coded,
        ingredients=tuple(message.ingredients),
        form_key=message.form_key or None,
        product_code=message.product_code or None,
        route=message.route or None,
        directions=message.directions,
        daily_dose_mg=decimal(message.daily_dose_mg),
        days_supply=decimal(message.days_supply) or None,
        as_needed=message.as_needed,
        quantity=decimal(message.quantity),
        patches=message.patch_count or None,
    )


def _medicine(message: event_pb2.Medicine) -> Medicine:
    """The medicine of a message, one object for equal messages: it remembers what a catalogue made of it."""
    return _read_medicine(message.SerializeToString(deterministic=True))


@lru_cache(_MEDICINES_KEPT)
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
        status=order.status or "unknown",
        status_at=_optional_moment(order, "status_time"),
        intent=order.intent or "order",
        do_not_perform=order.do_not_perform,
        **_envelope(event),
    )


def _fill(event: event_pb2.Event) -> Fact:
    """A prescribed quantity of 0 is a field that nobody filled: no supply is a part of nothing."""
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
    """A dose that is not stated is 0, which no antagonist has: it confirms none."""
    confirmed = event.ultra_low_dose_confirmed
    return Confirmation(
        by=confirmed.by,
        daily_dose_mg=decimal(confirmed.daily_dose_mg) or Decimal(0),
        opioids=tuple(
            ConfirmedOpioid(form_key=opioid.form_key, daily_dose_mg=decimal(opioid.daily_dose_mg))
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
        ingredients=tuple(evidence.ingredients),
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

# Findings to messages and documents


def severity_name(severity: finding_pb2.Severity) -> str:
    """Lower-case name, for example `major`. Raises ValueError for a number this version does not know."""
    return finding_pb2.Severity.Name(severity).removeprefix("SEVERITY_").lower()


def display_name(display: finding_pb2.Display) -> str:
    """Lower-case name, for example `queue`. Raises ValueError for a number this version does not know."""
    return finding_pb2.Display.Name(display).removeprefix("DISPLAY_").lower()


class PublishedFindings(NamedTuple):
    """One patient's findings as published: the bytes of a `FindingSet`."""

    value: bytes
    content_hash: bytes  # see finding_set_hash


def published_findings(
    patient: bytes, position: int, assessment: Assessment, catalogue: Catalogue, *, build: int = 0
) -> PublishedFindings:
    """The whole of one patient's findings. `patient`: pseudonym, 16 bytes. Equal input, equal bytes."""
    # A message in parts, in the order of its fields, is the same message: each part is encoded once.
    head = finding_pb2.FindingSet(
        patient=patient,
        ruleset_seq=catalogue.ruleset_seq,
        ruleset_version=catalogue.ruleset_version,
        position=position,
    ).SerializeToString(deterministic=True)
    findings = finding_pb2.FindingSet(
        findings=[finding_to_proto(one) for one in sorted(assessment.findings, key=lambda one: one.finding_id)]
    ).SerializeToString(deterministic=True)
    said = findings + _encoded_coverage(assessment.rules_run, assessment.rules_not_covered, assessment.unread)
    tail = finding_pb2.FindingSet(build=build).SerializeToString(deterministic=True)
    return PublishedFindings(value=head + said + tail, content_hash=hashlib.sha256(said).digest())


def finding_set_order(published: finding_pb2.FindingSet) -> tuple[int, int, int]:
    """Build, ruleset_seq and position: of a patient's sets the highest holds, wherever its record stands."""
    return published.build, published.ruleset_seq, published.position


def finding_set_hash(published: finding_pb2.FindingSet) -> bytes:
    """SHA-256 over findings and coverage: sets of a patient with equal hashes say the same, whoever said it."""
    content = finding_pb2.FindingSet(findings=published.findings, coverage=published.coverage)
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


@lru_cache(64)
def _encoded_coverage(run: tuple[str, ...], not_covered: tuple[str, ...], unread: tuple[str, ...]) -> bytes:
    """A `FindingSet` with nothing but its coverage, encoded."""
    return finding_pb2.FindingSet(coverage=_coverage(run, not_covered, unread)).SerializeToString(deterministic=True)


def coverage(assessment: Assessment) -> finding_pb2.Coverage:
    """What ran, what did not, and which facts were not read; each sorted."""
    return _coverage(assessment.rules_run, assessment.rules_not_covered, assessment.unread)


def _coverage(run: Iterable[str], not_covered: Iterable[str], unread: Iterable[str]) -> finding_pb2.Coverage:
    return finding_pb2.Coverage(
        rules_run=sorted(run), rules_not_covered=sorted(not_covered), facts_not_read=sorted(set(unread))
    )


def finding_to_proto(finding: Finding) -> finding_pb2.Finding:
    """The message of one finding; `finding_json` of it equals the core's own JSON."""
    return finding_pb2.Finding(
        finding_id=finding.finding_id,
        rule=finding.rule,
        family=finding.family,
        severity=f"SEVERITY_{finding.severity.upper()}",
        display=f"DISPLAY_{finding.display.upper()}",
        reason_codes=finding.reason_codes,
        anchor_key=finding.anchor_key,
        anchor_event_id=finding.anchor_event_id,
        counterpart=finding.counterpart or "",
        active_from_time=timestamp(finding.active_from),
        earliest_start_time=_optional_timestamp(finding.earliest_start_time),
        no_start_time_reason=finding.no_start_time_reason or "",
        ends_time=_optional_timestamp(finding.ends_at),
        urgency=finding.urgency or "",
        requires_confirmation=finding.requires_confirmation,
        text=finding.text,
        recommended_actions=finding.recommended_actions,
        arithmetic=[_arithmetic_to_proto(line) for line in finding.arithmetic],
        max_bud=str(finding.max_bud or ""),
        max_days_supply=finding.max_days_supply,
        evidence_level=finding.evidence_level,
        assumptions=finding.assumptions,
        sources=finding.sources,
        basis=[_basis_to_proto(basis) for basis in finding.basis],
    )


def finding_json(finding: finding_pb2.Finding) -> dict[str, object]:
    """The FINDING document of `--json`: times RFC 3339 UTC with Z, doses and hours as decimal text, unknown = None."""
    return {
        "finding_id": finding.finding_id.hex(),
        "rule": finding.rule,
        "family": finding.family,
        "severity": severity_name(finding.severity),
        "display": display_name(finding.display),
        "reason_codes": list(finding.reason_codes),
        "anchor_event_id": finding.anchor_event_id,
        "counterpart": finding.counterpart or None,
        "active_from": _time_text(finding, "active_from_time"),
        "earliest_start_time": _time_text(finding, "earliest_start_time"),
        "no_start_time_reason": finding.no_start_time_reason or None,
        "ends_at": _time_text(finding, "ends_time"),
        "urgency": finding.urgency or None,
        "requires_confirmation": finding.requires_confirmation,
        "text": finding.text,
        "recommended_actions": list(finding.recommended_actions),
        "arithmetic": [_arithmetic_json(line) for line in finding.arithmetic],
        "max_bud": finding.max_bud or None,
        "max_days_supply": finding.max_days_supply if finding.HasField("max_days_supply") else None,
        "evidence_level": finding.evidence_level,
        "assumptions": list(finding.assumptions),
        "sources": list(finding.sources),
    }


def _arithmetic_to_proto(line: ArithmeticLine) -> finding_pb2.ArithmeticLine:
    return finding_pb2.ArithmeticLine(
        ingredient=line.ingredient,
        form_key=line.form_key or "",
        supply_end_time=_optional_timestamp(line.supply_end),
        possible_end_time=_optional_timestamp(line.possible_end),
        label_interval_h=decimal_text(line.label_interval_h),
        half_life_high_h=decimal_text(line.half_life_high_h),
        multiplier=decimal_text(line.multiplier),
        hard_window_h=decimal_text(line.hard_window_h),
        policy_window_h=decimal_text(line.policy_window_h),
        elapsed_h=decimal_text(line.elapsed_h),
        text=line.text,
    )


def _arithmetic_json(line: finding_pb2.ArithmeticLine) -> dict[str, object]:
    return {
        "ingredient": line.ingredient,
        "form_key": line.form_key or None,
        "supply_end": _time_text(line, "supply_end_time"),
        "possible_end": _time_text(line, "possible_end_time"),
        "label_interval_h": line.label_interval_h or None,
        "half_life_high_h": line.half_life_high_h or None,
        "multiplier": line.multiplier or None,
        "hard_window_h": line.hard_window_h or None,
        "policy_window_h": line.policy_window_h or None,
        "elapsed_h": line.elapsed_h or None,
        "text": line.text,
    }


def _basis_to_proto(basis: Basis) -> finding_pb2.Basis:
    return finding_pb2.Basis(
        role=basis.role,
        event_key=basis.key,
        event_id=basis.event_id,
        source=basis.source,
        site_id=basis.site,
        name=basis.name,
        form_key=basis.form_key or "",
        rx_number=basis.rx_number or "",
        fill_number=basis.fill_number or "",
    )


def _optional_timestamp(time: datetime | None) -> Timestamp | None:
    return None if time is None else timestamp(time)


def _time_text(message: Any, field: str) -> str | None:  # noqa: ANN401  # any message with such a field
    return instant(getattr(message, field)).isoformat().replace("+00:00", "Z") if message.HasField(field) else None
