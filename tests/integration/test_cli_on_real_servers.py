"""The program as a person uses it, on real servers and services: its own processes, their streams and exit codes."""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from rx_embedded import DataFolder, provision
from rx_runtime.errors import DependencyUnavailable
from rxguard.client.connect import Connection, from_run
from rxguard.client.delivery import collect_receipts
from rxguard.client.ingest import ingest
from rxguard.client.status import status
from rxguard.instance.doctor import doctor
from rxguard.instance.embedded_instance import Instance, Servers

pytestmark = pytest.mark.stack

SERVICES = ("prescriptions", "monitor", "alerts")
NAMESPACE = "cli"
DATA = resources.files("rxguard") / "data"
BUNDLES = Path(str(DATA / "synthea-ten.ndjson"))
METHADONE_CASE = (DATA / "methadone-case.ndjson").read_bytes()
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended."""

    code: int | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Program:
    """`rxguard` beside a running instance."""

    instance: Instance

    @property
    def connection(self) -> Connection:
        return from_run(self.instance.document())

    @property
    def environment(self) -> dict[str, str]:
        return {"RXGUARD_HOME": str(self.instance.folder.path)}

    async def run(self, *arguments: str | Path, stdin: bytes = b"") -> Ended:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rxguard", *map(str, arguments)),
            env=os.environ | self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin), 90)
        return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture(autouse=True)
def leaves_no_process() -> None:
    """Allow it: the instance of the module starts again what a test has ended, and ends it with the module."""


@pytest.fixture(scope="module")
async def rxguard(stack, stack_folder, pseudonym_key) -> AsyncIterator[Program]:
    folder = DataFolder(stack_folder / "cli")
    folder.acquire()
    servers = Servers(stack.kafka, stack.postgres, stack.dsn, pseudonym_key, NAMESPACE)
    await provision(stack.admin_dsn, servers.installation)
    instance = Instance(folder.path, servers, None, lambda _text: None)
    try:
        await instance.start(SERVICES)
        yield Program(instance)
    finally:
        await instance.stop()
        folder.release()


@pytest.fixture(scope="module")
def pseudonym_key() -> str:
    return "c1" * 32


@pytest.fixture
def fill() -> Callable[..., dict[str, Any]]:
    """An edge event of a fill."""

    def make(event_id: str, code: str = "864706", **more: Any) -> dict[str, Any]:
        return {
            "type": "medication_filled",
            "event_id": event_id,
            "source": "cli-test",
            "site_id": "utc",
            "patient": {"namespace": "cli-test", "value": event_id},
            "occurred_time": "2026-03-01T09:00:00Z",
            "recorded_time": "2026-03-01T09:00:00Z",
            "medicine": {"text": "tablet", "codings": [{"system": RXNORM, "code": code}], "days_supply": "30"} | more,
        }

    return make


async def test_every_order_of_the_bundles_is_stored_once_and_the_second_time_unchanged(rxguard: Program) -> None:
    first = await rxguard.run("ingest", BUNDLES, "--source", "synthea", "--json")
    again = await rxguard.run("ingest", BUNDLES, "--source", "synthea", "--json")
    assert (first.code, again.code) == (0, 0)
    assert first.document["bundles"] == 10
    assert first.document["resources"] == {
        "MedicationRequest": {"read": 336, "stored": 336, "unchanged": 0, "dead_letter": 0}
    }
    assert again.document["resources"] == {
        "MedicationRequest": {"read": 336, "stored": 0, "unchanged": 336, "dead_letter": 0}
    }
    for document in (first.document, again.document):
        assert document["dead_letters"] == document["uncoded_products"] == []
        assert document["balanced"]
        assert document["findings"] == {"active": 0, "by_rule": {}}


async def test_bad_lines_are_named_and_good_ones_stored(rxguard: Program, tmp_path: Path, fill) -> None:
    file = tmp_path / "mixed.ndjson"
    nan = json.dumps(fill("mixed-nan", daily_dose_mg=float("nan")))
    lines = [json.dumps(fill("mixed-good")), "", "{broken", nan, json.dumps(fill("mixed-unknown", code="999999999"))]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    result = await rxguard.run("ingest", file, "--json")
    document = result.document
    assert result.code == 0
    assert document["resources"]["medication_filled"]["stored"] == 2
    assert [(letter["line"], letter["code"]) for letter in document["dead_letters"]] == [
        (3, "NOT_JSON"),
        (4, "NUMBER_NOT_FINITE"),
    ]
    assert sum(counts["dead_letter"] for counts in document["resources"].values()) == 2
    (uncoded,) = document["uncoded_products"]
    assert (uncoded["system"], uncoded["code"], uncoded["count"]) == (RXNORM, "999999999", 1)
    assert document["balanced"]


async def test_the_methadone_case_is_found_and_read_back_the_same_by_findings_and_alerts(rxguard: Program) -> None:
    fed = await rxguard.run("ingest", "-", "--json", stdin=METHADONE_CASE)
    assert fed.document["findings"]["by_rule"]["WR-02"] == 1
    findings = (await rxguard.run("findings", "--json")).lines
    (withdrawal,) = [finding for finding in findings if finding["rule"] == "WR-02"]
    assert withdrawal["earliest_start_time"] == "2026-04-15T17:45:00Z"

    async with asyncio.timeout(30):
        while not (alerts := (await rxguard.run("alerts", "ls", "--json")).lines):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)
    (alert,) = [one for one in alerts if one["patient"] == withdrawal["patient"]]
    assert alert["kind"] == "antagonist_course"
    assert alert["lines"][0] == {key: value for key, value in withdrawal.items() if key != "patient"}
    shown = await rxguard.run("alerts", "ls")
    assert "2026-04-15 17:45 UTC" in shown.out
    assert "not advice" in shown.out


async def test_without_waiting_nothing_is_said_about_findings(rxguard: Program, tmp_path: Path, fill) -> None:
    file = tmp_path / "one.ndjson"
    file.write_text(json.dumps(fill("no-wait")))
    result = await rxguard.run("ingest", file, "--no-wait", "--json")
    assert result.document["resources"]["medication_filled"]["stored"] == 1
    assert result.document["findings"] is None


async def test_publish_says_where_each_record_stands(rxguard: Program, tmp_path: Path, fill) -> None:
    file = tmp_path / "pretty.json"
    file.write_text(json.dumps(fill("published"), indent=2))
    document = (await rxguard.run("publish", file, "--json")).document
    (record,) = document["records"]
    assert record["line"] == 1
    receipts: list[Any] = []
    await collect_receipts(rxguard.connection, [(record["partition"], record["offset"])], receipts.append)
    assert [(count.kind, count.stored) for count in receipts[0].resources] == [("medication_filled", 1)]


async def test_topics_that_are_there_are_left_alone(rxguard: Program) -> None:
    result = await rxguard.run("topics", "apply", "--json")
    assert (result.code, result.document["created"]) == (0, [])


async def test_other_partitions_than_there_are_end_with_a_refusal(rxguard: Program) -> None:
    result = await rxguard.run("topics", "apply", "--partitions", "8")
    assert result.code == 5
    assert "TOPIC_MISMATCH" in result.err


async def test_while_the_monitor_is_down_everything_says_so(rxguard: Program, fill) -> None:
    instance = rxguard.instance
    instance.hold("monitor")
    await instance.services["monitor"].child.stop()
    line = json.dumps(fill("pending")).encode()
    with pytest.raises(DependencyUnavailable, match="MONITOR_STALLED"):
        await ingest(rxguard.connection, [line], stall_seconds=1)
    down = await status(rxguard.connection)
    diagnosis = await doctor(rxguard.environment)
    await instance.restart("monitor")

    assert down["pending"] == 1
    assert {service["name"]: service["ready"] for service in down["services"]}["monitor"] is False
    checks = {check["id"]: check["status"] for check in diagnosis["checks"]}
    assert not diagnosis["ok"]
    assert (checks["service_monitor"], checks["monitor_progress"]) == ("fail", "warn")
    caught_up = await ingest(rxguard.connection, [line])
    assert caught_up["resources"]["medication_filled"]["unchanged"] == 1
    assert (await status(rxguard.connection))["pending"] == 0


async def test_a_prescriptions_service_that_is_killed_meanwhile_is_waited_for(rxguard: Program, fill) -> None:
    instance = rxguard.instance
    instance.hold("prescriptions")
    await instance.services["prescriptions"].child.stop(timeout_s=0)
    lines = [json.dumps(fill(f"killed-{number}")).encode() for number in range(3)]
    feeding = asyncio.create_task(ingest(rxguard.connection, lines))
    await asyncio.sleep(1)
    assert not feeding.done()
    await instance.restart("prescriptions")
    document = await feeding
    assert document["resources"]["medication_filled"]["stored"] == 3
