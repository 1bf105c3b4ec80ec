"""The alert shown to integrators is the one that alerts publishes for the finding shown beside it."""

import json
from datetime import UTC, datetime
from uuid import UUID

from rx_alerts.adapters.cloud_event import cloud_event
from rx_alerts.adapters.finding_decoder import finding_set_from_bytes
from rx_alerts.domain.reconcile import reconcile
from rx_contracts.topics import topics

TOPICS = {topic.name: topic for topic in topics()}
ALERT = UUID("2f0d6a54-6f0e-4a83-9d0c-0d6f1a3c7b11")
OPENED = datetime(2026, 4, 14, 12, 0, 6, tzinfo=UTC)


def test_the_alert_example_is_what_alerts_publishes_for_the_finding_set_example():
    topic = TOPICS["rx.findings.v1"]
    found = finding_set_from_bytes(topic.parse(topic.examples.valid[0].value).SerializeToString())
    (opened,) = reconcile([], found, now=OPENED, new_id=lambda: ALERT)
    (example,) = TOPICS["rx.alerts.v1"].examples.valid
    assert json.loads(cloud_event(opened)) == example.value
