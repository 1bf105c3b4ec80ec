import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pharmacy.events.v1 import finding_pb2 as _finding_pb2
from pharmacy.prescriptions.v1 import prescriptions_pb2 as _prescriptions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AlertState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_STATE_UNSPECIFIED: _ClassVar[AlertState]
    ALERT_STATE_OPEN: _ClassVar[AlertState]
    ALERT_STATE_RESOLVED: _ClassVar[AlertState]

class AlertKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_KIND_UNSPECIFIED: _ClassVar[AlertKind]
    ALERT_KIND_ANTAGONIST_COURSE: _ClassVar[AlertKind]
    ALERT_KIND_INTERACTION: _ClassVar[AlertKind]
    ALERT_KIND_DATA: _ClassVar[AlertKind]
ALERT_STATE_UNSPECIFIED: AlertState
ALERT_STATE_OPEN: AlertState
ALERT_STATE_RESOLVED: AlertState
ALERT_KIND_UNSPECIFIED: AlertKind
ALERT_KIND_ANTAGONIST_COURSE: AlertKind
ALERT_KIND_INTERACTION: AlertKind
ALERT_KIND_DATA: AlertKind

class ListAlertsRequest(_message.Message):
    __slots__ = ("patient", "states", "page_size", "page_token")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    patient: _prescriptions_pb2.PatientRef
    states: _containers.RepeatedScalarFieldContainer[AlertState]
    page_size: int
    page_token: str
    def __init__(self, patient: _Optional[_Union[_prescriptions_pb2.PatientRef, _Mapping]] = ..., states: _Optional[_Iterable[_Union[AlertState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAlertsResponse(_message.Message):
    __slots__ = ("alerts", "next_page_token")
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    alerts: _containers.RepeatedCompositeFieldContainer[Alert]
    next_page_token: str
    def __init__(self, alerts: _Optional[_Iterable[_Union[Alert, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetAlertRequest(_message.Message):
    __slots__ = ("alert_id",)
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    def __init__(self, alert_id: _Optional[str] = ...) -> None: ...

class GetAlertResponse(_message.Message):
    __slots__ = ("alert",)
    ALERT_FIELD_NUMBER: _ClassVar[int]
    alert: Alert
    def __init__(self, alert: _Optional[_Union[Alert, _Mapping]] = ...) -> None: ...

class Alert(_message.Message):
    __slots__ = ("alert_id", "state", "kind", "site_id", "patient", "headline", "severity", "display", "earliest_start_time", "lines", "opened_time", "resolved_time", "resolution", "ruleset_seq", "ruleset_version", "notice")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    HEADLINE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_START_TIME_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    OPENED_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    RULESET_SEQ_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    state: AlertState
    kind: AlertKind
    site_id: str
    patient: bytes
    headline: str
    severity: _finding_pb2.Severity
    display: _finding_pb2.Display
    earliest_start_time: _timestamp_pb2.Timestamp
    lines: _containers.RepeatedCompositeFieldContainer[_finding_pb2.Finding]
    opened_time: _timestamp_pb2.Timestamp
    resolved_time: _timestamp_pb2.Timestamp
    resolution: str
    ruleset_seq: int
    ruleset_version: str
    notice: str
    def __init__(self, alert_id: _Optional[str] = ..., state: _Optional[_Union[AlertState, str]] = ..., kind: _Optional[_Union[AlertKind, str]] = ..., site_id: _Optional[str] = ..., patient: _Optional[bytes] = ..., headline: _Optional[str] = ..., severity: _Optional[_Union[_finding_pb2.Severity, str]] = ..., display: _Optional[_Union[_finding_pb2.Display, str]] = ..., earliest_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_finding_pb2.Finding, _Mapping]]] = ..., opened_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolved_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[str] = ..., ruleset_seq: _Optional[int] = ..., ruleset_version: _Optional[str] = ..., notice: _Optional[str] = ...) -> None: ...
