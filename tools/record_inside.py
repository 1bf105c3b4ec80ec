"""Part of `record_outputs.py` that runs in the Python of the recorded checkout.

It imports only what no restructuring moves: the names of `rx_clinical`, the generated `pharmacy` packages, the
`rxguard` program and libraries. Everything it writes is JSON.
"""

import asyncio
import dataclasses
import hashlib
import importlib
import io
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from decimal import Decimal
from enum import Enum
from importlib.metadata import entry_points
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import grpc
import pharmacy
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from google.protobuf import json_format
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pharmacy.events.v1.event_pb2 import Event
from pharmacy.events.v1.finding_pb2 import FindingSet
from pharmacy.events.v1.monitor_pb2 import PatientState

INBOUND: Final = "rx.inbound.v1"
EVENTS: Final = "rx.medication-events.v1"
FINDINGS: Final = "rx.findings.v1"
STATE: Final = "rx.monitor-state.v1"
DEAD_LETTERS: Final = "rx.inbound.v1.dlq"
ALERTS: Final = "rx.alerts.v1"
VALUES: Final[Mapping[str, type[Message]]] = {EVENTS: Event, FINDINGS: FindingSet, STATE: PatientState}
RECORDED: Final = (*VALUES, ALERTS, DEAD_LETTERS)

EVENT_KEY_BYTES: Final = 16
ALERT_RUN_DEPENDENT: Final = frozenset({"id", "subject", "time", "alert_id", "opened_time", "resolved_time"})
PATH_DEPENDENT: Final = frozenset({"position", "findingsHash"})
ALERT_PATH_DEPENDENT: Final = frozenset({"type", "revision"})
ORDER_HEADERS: Final = ("rx-class", "rx-ruleset")
_POSITION_HEADERS: Final = ("rx-inbound-partition", "rx-inbound-offset")

Document = dict[str, Any]
Position = tuple[int, int]


def program(asked: str, into: str) -> None:
    """Run `rxguard` in this process for each list of arguments in a JSON file; write one answer a line."""
    (entry,) = entry_points(group="console_scripts", name="rxguard")
    main = entry.load()
    answers = [run(main, arguments) for arguments in json.loads(Path(asked).read_text(encoding="utf-8"))]
    Path(into).write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in answers), encoding="utf-8")


def run(main: Callable[[], int], arguments: list[str]) -> Document:
    """Return the exit code and what was printed; with `--json`, the documents of stdout, one a line."""
    sys.argv = ["rxguard", *arguments]
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            code: object = main()
        except SystemExit as ended:
            code = ended.code
    lines = stdout.getvalue().splitlines()
    printed = [json.loads(line) for line in lines] if "--json" in arguments else lines
    codes = re.findall(r"\(([A-Z][A-Z0-9_]+)\)\s*$", stderr.getvalue(), flags=re.MULTILINE)
    return {"exit_code": code, "stdout": printed, "error_codes": codes}


def plain(value: object) -> Any:  # noqa: ANN401  # any JSON value
    """Return `value` as JSON: dataclasses as objects, bytes as hex digits, times and decimals as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else value


def assessments(into: str, file: str) -> None:
    """Run `rxguard scenarios` on a file; write every assessment it asks the core for and every finding explained.

    Raises RuntimeError if the program asked for none through `rx_clinical.assess`.
    """
    import rx_clinical  # noqa: PLC0415  # replaced before the program imports it

    assess, lines = rx_clinical.assess, []

    def recorded(history: Any, catalogue: Any) -> Any:  # noqa: ANN401  # a History, a Catalogue, an Assessment
        answer = assess(history, catalogue)
        explained = [rx_clinical.explain(one, catalogue).to_json() for one in answer.findings]
        for one in explained:
            one.pop("finding", None)  # it is there already, whole
        lines.append(json.dumps([plain(answer), explained], ensure_ascii=False))
        return answer

    rx_clinical.assess = recorded
    (entry,) = entry_points(group="console_scripts", name="rxguard")
    run(entry.load(), ["scenarios", file, "--json"])
    if not lines:
        raise RuntimeError("the program does not call rx_clinical.assess: nothing was recorded")
    Path(into).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def descriptors(into: str) -> None:
    """Write the descriptor of every proto file, as in a descriptor set without source info."""
    found: Document = {}
    for module in proto_modules():
        message = importlib.import_module("google.protobuf.descriptor_pb2").FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(message)
        encoded = message.SerializeToString(deterministic=True)
        found[message.name] = {"sha256": sha256(encoded), "descriptor": json_format.MessageToDict(message)}
    write(into, found)


def proto_modules() -> Iterator[Any]:
    """Yield every generated module of messages, by name."""
    for module in sorted(pkgutil.walk_packages(pharmacy.__path__, "pharmacy."), key=lambda one: one.name):
        if module.name.endswith("_pb2"):
            yield importlib.import_module(module.name)


@dataclasses.dataclass(frozen=True)
class Positions:
    """What replaces a position of this run, which depends on timing."""

    inbound: Mapping[Position, str]
    """SHA-256 of the inbound record."""
    events: Mapping[Position, str]
    """Event key and revision."""


def topics(into: str, kafka: str, dictionary: str, view: str) -> None:
    """Write the records of every published topic: all with `view` "every", the last state of each key with "newest"."""
    records = {name: asyncio.run(read(kafka, name)) for name in (INBOUND, *RECORDED)}
    positions = Positions(
        inbound={(one.partition, one.offset): sha256(one.value) for one in records[INBOUND]},
        events={(one.partition, one.offset): event_name(one.value) for one in records[EVENTS]},
    )
    unpack = unpacker(Path(dictionary))
    for name in RECORDED:
        documents = [(record.key, document(name, record, positions, unpack, view)) for record in records[name]]
        lines = in_order(name, documents, view)
        Path(into, f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


async def read(kafka: str, topic: str) -> list[Any]:
    """Return every record of a topic, by partition and offset."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # noqa: SLF001  # the only way to learn partitions without a subscription
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends = {one: end for one, end in (await consumer.end_offsets(partitions)).items() if end}
        if not ends:
            return []
        consumer.assign(list(ends))
        found: list[Any] = []
        while [one for one, end in ends.items() if await consumer.position(one) < end]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
    finally:
        await consumer.stop()
    return sorted(found, key=lambda one: (one.partition, one.offset))


def document(name: str, record: Any, positions: Positions, unpack: "Unpack", view: str) -> Document:  # noqa: ANN401  # aiokafka is untyped
    """Return a record as JSON without what depends on the run."""
    headers = [[key, text(value)] for key, value in record.headers if key not in _POSITION_HEADERS]
    about: Document = {"key": None if name == ALERTS else text(record.key), "headers": headers}
    if name not in (ALERTS, DEAD_LETTERS):
        about["partition"] = record.partition
    if name in VALUES:
        return about | decoded(name, record, positions, unpack, view)
    if name == ALERTS:
        return about | alert(record.value, view)
    partition, offset = (int(dict(record.headers)[key]) for key in _POSITION_HEADERS)
    return about | {"inbound": positions.inbound[partition, offset], "sha256": sha256(record.value)}


def decoded(name: str, record: Any, positions: Positions, unpack: "Unpack", view: str) -> Document:  # noqa: ANN401  # aiokafka is untyped
    """Return the message of a record; `encoding_follows`: encoding this JSON again gives the bytes of the record."""
    if record.value is None:
        return {"value": None}
    message = VALUES[name].FromString(record.value)
    value = json_format.MessageToDict(message)
    again = json_format.ParseDict(value, VALUES[name]()).SerializeToString(deterministic=True)
    if isinstance(message, PatientState):
        value["packedEvents"] = [
            json_format.MessageToDict(Event.FromString(unpack(one))) for one in message.packed_events
        ]
    if isinstance(message, FindingSet | PatientState):
        newest = positions.events.get((record.partition, message.position), "none")
        value["position"] = newest
    if view == "newest":
        value = {key: one for key, one in value.items() if key not in PATH_DEPENDENT}
    return {"encoding_follows": again == record.value, "value": without_inbound(value, positions)}


def without_inbound(value: Any, positions: Positions) -> Any:  # noqa: ANN401  # any JSON value
    """Return `value` with every inbound position replaced by what was written there."""
    if isinstance(value, list):
        return [without_inbound(one, positions) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: without_inbound(one, positions) for key, one in value.items()}
    if isinstance(place := found.get("inbound"), dict):
        found["inbound"] = positions.inbound[place.get("partition", 0), int(place.get("offset", 0))]
    return found


def alert(value: bytes, view: str) -> Document:
    """Return a CloudEvent; `encoding_follows`: encoding this JSON again gives the bytes of the record."""
    event = json.loads(value)
    again = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    left_out = ALERT_RUN_DEPENDENT | (ALERT_PATH_DEPENDENT if view == "newest" else frozenset())
    return {"encoding_follows": again == value, "value": blanked(event, left_out)}


def blanked(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401  # any JSON value
    """Return `value` with every value under one of the names replaced by "..." unless it is null."""
    if isinstance(value, list):
        return [blanked(one, names) for one in value]
    if isinstance(value, dict):
        return {key: "..." if key in names and one is not None else blanked(one, names) for key, one in value.items()}
    return value


def in_order(name: str, documents: list[tuple[bytes | None, Document]], view: str) -> list[str]:
    """Return one JSON text a record, in an order that does not depend on the run.

    With "every", records of one key keep their order. With "newest", of each key the last record is kept, see STANDS,
    and of each event the highest revision.
    """
    in_groups = sorted(documents, key=lambda pair: pair[0] or b"")
    by_key = [[one for _, one in group] for _, group in groupby(in_groups, key=itemgetter(0))]
    if view == "every" and name != DEAD_LETTERS:
        return [line for group in sorted([*map(dumped, group)] for group in by_key) for line in group]
    if name == EVENTS:
        by_key = [newest_revisions(group) for group in by_key]
    elif name != DEAD_LETTERS:
        by_key = [group[-1:] for group in by_key if STANDS.get(name, bool)(group[-1]["value"])]
    return sorted(dumped(one) for group in by_key for one in group)


def newest_revisions(events: list[Document]) -> list[Document]:
    """Return the highest revision of each event; of a correction without the headers that say what came before."""
    found: dict[str, Document] = {}
    for one in sorted(events, key=lambda one: int(one["value"].get("sourceRevision", 0))):
        event_key, headers = one["value"]["eventKey"], one["headers"]
        if event_key in found or ["rx-class", "correction"] in headers:
            headers = [pair for pair in headers if pair[0] not in ORDER_HEADERS]
        found[event_key] = one | {"headers": headers}
    return list(found.values())


STANDS: Final[Mapping[str, Callable[[Document], bool]]] = {
    ALERTS: lambda value: bool(value["data"]["state"] == "open"),
    FINDINGS: lambda value: "findings" in value,
}
"""Which last records count where the way to them depends on timing: open alerts, and sets that hold a finding."""


def dumped(one: Document) -> str:
    """Return a record as one line of JSON."""
    return json.dumps(one, ensure_ascii=False)


def event_name(value: bytes) -> str:
    """Return the event key and revision of an encoded event."""
    event = Event.FromString(value)
    return f"{event.event_key.hex()}:{event.source_revision}:{event.coding_revision}"


Unpack = Callable[[bytes], bytes]


def unpacker(dictionary: Path) -> Unpack:
    """Return what unpacks an event of a state, as `monitor.proto` describes it."""
    import zstandard  # noqa: PLC0415  # only this command needs it

    content = zstandard.ZstdCompressionDict(dictionary.read_bytes())
    frames = zstandard.ZstdDecompressor(dict_data=content, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    return lambda packed: b"\x0a\x10" + packed[:EVENT_KEY_BYTES] + bytes(frames.decompress(packed[EVENT_KEY_BYTES:]))


def settings(into: str, kafka: str) -> None:
    """Write partitions and settings of every topic of the installation."""
    write(into, asyncio.run(topic_settings(kafka)))


async def topic_settings(kafka: str) -> Document:
    """Return the number of partitions and the settings of its own of every topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        described = [one for one in await admin.describe_topics() if one["topic"].startswith("rx.")]
        resource = importlib.import_module("aiokafka.admin.config_resource")
        asked = [resource.ConfigResource(resource.ConfigResourceType.TOPIC, one["topic"]) for one in described]
        answers = [found for answer in await admin.describe_configs(asked) for found in answer.resources]
    finally:
        await admin.close()
    own = {
        found[3]: {name: value for name, value, _, source, *_ in found[4] if source == 1} for found in answers
    }  # 1 = set for this topic
    return {one["topic"]: {"partitions": len(one["partitions"])} | own[one["topic"]] for one in described}


def calls(into: str, asked: str, addresses: str) -> None:
    """Make every call of a file and write what each service answers."""
    requests = json.loads(Path(asked).read_text(encoding="utf-8"))
    answers = asyncio.run(answered(requests, json.loads(addresses)))
    answers = blanked(answers, frozenset({"alertId", "openedTime", "inbound"}))
    Path(into).write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in answers), encoding="utf-8")


async def answered(requests: list[list[Any]], targets: Mapping[str, str]) -> list[list[Any]]:
    """Return each request with its answer."""
    answers = []
    for name, method, request in requests:
        async with grpc.aio.insecure_channel(targets[name]) as channel:
            answers.append([name, method, request, await call(channel, services()[name], method, request)])
    return answers


def services() -> dict[str, ServiceDescriptor]:
    """Return the gRPC service of each of our services, by the name of its package."""
    return {
        module.DESCRIPTOR.package.split(".")[1]: service
        for module in proto_modules()
        for service in module.DESCRIPTOR.services_by_name.values()
    }


async def call(channel: grpc.aio.Channel, service: ServiceDescriptor, method: str, request: Document) -> Document:
    """Return the answer, or the code, details and reason of the failure."""
    asked = service.methods_by_name[method]
    invoke: Any = channel.unary_unary(
        f"/{service.full_name}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(asked.output_type).FromString,
    )
    try:
        answer = await invoke(json_format.ParseDict(request, GetMessageClass(asked.input_type)()))
    except grpc.aio.AioRpcError as error:
        trailing = sorted((key, text(value)) for key, value in error.trailing_metadata() or ())
        return {"code": error.code().name, "details": error.details(), "trailing": trailing}
    return json_format.MessageToDict(answer)


def text(value: bytes | str | None) -> str | None:
    """Return bytes as text where they are printable UTF-8, else as hex digits."""
    if value is None or isinstance(value, str):
        return value
    found = value.decode(errors="replace")
    return found if found.isprintable() and found.encode() == value else f"hex:{value.hex()}"


def sha256(value: bytes | None) -> str:
    """Return the hex digest of a value; of an absent one that of no bytes."""
    return hashlib.sha256(value or b"").hexdigest()


def write(into: str, value: object) -> None:
    """Write a JSON document, keys sorted."""
    content = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    Path(into).write_text(f"{content}\n", encoding="utf-8")


COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "program": program,
    "assessments": assessments,
    "descriptors": descriptors,
    "topics": topics,
    "settings": settings,
    "calls": calls,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
