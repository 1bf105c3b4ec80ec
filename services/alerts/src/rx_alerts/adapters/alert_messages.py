"""Write alerts as messages of `AlertService`."""

from pharmacy.alerts.v1 import alerts_pb2
from pharmacy.events.v1 import finding_pb2
from rx_contracts.wire.times import optional_timestamp, timestamp

from rx_alerts.domain.lifecycle import AlertState
from rx_alerts.domain.model import Alert, SubjectKind
from rx_alerts.domain.notice import NOTICE

STATES = {AlertState.OPEN: alerts_pb2.ALERT_STATE_OPEN, AlertState.RESOLVED: alerts_pb2.ALERT_STATE_RESOLVED}
_KINDS = {
    SubjectKind.ANTAGONIST_COURSE: alerts_pb2.ALERT_KIND_ANTAGONIST_COURSE,
    SubjectKind.INTERACTION: alerts_pb2.ALERT_KIND_INTERACTION,
    SubjectKind.DATA: alerts_pb2.ALERT_KIND_DATA,
}


def alert_to_proto(alert: Alert) -> alerts_pb2.Alert:
    """Return the message of an alert, every line with all its fields."""
    return alerts_pb2.Alert(
        alert_id=str(alert.alert_id),
        state=STATES[alert.state],
        kind=_KINDS[alert.subject.kind],
        site_id=alert.site_id,
        patient=alert.patient,
        headline=alert.headline,
        severity=f"SEVERITY_{alert.severity.name}",
        display=f"DISPLAY_{alert.display.name}",
        earliest_start_time=optional_timestamp(alert.earliest_start_time),
        lines=[finding_pb2.Finding.FromString(line.encoded) for line in alert.lines],
        opened_time=timestamp(alert.opened_time),
        resolved_time=optional_timestamp(alert.resolved_time),
        resolution=alert.resolution,
        ruleset_seq=alert.ruleset_seq,
        ruleset_version=alert.ruleset_version,
        notice=NOTICE,
    )
