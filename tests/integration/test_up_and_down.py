"""`rxguard up` and `down` as a person uses them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rxguard as rxguard_package
from rx_embedded import provision, rxguard_home
from rx_runtime.installation import Installation

pytestmark = pytest.mark.stack

SERVICES = {"prescriptions", "monitor", "alerts", "interactions", "compounding"}


def rxguard(*arguments, home, **settings):
    env = os.environ | {"RXGUARD_HOME": str(home)} | settings
    return subprocess.run(
        [sys.executable, "-m", "rxguard", *arguments], env=env, capture_output=True, text=True, timeout=120, check=False
    )


def alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def home(tmp_path):
    """A home of its own with the jars of the others; whatever runs there is stopped afterwards."""
    (rxguard_home() / "jars").mkdir(parents=True, exist_ok=True)
    (tmp_path / "jars").symlink_to(rxguard_home() / "jars")
    yield tmp_path
    rxguard("down", home=tmp_path)


def test_up_starts_all_refuses_a_second_one_mends_what_dies_and_down_leaves_nothing(home):
    up = rxguard("up", "--detach", "--json", home=home)
    assert up.returncode == 0, up.stderr
    run = json.loads(up.stdout)
    assert {service["name"] for service in run["services"] if service["ready"]} == SERVICES

    second = rxguard("up", home=home)
    assert second.returncode == 4
    assert "another RxGuard instance" in second.stderr

    victim = next(service for service in run["services"] if service["name"] == "compounding")
    os.kill(victim["pid"], signal.SIGKILL)

    def mended():
        now = json.loads((home / "run.json").read_text())["services"]
        return all(s["ready"] for s in now) and victim["pid"] not in {s["pid"] for s in now}

    until(mended)
    pids = [service["pid"] for service in json.loads((home / "run.json").read_text())["services"]]
    assert rxguard("down", home=home).returncode == 0
    until(lambda: not any(alive(pid) for pid in pids), seconds=10)
    assert not (home / "run.json").exists()


def test_the_state_of_the_monitor_is_rebuilt_beside_a_running_instance_and_without_one(home):
    case = Path(rxguard_package.__file__).parent / "data" / "methadone-case.ndjson"
    assert rxguard("up", "--detach", home=home).returncode == 0
    ingested = rxguard("ingest", str(case), "--json", home=home)
    assert ingested.returncode == 0, ingested.stderr
    found = rxguard("findings", "--json", home=home).stdout
    assert "WR-02" in found
    before = json.loads((home / "run.json").read_text())

    beside = rxguard("monitor", "rebuild", "--json", home=home)
    assert beside.returncode == 0, beside.stderr
    document = json.loads(beside.stdout)
    assert (document["rebuilt"], document["build"], document["findings"]["published"]) == (True, 1, 0)
    assert document["findings"]["active"] == len(found.splitlines())
    assert rxguard("findings", "--json", home=home).stdout == found

    def all_are_ready():
        return all(service["ready"] for service in json.loads((home / "run.json").read_text())["services"])

    until(all_are_ready)
    after = json.loads((home / "run.json").read_text())
    pids = {service["name"]: service["pid"] for service in before["services"]}
    changed = {service["name"] for service in after["services"] if service["pid"] != pids[service["name"]]}
    assert changed == {"monitor"}

    assert rxguard("down", home=home).returncode == 0
    alone = rxguard("monitor", "rebuild", "--json", home=home)
    assert alone.returncode == 0, alone.stderr
    document = json.loads(alone.stdout)
    assert (document["rebuilt"], document["build"], document["findings"]["published"]) == (True, 2, 0)
    assert not (home / "run.json").exists()


def test_there_is_nothing_to_rebuild_where_nothing_ever_ran(home):
    answer = rxguard("monitor", "rebuild", home=home)
    assert answer.returncode == 4
    assert "NOT_RUNNING" in answer.stderr


async def test_up_runs_on_servers_named_by_settings(home, stack, namespace):
    await provision(stack.admin_dsn, Installation(stack.kafka, namespace))
    own = {
        "RXGUARD_KAFKA": stack.kafka,
        "RXGUARD_NAMESPACE": namespace,
        "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        "RXGUARD_PRESCRIPTIONS_POSTGRES_DSN": stack.dsn("prescriptions"),
        "RXGUARD_ALERTS_POSTGRES_DSN": stack.dsn("alerts"),
    }
    up = rxguard("up", "--detach", "--json", home=home, **own)
    assert up.returncode == 0, up.stderr
    run = json.loads(up.stdout)
    assert run["kafka"] == stack.kafka
    assert {service["name"] for service in run["services"] if service["ready"]} == SERVICES
    assert not (home / "kafka").exists()


def test_servers_named_by_half_are_refused_by_name(home):
    refused = rxguard("up", home=home, RXGUARD_KAFKA="127.0.0.1:9092")
    assert refused.returncode == 2
    assert "RXGUARD_ALERTS_POSTGRES_DSN" in refused.stderr


def test_after_a_kill_the_next_start_does_not_answer_with_the_addresses_of_the_one_before(home):
    before = json.loads(rxguard("up", "--detach", "--json", home=home).stdout)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: not alive(before["pid"]))

    again = rxguard("up", "--detach", "--json", home=home)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["pid"] != before["pid"]
    assert rxguard("alerts", "ls", home=home).returncode == 0
