"""What is not checked yet is never silent: it is PENDING, and is checked as soon as a monitor is there again."""

import pytest

from tests.lib.e2e.kit import LDN, METHADONE, documents, fill, hand_over

pytestmark = pytest.mark.stack
AT = "2026-04-10T09:00:00Z"


async def test_without_a_monitor_every_fill_is_pending_without_alert_and_is_checked_when_it_is_back(rxguard, patient):
    await rxguard.stop("monitor")
    events = [
        fill(patient, "pending-methadone", METHADONE, "2026-03-01T09:00:00Z"),
        fill(patient, "pending-ldn", LDN, AT),
        hand_over(patient, "pending-ldn", AT),
    ]
    ids = [one["event_id"] for one in events]
    await rxguard.receipts(await rxguard.send(documents(events), partition=0))
    assert await rxguard.check_states(patient) == dict.fromkeys(ids, "PENDING")
    assert await rxguard.alerts_of(patient) == []
    assert await rxguard.findings_of(patient) == []

    await rxguard.start("monitor")
    await rxguard.settled()
    await rxguard.until_check_states(patient, dict.fromkeys(ids, "CHECKED"))
    (alert,) = await rxguard.alerts_of(patient)
    assert (alert["lines"][0]["rule"], alert["earliest_start_time"]) == ("WR-02", "2026-04-14T09:00:00Z")
