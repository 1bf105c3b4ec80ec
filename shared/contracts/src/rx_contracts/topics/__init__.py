"""The topic registry: one YAML file for each topic, named after it. A file is validated as a whole when it is loaded.

Topic creation, start checks, tests and the contract page read it; topic settings are stated nowhere else.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import resources
from typing import Annotated, Any, Literal, Self

import yaml
from google.protobuf import json_format
from google.protobuf.message import Message
from pharmacy.events.v1 import event_pb2, finding_pb2, monitor_pb2
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rx_contracts.edge import event as edge

NAME = r"^rx\.[a-z0-9]+(-[a-z0-9]+)*\.v[1-9][0-9]*(\.dlq)?$"
EMBEDDED_PARTITIONS = 4
"""N of the embedded stack: the partition count of the topics keyed by patient."""

_DAY_MS = 24 * 60 * 60 * 1000


def _edge_event(value: Mapping[str, Any]) -> edge.EdgeEvent:
    return edge.parse_event(json.dumps(value).encode())


def _message(kind: type[Message], value: Mapping[str, Any]) -> Message:
    try:
        return json_format.ParseDict(dict(value), kind())
    except json_format.ParseError as error:
        raise ValueError(f"no {kind.DESCRIPTOR.full_name}: {error}") from error


_READERS: Mapping[str, Callable[[Mapping[str, Any]], edge.EdgeEvent | Message]] = {
    "edge-event.schema.json": _edge_event,
    "pharmacy.events.v1.Event": partial(_message, event_pb2.Event),
    "pharmacy.events.v1.FindingSet": partial(_message, finding_pb2.FindingSet),
    "pharmacy.events.v1.PatientState": partial(_message, monitor_pb2.PatientState),
    "pharmacy.events.v1.MonitorProgress": partial(_message, monitor_pb2.MonitorProgress),
}

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Valid(_Strict):
    """A value that every consumer must accept, as JSON; of a protobuf value, its JSON mapping."""

    name: Text
    value: dict[str, Any]


class Invalid(Valid):
    """A value that must be refused, and the reason."""

    because: Text


class Examples(_Strict):
    """Example values that tests run; empty if the value has no schema of ours."""

    valid: list[Valid] = []
    invalid: list[Invalid] = []


class Topic(_Strict):
    """One topic; `name` is without the namespace of the installation."""

    name: str = Field(pattern=NAME)
    owner: Text
    purpose: Text
    producers: list[Text] = Field(min_length=1)
    consumers: list[Text] = Field(min_length=1)
    key: Text
    value: Text
    value_schema: str | None = Field(default=None, description="protobuf message or JSON Schema that the value fits")
    holds_phi: bool = Field(description="true if a value can identify a person")
    partitions: Literal["N"] | Annotated[int, Field(ge=1)]
    cleanup: Literal["delete", "compact"]
    retention_days: int | None = Field(default=None, ge=1)
    compaction_lag_hours: int | None = Field(
        default=None, ge=1, description="age below which a record is never compacted away"
    )
    max_message_bytes: int = Field(ge=1)
    settings: dict[str, str] = Field(default={}, description="further topic settings by their Kafka name")
    examples: Examples = Examples()

    @model_validator(mode="after")
    def _cleanup_is_complete(self) -> Self:
        if (self.cleanup == "delete") != (self.retention_days is not None):
            raise ValueError("retention_days belongs to cleanup: delete, and only to it")
        if self.cleanup == "delete" and self.compaction_lag_hours is not None:
            raise ValueError("compaction_lag_hours belongs to cleanup: compact")
        return self

    @model_validator(mode="after")
    def _schema_is_ours(self) -> Self:
        if self.value_schema and self.value_schema not in _READERS:
            raise ValueError(f"value_schema is none of: {', '.join(_READERS)}")
        return self

    def partition_count(self, n: int) -> int:
        """Return the number of partitions if the topics keyed by patient have `n`."""
        return n if self.partitions == "N" else self.partitions

    def kafka_settings(self) -> dict[str, str]:
        """Return every topic setting by its Kafka name."""
        settings = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)} | self.settings
        if self.retention_days is not None:
            settings["retention.ms"] = str(self.retention_days * _DAY_MS)
        if self.compaction_lag_hours is not None:
            settings["min.compaction.lag.ms"] = str(self.compaction_lag_hours * _DAY_MS // 24)
        return settings

    def parse(self, value: Mapping[str, Any]) -> edge.EdgeEvent | Message:
        """Parse an example as consumers do. Raises ValueError if it is not valid; KeyError without value_schema."""
        return _READERS[self.value_schema or ""](value)


@cache
def topics() -> tuple[Topic, ...]:
    """Return every topic, sorted by name. Raises ValueError naming the file that is malformed."""
    files = sorted(path.name for path in resources.files(__name__).iterdir() if path.name.endswith(".yaml"))
    return tuple(_load(file) for file in files)


def _load(file: str) -> Topic:
    try:
        text = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
        topic = Topic.model_validate(yaml.safe_load(text))
    except ValueError as error:
        raise ValueError(f"topic registry, {file}: {error}") from error
    if file != f"{topic.name}.yaml":
        raise ValueError(f"topic registry, {file}: holds {topic.name}")
    return topic
