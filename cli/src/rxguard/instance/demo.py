"""`rxguard demo`: the main job on an instance of its own: real input in, one true alert out, with its arithmetic."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from pharmacy.events.v1 import event_pb2
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rich.console import Console
from rx_embedded import rxguard_home
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.kafka.clients import new_consumer, start

from rxguard.client.alerts import list_alerts
from rxguard.client.connect import Connection, from_run
from rxguard.client.ingest import ingest
from rxguard.instance.embedded_instance import Instance, running
from rxguard.views.alerts import alerts_table
from rxguard.views.instance import services_table
from rxguard.views.progress import download_progress

SOURCE = "synthea"
CASE_SOURCE = "demo"
CASE_HAND_OVER = datetime.fromisoformat("2026-04-14T12:00:00Z")
"""When the case in `methadone-case.ndjson` hands over its LDN; every instant of it is moved by one amount."""

WINDOW = timedelta(hours=29, minutes=45)
"""Earliest start minus hand-over in the case: methadone, five half-lives lengthened by ranitidine (scenario P03)."""

_ALERT_TIMEOUT_SECONDS = 60.0
_CHECK_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.1
_READING_PAUSE_SECONDS = 0.7
_INSTANTS = ("occurred_time", "recorded_time")


async def demo(*, exit_after: bool, as_json: bool, console: Console) -> dict[str, Any]:
    """Run the demo on an emptied data folder; returns its document (`ok` says whether all of it held).

    Stays with the instance until Ctrl-C unless `exit_after`. `console` is for people; nothing is written to stdout.
    """
    home = rxguard_home()
    console.rule("RxGuard: a methadone patient is handed low-dose naltrexone")
    notify = _Notes(console)
    async with (
        running(
            home / "demo", home / "jars", notify=notify, fresh=True, progress=download_progress(console)
        ) as instance,
        _beside(instance.watch()) as watching,  # why a service ended says more than what failed for the want of it
    ):
        document = await _play(instance, notify, console=console, pause=not as_json)
        if not as_json:
            _conclude(document, console)
        if not exit_after:
            console.print(services_table(instance.document()))
            console.print(f"Everything keeps running; RXGUARD_HOME={home / 'demo'} rxguard alerts ls. Ctrl-C stops it.")
            await watching
    return document


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` beside the block and cancel it at its end. What `work` raised replaces what the block raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Notes:
    """Prints what happens, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        self._console.print(f"[dim]{self.seconds:6.1f} s[/]  {text}", highlight=False)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began


async def _play(instance: Instance, notify: "_Notes", *, console: Console, pause: bool) -> dict[str, Any]:
    """Feed the bundles and the case; what came of it."""
    connection = from_run(instance.document())
    bundles = _data("synthea-ten.ndjson")
    ingested = await ingest(connection, str(bundles), source=SOURCE)
    notify(_ingest_line(ingested))
    hand_over = datetime.now(UTC).replace(second=0, microsecond=0)
    async with _feed(connection, console):
        for line in case_lines(hand_over):
            await ingest(connection, [line], wait=False)
            await asyncio.sleep(_READING_PAUSE_SECONDS if pause else 0)
        alerts = await _await_alert(connection, hand_over + WINDOW)
        first_alert_s = round(notify.seconds, 1)
    unchecked = await _unchecked(connection, bundles)
    services = [{key: entry[key] for key in ("name", "ready", "grpc", "metrics")} for entry in _services(instance)]
    return {
        "format": 1,
        "first_alert_s": first_alert_s,
        "services": services,
        "ingest": ingested,
        "alerts": alerts,
        "unchecked": unchecked,
        "ok": unchecked == 0 and all(service["ready"] for service in services) and _holds(alerts, hand_over + WINDOW),
    }


def case_lines(hand_over: datetime) -> list[bytes]:
    """Return the events of the methadone case, moved so that the LDN is handed over at `hand_over`."""
    moved = hand_over - CASE_HAND_OVER
    lines = []
    for line in _data("methadone-case.ndjson").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        for field in _INSTANTS:
            event[field] = (datetime.fromisoformat(event[field]) + moved).isoformat().replace("+00:00", "Z")
        lines.append(json.dumps(event).encode())
    return lines


async def _await_alert(connection: Connection, earliest_start: datetime) -> list[dict[str, Any]]:
    """Return the alerts, once the one of the case is among them. Raises DependencyUnavailable DEMO_ALERT_MISSING."""
    deadline = time.monotonic() + _ALERT_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(DependencyUnavailable):
            alerts = await list_alerts(connection)
            if _holds(alerts, earliest_start):
                return alerts
        await asyncio.sleep(_POLL_SECONDS)
    raise DependencyUnavailable(
        "DEMO_ALERT_MISSING",
        f"the alert of the case did not appear within {_ALERT_TIMEOUT_SECONDS:.0f} s; "
        f"the logs of the services are in {connection.home}/logs",
    )


def _holds(alerts: list[dict[str, Any]], earliest_start: datetime) -> bool:
    """Return True if the withdrawal alert of the case is there with its exact time."""
    exact = earliest_start.isoformat().replace("+00:00", "Z")
    return any(
        line["rule"] == "WR-02" and line["counterpart"] == "methadone_oral" and line["earliest_start_time"] == exact
        for alert in alerts
        for line in alert["lines"]
    )


async def _unchecked(connection: Connection, bundles: Path) -> int:
    """Events of the fed patients that do not become CHECKED: the monitor says how far it is only once a second."""
    deadline = time.monotonic() + _CHECK_TIMEOUT_SECONDS
    while (number := await _count_unchecked(connection, bundles)) and time.monotonic() < deadline:  # noqa: ASYNC110  # a service tells nobody
        await asyncio.sleep(_POLL_SECONDS)
    return number


async def _count_unchecked(connection: Connection, bundles: Path) -> int:
    refs = [prescriptions_pb2.PatientRef(namespace=SOURCE, value=patient) for patient in _patients(bundles)]
    case = json.loads(case_lines(CASE_HAND_OVER)[0])["patient"]
    refs.append(prescriptions_pb2.PatientRef(**case))
    async with connection.channel("prescriptions") as channel:
        answer = await prescriptions_pb2_grpc.PrescriptionServiceStub(channel).BatchGetMedicationHistory(
            prescriptions_pb2.BatchGetMedicationHistoryRequest(patients=refs)
        )
    empty = sum(not history.events for history in answer.histories)
    checked = prescriptions_pb2.CHECK_STATE_CHECKED
    unchecked: int = sum(event.check_state != checked for history in answer.histories for event in history.events)
    return empty + unchecked


def _patients(bundles: Path) -> list[str]:
    resources_of_all = (
        entry["resource"]
        for line in bundles.read_text(encoding="utf-8").splitlines()
        for entry in json.loads(line)["entry"]
    )
    return [resource["id"] for resource in resources_of_all if resource["resourceType"] == "Patient"]


@asynccontextmanager
async def _feed(connection: Connection, console: Console) -> AsyncIterator[None]:
    """Print the events of the case, and every alert, as they pass by while the block runs."""
    consumer = new_consumer(
        connection.kafka,
        connection.topic("rx.medication-events.v1"),
        connection.topic("rx.alerts.v1"),
        client_id="rxguard-demo",
    )
    await start(consumer, connection.kafka)

    async def show() -> None:
        async for record in consumer:
            if record.topic.endswith("rx.alerts.v1"):
                _show_alert(record.value, console)
            elif (event := event_pb2.Event.FromString(record.value)).source == CASE_SOURCE:
                _show_event(event, console)

    try:
        async with _beside(show()):
            yield
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await consumer.stop()


def _show_event(event: event_pb2.Event, console: Console) -> None:
    kind = event.WhichOneof("fact") or "unknown"
    content = getattr(event, kind)
    text = content.medicine.text if hasattr(content, "medicine") else event.event_id
    when = event.occurred.earliest_time.ToDatetime(UTC)
    what = kind.removeprefix("medication_").replace("_", " ")
    console.print(
        f"          [cyan]event[/]  {when:%Y-%m-%d %H:%M}Z  {what:<12} {text}",
        highlight=False,
        no_wrap=True,
        overflow="ellipsis",
    )


def _show_alert(value: bytes | None, console: Console) -> None:
    if value is None:
        return
    data = json.loads(value)["data"]
    worst = data["lines"][0]
    console.print(
        f"          [bold red]ALERT[/]  {worst['severity']}, {worst['rule']} {worst['counterpart']}: "
        f"not before {worst['earliest_start_time']}",
        highlight=False,
    )


def _ingest_line(ingested: dict[str, Any]) -> str:
    counts = ingested["resources"]["MedicationRequest"]
    return (
        f"real input: {ingested['bundles']} FHIR Bundles, {counts['read']} orders read, {counts['stored']} stored, "
        f"{counts['dead_letter']} dead letters, {len(ingested['uncoded_products'])} uncoded products"
    )


def _conclude(document: dict[str, Any], console: Console) -> None:
    console.print(alerts_table(document["alerts"]))
    verdict = "[green]as expected[/]" if document["ok"] else "[red]not as expected[/]"
    console.print(
        f"First alert after {document['first_alert_s']} s; {document['unchecked']} events unchecked; {verdict}."
    )


def _services(instance: Instance) -> list[dict[str, Any]]:
    services: list[dict[str, Any]] = instance.document()["services"]
    return services


def _data(name: str) -> Path:
    return Path(str(resources.files("rxguard") / "data" / name))
