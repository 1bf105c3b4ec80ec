"""Between messages and the domain. The only module that reads generated findings and writes the alert document."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from pharmacy.alerts.v1 import alerts_pb2
from pharmacy.events.v1 import finding_pb2
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.times import instant, timestamp

from rx_alerts.domain.model import (
    Alert,
    AlertChange,
    Basis,
    Display,
    FindingSet,
    Kind,
    Line,
    Pseudonym,
    Severity,
    State,
)

NOTICE = (
    "Decision support for a health professional, not a medical device and not advice. It shows the records and the"
    " arithmetic behind each line so that a professional can judge them. Records cannot show leftover tablets, an"
    " opioid treatment programme, a hospital stay or another pharmacy: nothing found is not safe."
)
"""Printed with every alert."""

MOST_ANNOUNCED_LINES = 100
"""The worst lines go with the message, so that it stays far below the largest record of the topic whatever a record of
mixed-up identities adds up to; `lines_omitted` counts the rest, which `GetAlert` shows.
"""

STATES = {State.OPEN: alerts_pb2.ALERT_STATE_OPEN, State.RESOLVED: alerts_pb2.ALERT_STATE_RESOLVED}
_KINDS = {
    Kind.ANTAGONIST_COURSE: alerts_pb2.ALERT_KIND_ANTAGONIST_COURSE,
    Kind.INTERACTION: alerts_pb2.ALERT_KIND_INTERACTION,
    Kind.DATA: alerts_pb2.ALERT_KIND_DATA,
}


def finding_set_from_bytes(value: bytes) -> FindingSet:
    """The set in a record of `rx.findings.v1`. Raises ValueError if it is none: the contract is broken then."""
    try:
        message = finding_pb2.FindingSet.FromString(value)
    except DecodeError as error:
        raise ValueError("not a FindingSet") from error
    if len(message.patient) != 16 or message.ruleset_seq < 1:  # noqa: PLR2004  # bytes of a pseudonym, as the contract says
        raise ValueError("a FindingSet without patient or ruleset")
    return FindingSet(
        patient=Pseudonym(message.patient),
        build=message.build,
        ruleset_seq=message.ruleset_seq,
        ruleset_version=message.ruleset_version,
        position=message.position,
        lines=tuple(_line(finding) for finding in message.findings),
        encoded=value,
    )


def line_from_bytes(encoded: bytes) -> Line:
    """The line of a stored finding."""
    return _line(finding_pb2.Finding.FromString(encoded))


def _line(finding: finding_pb2.Finding) -> Line:
    has_start = finding.HasField("earliest_start_time")
    return Line(
        finding_id=finding.finding_id,
        rule=finding.rule,
        family=finding.family,
        severity=Severity(finding.severity),
        display=Display(finding.display),
        anchor_key=finding.anchor_key,
        counterpart=finding.counterpart,
        text=finding.text,
        earliest_start_time=instant(finding.earliest_start_time) if has_start else None,
        no_start_time_reason=finding.no_start_time_reason,
        basis=tuple(_basis(basis) for basis in finding.basis),
        encoded=finding.SerializeToString(deterministic=True),
    )


def _basis(basis: finding_pb2.Basis) -> Basis:
    return Basis(
        role=basis.role,
        event_key=basis.event_key,
        event_id=basis.event_id,
        source=basis.source,
        site_id=basis.site_id,
        product=basis.form_key or basis.name,
        rx_number=basis.rx_number,
        fill_number=basis.fill_number,
    )


def alert_to_proto(alert: Alert) -> alerts_pb2.Alert:
    """The message of an alert, with every line whole."""
    return alerts_pb2.Alert(
        alert_id=str(alert.alert_id),
        state=STATES[alert.state],
        kind=_KINDS[alert.subject.kind],
        site_id=alert.site_id,
        patient=alert.patient,
        headline=alert.headline,
        severity=f"SEVERITY_{alert.severity.name}",
        display=f"DISPLAY_{alert.display.name}",
        earliest_start_time=timestamp(alert.earliest_start_time) if alert.earliest_start_time else None,
        lines=[finding_pb2.Finding.FromString(line.encoded) for line in alert.lines],
        opened_time=timestamp(alert.opened_time),
        resolved_time=timestamp(alert.resolved_time) if alert.resolved_time else None,
        resolution=alert.resolution,
        ruleset_seq=alert.ruleset_seq,
        ruleset_version=alert.ruleset_version,
        notice=NOTICE,
    )


def cloud_event(change: AlertChange) -> bytes:
    """The structured CloudEvent of a change, UTF-8 JSON; equal changes give equal bytes. Holds no pseudonym."""
    alert = change.alert
    event = {
        "specversion": "1.0",
        "id": f"{alert.alert_id}:{alert.revision}",
        "source": "/rxguard/alerts",
        "type": f"rxguard.alert.{change.change}.v1",
        "subject": str(alert.alert_id),
        "time": _text(change.time),
        "datacontenttype": "application/json",
        "data": _document(alert),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _document(alert: Alert) -> dict[str, object]:
    lines = alert.lines[:MOST_ANNOUNCED_LINES]
    omitted = len(alert.lines) - len(lines)
    return {
        "alert_id": str(alert.alert_id),
        "revision": alert.revision,
        "state": alert.state,
        "kind": alert.subject.kind,
        "site_id": alert.site_id,
        "severity": alert.severity.name.lower(),
        "display": alert.display.name.lower(),
        "headline": alert.headline,
        "earliest_start_time": _text(alert.earliest_start_time),
        "lines": [finding_json(finding_pb2.Finding.FromString(line.encoded)) for line in lines],
        **({"lines_omitted": omitted} if omitted else {}),
        "source_refs": _source_refs(lines),
        "opened_time": _text(alert.opened_time),
        "resolved_time": _text(alert.resolved_time),
        "resolution": alert.resolution or None,
        "ruleset_seq": alert.ruleset_seq,
        "ruleset_version": alert.ruleset_version,
        "notice": NOTICE,
    }


def _source_refs(lines: Sequence[Line]) -> list[dict[str, str | None]]:
    found = {
        (basis.source, basis.event_id): {
            "source": basis.source,
            "event_id": basis.event_id,
            "site_id": basis.site_id,
            "rx_number": basis.rx_number or None,
            "fill_number": basis.fill_number or None,
        }
        for line in lines
        for basis in line.basis
    }
    return [reference for _, reference in sorted(found.items())]


def _text(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
