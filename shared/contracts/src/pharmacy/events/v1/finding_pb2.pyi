import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_MODERATE: _ClassVar[Severity]
    SEVERITY_MAJOR: _ClassVar[Severity]
    SEVERITY_CONTRAINDICATED: _ClassVar[Severity]

class Display(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISPLAY_UNSPECIFIED: _ClassVar[Display]
    DISPLAY_PROFILE: _ClassVar[Display]
    DISPLAY_QUEUE: _ClassVar[Display]
    DISPLAY_INTERRUPTIVE: _ClassVar[Display]
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_MODERATE: Severity
SEVERITY_MAJOR: Severity
SEVERITY_CONTRAINDICATED: Severity
DISPLAY_UNSPECIFIED: Display
DISPLAY_PROFILE: Display
DISPLAY_QUEUE: Display
DISPLAY_INTERRUPTIVE: Display

class FindingSet(_message.Message):
    __slots__ = ("patient", "ruleset_seq", "ruleset_version", "position", "findings", "coverage", "build")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    RULESET_SEQ_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    patient: bytes
    ruleset_seq: int
    ruleset_version: str
    position: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    coverage: Coverage
    build: int
    def __init__(self, patient: _Optional[bytes] = ..., ruleset_seq: _Optional[int] = ..., ruleset_version: _Optional[str] = ..., position: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., coverage: _Optional[_Union[Coverage, _Mapping]] = ..., build: _Optional[int] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("rules_run", "rules_not_covered", "facts_not_read")
    RULES_RUN_FIELD_NUMBER: _ClassVar[int]
    RULES_NOT_COVERED_FIELD_NUMBER: _ClassVar[int]
    FACTS_NOT_READ_FIELD_NUMBER: _ClassVar[int]
    rules_run: _containers.RepeatedScalarFieldContainer[str]
    rules_not_covered: _containers.RepeatedScalarFieldContainer[str]
    facts_not_read: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rules_run: _Optional[_Iterable[str]] = ..., rules_not_covered: _Optional[_Iterable[str]] = ..., facts_not_read: _Optional[_Iterable[str]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("finding_id", "rule", "family", "severity", "display", "reason_codes", "anchor_key", "anchor_event_id", "counterpart", "active_from_time", "earliest_start_time", "no_start_time_reason", "ends_time", "urgency", "requires_confirmation", "text", "recommended_actions", "arithmetic", "max_bud", "max_days_supply", "evidence_level", "assumptions", "sources", "basis")
    FINDING_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    REASON_CODES_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_KEY_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    COUNTERPART_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_START_TIME_FIELD_NUMBER: _ClassVar[int]
    NO_START_TIME_REASON_FIELD_NUMBER: _ClassVar[int]
    ENDS_TIME_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    ARITHMETIC_FIELD_NUMBER: _ClassVar[int]
    MAX_BUD_FIELD_NUMBER: _ClassVar[int]
    MAX_DAYS_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    ASSUMPTIONS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    finding_id: bytes
    rule: str
    family: str
    severity: Severity
    display: Display
    reason_codes: _containers.RepeatedScalarFieldContainer[str]
    anchor_key: bytes
    anchor_event_id: str
    counterpart: str
    active_from_time: _timestamp_pb2.Timestamp
    earliest_start_time: _timestamp_pb2.Timestamp
    no_start_time_reason: str
    ends_time: _timestamp_pb2.Timestamp
    urgency: str
    requires_confirmation: bool
    text: str
    recommended_actions: _containers.RepeatedScalarFieldContainer[str]
    arithmetic: _containers.RepeatedCompositeFieldContainer[ArithmeticLine]
    max_bud: str
    max_days_supply: int
    evidence_level: str
    assumptions: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    basis: _containers.RepeatedCompositeFieldContainer[Basis]
    def __init__(self, finding_id: _Optional[bytes] = ..., rule: _Optional[str] = ..., family: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ..., display: _Optional[_Union[Display, str]] = ..., reason_codes: _Optional[_Iterable[str]] = ..., anchor_key: _Optional[bytes] = ..., anchor_event_id: _Optional[str] = ..., counterpart: _Optional[str] = ..., active_from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., earliest_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., no_start_time_reason: _Optional[str] = ..., ends_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., urgency: _Optional[str] = ..., requires_confirmation: _Optional[bool] = ..., text: _Optional[str] = ..., recommended_actions: _Optional[_Iterable[str]] = ..., arithmetic: _Optional[_Iterable[_Union[ArithmeticLine, _Mapping]]] = ..., max_bud: _Optional[str] = ..., max_days_supply: _Optional[int] = ..., evidence_level: _Optional[str] = ..., assumptions: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ..., basis: _Optional[_Iterable[_Union[Basis, _Mapping]]] = ...) -> None: ...

class ArithmeticLine(_message.Message):
    __slots__ = ("ingredient", "form_key", "supply_end_time", "possible_end_time", "label_interval_h", "half_life_high_h", "multiplier", "hard_window_h", "policy_window_h", "elapsed_h", "text")
    INGREDIENT_FIELD_NUMBER: _ClassVar[int]
    FORM_KEY_FIELD_NUMBER: _ClassVar[int]
    SUPPLY_END_TIME_FIELD_NUMBER: _ClassVar[int]
    POSSIBLE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    LABEL_INTERVAL_H_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_HIGH_H_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    HARD_WINDOW_H_FIELD_NUMBER: _ClassVar[int]
    POLICY_WINDOW_H_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_H_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ingredient: str
    form_key: str
    supply_end_time: _timestamp_pb2.Timestamp
    possible_end_time: _timestamp_pb2.Timestamp
    label_interval_h: str
    half_life_high_h: str
    multiplier: str
    hard_window_h: str
    policy_window_h: str
    elapsed_h: str
    text: str
    def __init__(self, ingredient: _Optional[str] = ..., form_key: _Optional[str] = ..., supply_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., possible_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., label_interval_h: _Optional[str] = ..., half_life_high_h: _Optional[str] = ..., multiplier: _Optional[str] = ..., hard_window_h: _Optional[str] = ..., policy_window_h: _Optional[str] = ..., elapsed_h: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Basis(_message.Message):
    __slots__ = ("role", "event_key", "event_id", "source", "site_id", "name", "form_key", "rx_number", "fill_number")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EVENT_KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORM_KEY_FIELD_NUMBER: _ClassVar[int]
    RX_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FILL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    role: str
    event_key: bytes
    event_id: str
    source: str
    site_id: str
    name: str
    form_key: str
    rx_number: str
    fill_number: str
    def __init__(self, role: _Optional[str] = ..., event_key: _Optional[bytes] = ..., event_id: _Optional[str] = ..., source: _Optional[str] = ..., site_id: _Optional[str] = ..., name: _Optional[str] = ..., form_key: _Optional[str] = ..., rx_number: _Optional[str] = ..., fill_number: _Optional[str] = ...) -> None: ...
