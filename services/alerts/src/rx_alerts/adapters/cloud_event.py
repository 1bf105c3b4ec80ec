"""Write changes of alerts as structured CloudEvents for `rx.alerts.v1`."""

import json
from collections.abc import Sequence

from pharmacy.events.v1 import finding_pb2
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.times import rfc3339

from rx_alerts.domain.model import Alert, AlertChange, AlertLine
from rx_alerts.domain.notice import NOTICE

MAX_PUBLISHED_LINES = 100
"""Most lines of an event, the worst ones; `lines_omitted` counts the others, which `GetAlert` returns.

It keeps the event far below the largest record of the topic, however many lines two mixed-up patient records add up to.
"""


def cloud_event(change: AlertChange) -> bytes:
    """Encode the event of a change, UTF-8 JSON; equal changes give equal bytes. Holds no pseudonym."""
    alert = change.alert
    event = {
        "specversion": "1.0",
        "id": f"{alert.alert_id}:{alert.revision}",
        "source": "/rxguard/alerts",
        "type": f"rxguard.alert.{change.change}.v1",
        "subject": str(alert.alert_id),
        "time": rfc3339(change.time),
        "datacontenttype": "application/json",
        "data": _document(alert),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _document(alert: Alert) -> dict[str, object]:
    lines, start = alert.lines[:MAX_PUBLISHED_LINES], alert.earliest_start_time
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
        "earliest_start_time": rfc3339(start) if start else None,
        "lines": [finding_json(finding_pb2.Finding.FromString(line.encoded)) for line in lines],
        **({"lines_omitted": omitted} if omitted else {}),
        "source_refs": _source_refs(lines),
        "opened_time": rfc3339(alert.opened_time),
        "resolved_time": rfc3339(alert.resolved_time) if alert.resolved_time else None,
        "resolution": alert.resolution or None,
        "ruleset_seq": alert.ruleset_seq,
        "ruleset_version": alert.ruleset_version,
        "notice": NOTICE,
    }


def _source_refs(lines: Sequence[AlertLine]) -> list[dict[str, str | None]]:
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
