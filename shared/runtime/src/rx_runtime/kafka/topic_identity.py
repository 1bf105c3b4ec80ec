"""Read the ids and partition counts of topics.

A topic that was deleted and recreated has the old name and a new id. aiokafka implements metadata requests up to
version 5; topic ids need version 10 or later (KIP-516), so this module defines that request (version 12).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from rx_runtime.errors import RefusedToRun
from rx_runtime.kafka import clients

_API_KEY = 3
_VERSION = 12
_UUID_BYTES = 16


class _Uuid:
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: object) -> bytes:
        return data.read(_UUID_BYTES)  # type: ignore[attr-defined,no-any-return]  # a BytesIO

    @classmethod
    def repr(cls, value: bytes) -> str:
        return value.hex()


class _Response(Response):  # type: ignore[misc]  # untyped base
    API_KEY = _API_KEY
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _RequestV12(RequestStruct):  # type: ignore[misc]  # untyped base
    FLEXIBLE_VERSION = True
    API_KEY = _API_KEY
    API_VERSION = _VERSION
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_RequestV12]):  # type: ignore[misc]  # untyped base
    API_KEY = _API_KEY

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_RequestV12]) -> _RequestV12:
        return request_struct_class([(bytes(_UUID_BYTES), name, {}) for name in self._names], False, False, {})


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Id and partition count of a topic on the broker."""

    topic_id: str  # canonical UUID text
    partitions: int


async def identities(bootstrap: str, names: Sequence[str]) -> dict[str, TopicIdentity]:
    """Return the identity of each named topic. Raises RefusedToRun TOPIC_MISSING that names the missing ones."""

    async def ask(admin: AIOKafkaAdminClient) -> dict[str, TopicIdentity]:
        response = await admin._send_request(_MetadataRequest(names))  # noqa: SLF001  # aiokafka has no public way to send it
        return {
            name: TopicIdentity(str(UUID(bytes=topic_id)), len(partitions))
            for error, name, topic_id, _, partitions, *_ in response.topics
            if not error
        }

    found = await clients.with_admin(bootstrap, ask)
    if missing := sorted(set(names) - found.keys()):
        raise RefusedToRun(
            "TOPIC_MISSING", f"Kafka has no topic {', '.join(missing)}; create them with `rxguard topics apply`"
        )
    return found
