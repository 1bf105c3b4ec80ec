import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pharmacy.events.v1 import event_pb2 as _event_pb2
from pharmacy.events.v1 import finding_pb2 as _finding_pb2
from pharmacy.prescriptions.v1 import prescriptions_pb2 as _prescriptions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Answer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_UNSPECIFIED: _ClassVar[Answer]
    ANSWER_HOLD: _ClassVar[Answer]
    ANSWER_CONFIRM: _ClassVar[Answer]
    ANSWER_NO_FINDING_IN_KNOWN_HISTORY: _ClassVar[Answer]
    ANSWER_NOT_ASSESSED: _ClassVar[Answer]
ANSWER_UNSPECIFIED: Answer
ANSWER_HOLD: Answer
ANSWER_CONFIRM: Answer
ANSWER_NO_FINDING_IN_KNOWN_HISTORY: Answer
ANSWER_NOT_ASSESSED: Answer

class CheckDispenseRequest(_message.Message):
    __slots__ = ("patient", "codings", "form_key", "ingredients", "text", "hand_over_time", "daily_dose_mg", "days_supply", "as_needed", "route", "directions", "site_id")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CODINGS_FIELD_NUMBER: _ClassVar[int]
    FORM_KEY_FIELD_NUMBER: _ClassVar[int]
    INGREDIENTS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HAND_OVER_TIME_FIELD_NUMBER: _ClassVar[int]
    DAILY_DOSE_MG_FIELD_NUMBER: _ClassVar[int]
    DAYS_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    AS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    patient: _prescriptions_pb2.PatientRef
    codings: _containers.RepeatedCompositeFieldContainer[_event_pb2.Coding]
    form_key: str
    ingredients: _containers.RepeatedScalarFieldContainer[str]
    text: str
    hand_over_time: _timestamp_pb2.Timestamp
    daily_dose_mg: str
    days_supply: str
    as_needed: bool
    route: str
    directions: str
    site_id: str
    def __init__(self, patient: _Optional[_Union[_prescriptions_pb2.PatientRef, _Mapping]] = ..., codings: _Optional[_Iterable[_Union[_event_pb2.Coding, _Mapping]]] = ..., form_key: _Optional[str] = ..., ingredients: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., hand_over_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., daily_dose_mg: _Optional[str] = ..., days_supply: _Optional[str] = ..., as_needed: _Optional[bool] = ..., route: _Optional[str] = ..., directions: _Optional[str] = ..., site_id: _Optional[str] = ...) -> None: ...

class CheckDispenseResponse(_message.Message):
    __slots__ = ("answer", "findings", "standing_findings", "coverage", "gaps", "history_known_since_time", "sources", "events_considered", "ruleset_seq", "ruleset_version")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FINDINGS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_KNOWN_SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_CONSIDERED_FIELD_NUMBER: _ClassVar[int]
    RULESET_SEQ_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    answer: Answer
    findings: _containers.RepeatedCompositeFieldContainer[_finding_pb2.Finding]
    standing_findings: _containers.RepeatedCompositeFieldContainer[_finding_pb2.Finding]
    coverage: _finding_pb2.Coverage
    gaps: _containers.RepeatedScalarFieldContainer[str]
    history_known_since_time: _timestamp_pb2.Timestamp
    sources: _containers.RepeatedCompositeFieldContainer[_prescriptions_pb2.SourceFreshness]
    events_considered: int
    ruleset_seq: int
    ruleset_version: str
    def __init__(self, answer: _Optional[_Union[Answer, str]] = ..., findings: _Optional[_Iterable[_Union[_finding_pb2.Finding, _Mapping]]] = ..., standing_findings: _Optional[_Iterable[_Union[_finding_pb2.Finding, _Mapping]]] = ..., coverage: _Optional[_Union[_finding_pb2.Coverage, _Mapping]] = ..., gaps: _Optional[_Iterable[str]] = ..., history_known_since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[_prescriptions_pb2.SourceFreshness, _Mapping]]] = ..., events_considered: _Optional[int] = ..., ruleset_seq: _Optional[int] = ..., ruleset_version: _Optional[str] = ...) -> None: ...
