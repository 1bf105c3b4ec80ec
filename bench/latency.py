"""From `rx.inbound.v1` to the alert: the whole embedded stack under a steady load.

One event in twenty is the fill of low-dose naltrexone by a patient who has methadone on record: an alert opens. The
latency counts from the moment the event was due to be sent, however late the client was, until its alert is read.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rx_clinical.catalogue.products import RXNORM
from rx_embedded import EmbeddedStack, provision
from rx_runtime.kafka import clients, headers
from rxguard.client.connect import Connection, from_run
from rxguard.client.delivery import collect_receipts, until_checked
from rxguard.instance.embedded_instance import Instance, Servers

from bench.broker import PARTITIONS
from bench.medicines import PRODUCTS, Group, Product

RATES = (50, 200, 1_000)
NAMESPACE = "latency"
SERVICES = ("prescriptions", "monitor", "alerts")
PROBE_EVERY = 20
_OTHERS = {Group.OPIOID: 15, Group.OTHER: 10, Group.IRRELEVANT: 70}
_WARM_UP_S, _LAST_ALERTS_S = 2.0, 30.0
_INBOUND_PARTITIONS = 8
_METHADONE = next(one for one in PRODUCTS[Group.OPIOID] if "methadone" in one.text)
_LDN = next(one for one in PRODUCTS[Group.ANTAGONIST] if one.form_key == "ntx_ldn")
_HEADERS = [
    (headers.CONTENT_TYPE, b"application/json"),
    (headers.CLOUD_EVENT_VERSION, b"1.0"),
    (headers.CLOUD_EVENT_ID, b"1"),
    (headers.CLOUD_EVENT_SOURCE, b"bench"),
    (headers.CLOUD_EVENT_TYPE, b"pharmacy.event.v1"),
]


class AlertsMissingError(Exception):
    """Not every probe led to an alert: the latencies of the others would look better than they are."""


async def measure(
    stack: EmbeddedStack, folder: Path, seconds: float, rates: Sequence[int] = RATES
) -> dict[str, dict[str, float]]:
    """Milliseconds by rate. Raises AlertsMissingError."""
    async with _client(stack, folder) as client:
        found = {}
        for rate in rates:
            found[str(rate)] = await client.at(rate, seconds)
        return found


@dataclass(kw_only=True)
class _Client:
    connection: Connection
    producer: AIOKafkaProducer
    alerts: AIOKafkaConsumer
    random: random.Random

    async def at(self, rate: int, seconds: float) -> dict[str, float]:
        """Latencies at a rate, once the patients of the probes have their history."""
        count = int(rate * (seconds + _WARM_UP_S))
        names = [f"{rate}-{number}" for number in range(0, count, PROBE_EVERY)]
        await self._on_record(names)
        due: dict[str, float] = {}
        seen: dict[str, float] = {}
        reading = asyncio.create_task(self._read(seen))
        try:
            await self._send(rate, count, due)
            await self._all_seen(due, seen)
        finally:
            reading.cancel()
        begun = min(due.values()) + _WARM_UP_S
        waited = [(seen[name] - at) * 1_000 for name, at in due.items() if at >= begun]
        percentiles = quantiles(waited, n=100, method="inclusive")
        return {
            "p50": round(percentiles[49], 1),
            "p99": round(percentiles[98], 1),
            "max": round(max(waited), 1),
            "alerts": len(waited),
        }

    async def _on_record(self, names: Sequence[str]) -> None:
        """Methadone, ten days ago, and everything settled."""
        at = datetime.now(UTC) - timedelta(days=10)
        topic = self.connection.topic("rx.inbound.v1")
        sent = []
        for name in names:
            value = _event(f"methadone-{name}", name, _METHADONE, at)
            sent.append(await self.producer.send(topic, value, headers=_HEADERS))
        positions = [(one.partition, one.offset) for one in await asyncio.gather(*sent)]
        await collect_receipts(self.connection, positions, lambda _receipt: None)
        events = self.connection.topic("rx.medication-events.v1")
        ends = await self.alerts.end_offsets([TopicPartition(events, number) for number in range(PARTITIONS)])
        await until_checked(self.connection, {place.partition: end - 1 for place, end in ends.items() if end})

    async def _send(self, rate: int, count: int, due: dict[str, float]) -> None:
        topic, begun = self.connection.topic("rx.inbound.v1"), time.perf_counter()
        for number in range(count):
            at = begun + number / rate
            if (early := at - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            name = f"{rate}-{number}"
            if number % PROBE_EVERY == 0:
                value = _event(f"probe-{name}", name, _LDN, datetime.now(UTC))
                due[f"probe-{name}"] = at
            else:
                value = _event(f"other-{name}", f"other-{name}", self._other(), datetime.now(UTC))
            await self.producer.send(topic, value, headers=_HEADERS, partition=number % _INBOUND_PARTITIONS)

    def _other(self) -> Product:
        (group,) = self.random.choices(tuple(_OTHERS), tuple(_OTHERS.values()))
        return self.random.choice(PRODUCTS[group])

    async def _read(self, seen: dict[str, float]) -> None:
        async for record in self.alerts:
            now = time.perf_counter()
            for line in json.loads(record.value)["data"]["lines"]:
                seen.setdefault(line["anchor_event_id"], now)

    @staticmethod
    async def _all_seen(due: dict[str, float], seen: dict[str, float]) -> None:
        deadline = time.perf_counter() + _LAST_ALERTS_S
        while missing := due.keys() - seen.keys():
            if time.perf_counter() > deadline:
                raise AlertsMissingError(f"no alert for {len(missing)} of {len(due)} after {_LAST_ALERTS_S:.0f} s")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _client(stack: EmbeddedStack, folder: Path) -> AsyncIterator[_Client]:
    """Yield the services that an event passes, with topics and schemas of their own, and a client of them."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # at once
    servers = Servers(stack.kafka, stack.postgres, stack.dsn, "5a" * 32, NAMESPACE)
    await provision(stack.admin_dsn, servers.installation)
    instance = Instance(folder, servers, None, lambda _text: None)
    producer = clients.new_producer(stack.kafka, client_id="bench-latency")
    alerts = AIOKafkaConsumer(bootstrap_servers=stack.kafka, auto_offset_reset="latest", enable_auto_commit=False)
    try:
        await instance.start(SERVICES)
        await clients.start(producer, stack.kafka)
        await clients.start(alerts, stack.kafka)
        connection = from_run(instance.document())
        topic = connection.topic("rx.alerts.v1")
        places = [TopicPartition(topic, number) for number in range(_INBOUND_PARTITIONS)]
        alerts.assign(places)
        await alerts.seek_to_end(*places)
        chance = random.Random(1)  # noqa: S311  # repeatable, not secret
        yield _Client(connection=connection, producer=producer, alerts=alerts, random=chance)
    finally:
        await producer.stop()
        await alerts.stop()
        await instance.stop()


def _event(event_id: str, patient: str, product: Product, at: datetime) -> bytes:
    """Return a fill as a pharmacy system sends it."""
    medicine: dict[str, Any] = {"text": product.text, "route": product.route, "days_supply": product.days_supply}
    if product.code:
        medicine["codings"] = [{"system": RXNORM, "code": product.code}]
    if product.ingredient:
        medicine["ingredients"] = [product.ingredient]
    if product.form_key:
        medicine["form_key"] = product.form_key
    if product.daily_dose_mg:
        medicine["daily_dose_mg"] = product.daily_dose_mg
    time_text = at.isoformat().replace("+00:00", "Z")
    event = {
        "type": "medication_filled",
        "event_id": event_id,
        "source": "bench",
        "site_id": "utc",
        "patient": {"namespace": "bench", "value": patient},
        "occurred_time": time_text,
        "recorded_time": time_text,
        "medicine": medicine,
    }
    return json.dumps(event).encode()
