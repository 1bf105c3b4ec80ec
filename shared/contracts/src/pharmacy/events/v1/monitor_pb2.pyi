import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PatientState(_message.Message):
    __slots__ = ("packed_events", "position", "findings_hash", "ruleset_seq", "kinds", "build")
    PACKED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_HASH_FIELD_NUMBER: _ClassVar[int]
    RULESET_SEQ_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    packed_events: _containers.RepeatedScalarFieldContainer[bytes]
    position: int
    findings_hash: bytes
    ruleset_seq: int
    kinds: int
    build: int
    def __init__(self, packed_events: _Optional[_Iterable[bytes]] = ..., position: _Optional[int] = ..., findings_hash: _Optional[bytes] = ..., ruleset_seq: _Optional[int] = ..., kinds: _Optional[int] = ..., build: _Optional[int] = ...) -> None: ...

class EventIdentity(_message.Message):
    __slots__ = ("event_key", "source_revision", "coding_revision", "patient")
    EVENT_KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CODING_REVISION_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    event_key: bytes
    source_revision: int
    coding_revision: int
    patient: bytes
    def __init__(self, event_key: _Optional[bytes] = ..., source_revision: _Optional[int] = ..., coding_revision: _Optional[int] = ..., patient: _Optional[bytes] = ...) -> None: ...

class MonitorProgress(_message.Message):
    __slots__ = ("partition", "position", "ruleset_seq", "ruleset_version", "written_time", "topic_id", "build", "rebuild", "unassessed_patients", "state_topic_id", "findings_topic_id")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RULESET_SEQ_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_TIME_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    REBUILD_FIELD_NUMBER: _ClassVar[int]
    UNASSESSED_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    STATE_TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    partition: int
    position: int
    ruleset_seq: int
    ruleset_version: str
    written_time: _timestamp_pb2.Timestamp
    topic_id: str
    build: int
    rebuild: Rebuild
    unassessed_patients: int
    state_topic_id: str
    findings_topic_id: str
    def __init__(self, partition: _Optional[int] = ..., position: _Optional[int] = ..., ruleset_seq: _Optional[int] = ..., ruleset_version: _Optional[str] = ..., written_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., topic_id: _Optional[str] = ..., build: _Optional[int] = ..., rebuild: _Optional[_Union[Rebuild, _Mapping]] = ..., unassessed_patients: _Optional[int] = ..., state_topic_id: _Optional[str] = ..., findings_topic_id: _Optional[str] = ...) -> None: ...

class Rebuild(_message.Message):
    __slots__ = ("clearing", "end_position", "position")
    CLEARING_FIELD_NUMBER: _ClassVar[int]
    END_POSITION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    clearing: bool
    end_position: int
    position: int
    def __init__(self, clearing: _Optional[bool] = ..., end_position: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...
