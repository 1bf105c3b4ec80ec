"""Decode finding sets of `rx.findings.v1` and stored findings into the domain."""

from google.protobuf.message import DecodeError
from pharmacy.events.v1 import finding_pb2
from rx_contracts.ids import EventKey, Pseudonym
from rx_contracts.versions import FindingSetVersion
from rx_contracts.wire.times import optional_instant

from rx_alerts.domain.model import AlertDisplay, AlertLine, AlertSeverity, LineBasis, ReceivedFindings

_PSEUDONYM_BYTES = 16


def finding_set_from_bytes(value: bytes) -> ReceivedFindings:
    """Decode a record of `rx.findings.v1`. Raises ValueError if it is no finding set: the contract is broken then."""
    try:
        message = finding_pb2.FindingSet.FromString(value)
    except DecodeError as error:
        raise ValueError("not a FindingSet") from error
    if len(message.patient) != _PSEUDONYM_BYTES or message.ruleset_seq < 1:
        raise ValueError("a FindingSet without patient or ruleset")
    return ReceivedFindings(
        patient=Pseudonym(message.patient),
        version=FindingSetVersion(message.build, message.ruleset_seq, message.position),
        ruleset_version=message.ruleset_version,
        lines=tuple(_line(finding) for finding in message.findings),
        encoded=value,
    )


def line_from_bytes(encoded: bytes) -> AlertLine:
    """Decode the line of a stored finding."""
    return _line(finding_pb2.Finding.FromString(encoded))


def _line(finding: finding_pb2.Finding) -> AlertLine:
    return AlertLine(
        finding_id=finding.finding_id,
        rule=finding.rule,
        family=finding.family,
        severity=AlertSeverity(finding.severity),
        display=AlertDisplay(finding.display),
        anchor_key=EventKey(finding.anchor_key),
        counterpart=finding.counterpart,
        text=finding.text,
        earliest_start_time=optional_instant(finding, "earliest_start_time"),
        no_start_time_reason=finding.no_start_time_reason,
        basis=tuple(_basis(basis) for basis in finding.basis),
        encoded=finding.SerializeToString(deterministic=True),
    )


def _basis(basis: finding_pb2.Basis) -> LineBasis:
    return LineBasis(
        role=basis.role,
        event_key=EventKey(basis.event_key),
        event_id=basis.event_id,
        source=basis.source,
        site_id=basis.site_id,
        product=basis.form_key or basis.name,
        rx_number=basis.rx_number,
        fill_number=basis.fill_number,
    )
