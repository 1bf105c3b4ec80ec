"""The demo as a newcomer runs it: one command, real servers of its own, a true alert."""

import asyncio
import json
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rx_embedded import rxguard_home
from rxguard.client.connect import SERVICES

pytestmark = pytest.mark.stack
TIMEOUT_SECONDS = 120


@pytest.fixture(scope="module")
def home(stack):
    """A home of its own, with the jars of the run."""
    assert stack  # it has fetched them
    with tempfile.TemporaryDirectory(prefix="rxguard-demo-") as folder:
        Path(folder).chmod(0o755)  # the database's own user may pass through
        (Path(folder) / "jars").symlink_to(rxguard_home() / "jars")
        yield folder


@pytest.fixture(scope="module")
async def demo(home):
    """Exit code, standard output and standard error of `rxguard demo --exit --json`."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rxguard", "demo", "--exit", "--json"),
        env=os.environ | {"RXGUARD_HOME": home},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(), TIMEOUT_SECONDS)
    return child.returncode, out.decode(), err.decode()


def test_the_demo_ends_with_0_and_writes_one_json_document(demo):
    code, out, err = demo
    assert code == 0, err
    assert len(out.splitlines()) == 1
    document = json.loads(out)
    assert set(document) >= {"format", "first_alert_s", "services", "ingest", "alerts", "unchecked"}
    assert document["format"] == 1
    assert document["unchecked"] == 0
    assert 0 < document["first_alert_s"] < TIMEOUT_SECONDS


def test_the_demo_runs_all_five_services(demo):
    services = json.loads(demo[1])["services"]
    assert [(service["name"], service["ready"]) for service in services] == [(name, True) for name in SERVICES]
    for service in services:
        assert set(service) == {"name", "ready", "grpc", "metrics"}


def test_the_demo_ingests_the_ten_bundles_whole(demo):
    ingest = json.loads(demo[1])["ingest"]
    assert ingest["bundles"] == 10
    assert ingest["resources"]["MedicationRequest"] == {"read": 336, "stored": 336, "unchanged": 0, "dead_letter": 0}
    assert ingest["balanced"]


def test_the_demo_shows_the_methadone_alert_with_its_exact_start(demo):
    lines = [(alert, line) for alert in json.loads(demo[1])["alerts"] for line in alert["lines"]]
    ((alert, line),) = [(alert, line) for alert, line in lines if line["rule"] == "WR-02"]
    assert set(alert) >= {"alert_id", "state", "site_id", "lines"}
    assert (line["counterpart"], line["severity"], line["urgency"]) == (
        "methadone_oral",
        "contraindicated",
        "WITH_PATIENT",
    )
    (arithmetic,) = [one for one in line["arithmetic"] if one["form_key"] == "methadone_oral"]
    assert (arithmetic["multiplier"], arithmetic["policy_window_h"]) == ("1.25", "368.75")
    hand_over, earliest_start = (datetime.fromisoformat(line[key]) for key in ("active_from", "earliest_start_time"))
    assert earliest_start - hand_over == timedelta(hours=29, minutes=45)
    assert timedelta() <= datetime.now(UTC) - hand_over < timedelta(seconds=TIMEOUT_SECONDS + 60)
