import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pharmacy.events.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_STATE_UNSPECIFIED: _ClassVar[CheckState]
    CHECK_STATE_PENDING: _ClassVar[CheckState]
    CHECK_STATE_CHECKED: _ClassVar[CheckState]
    CHECK_STATE_NOT_ASSESSED: _ClassVar[CheckState]
CHECK_STATE_UNSPECIFIED: CheckState
CHECK_STATE_PENDING: CheckState
CHECK_STATE_CHECKED: CheckState
CHECK_STATE_NOT_ASSESSED: CheckState

class PatientRef(_message.Message):
    __slots__ = ("namespace", "value")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    value: str
    def __init__(self, namespace: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class RecordEventRequest(_message.Message):
    __slots__ = ("content_type", "document", "source", "site_id")
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    document: bytes
    source: str
    site_id: str
    def __init__(self, content_type: _Optional[str] = ..., document: _Optional[bytes] = ..., source: _Optional[str] = ..., site_id: _Optional[str] = ...) -> None: ...

class RecordEventResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: _event_pb2.InboundPosition
    def __init__(self, position: _Optional[_Union[_event_pb2.InboundPosition, _Mapping]] = ...) -> None: ...

class ListReceiptsRequest(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[_event_pb2.InboundPosition]
    def __init__(self, positions: _Optional[_Iterable[_Union[_event_pb2.InboundPosition, _Mapping]]] = ...) -> None: ...

class ListReceiptsResponse(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("position", "resources", "ignored", "rejections", "uncoded_products", "event_positions", "patients")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    UNCODED_PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    EVENT_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    position: _event_pb2.InboundPosition
    resources: _containers.RepeatedCompositeFieldContainer[ResourceCount]
    ignored: _containers.RepeatedCompositeFieldContainer[IgnoredCount]
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    uncoded_products: _containers.RepeatedCompositeFieldContainer[UncodedProduct]
    event_positions: _containers.RepeatedCompositeFieldContainer[EventPosition]
    patients: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, position: _Optional[_Union[_event_pb2.InboundPosition, _Mapping]] = ..., resources: _Optional[_Iterable[_Union[ResourceCount, _Mapping]]] = ..., ignored: _Optional[_Iterable[_Union[IgnoredCount, _Mapping]]] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ..., uncoded_products: _Optional[_Iterable[_Union[UncodedProduct, _Mapping]]] = ..., event_positions: _Optional[_Iterable[_Union[EventPosition, _Mapping]]] = ..., patients: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EventPosition(_message.Message):
    __slots__ = ("partition", "offset")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    partition: int
    offset: int
    def __init__(self, partition: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ResourceCount(_message.Message):
    __slots__ = ("kind", "read", "stored", "unchanged", "dead_letter")
    KIND_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTER_FIELD_NUMBER: _ClassVar[int]
    kind: str
    read: int
    stored: int
    unchanged: int
    dead_letter: int
    def __init__(self, kind: _Optional[str] = ..., read: _Optional[int] = ..., stored: _Optional[int] = ..., unchanged: _Optional[int] = ..., dead_letter: _Optional[int] = ...) -> None: ...

class IgnoredCount(_message.Message):
    __slots__ = ("kind", "count")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    count: int
    def __init__(self, kind: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("entry", "code", "reason")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    entry: int
    code: str
    reason: str
    def __init__(self, entry: _Optional[int] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UncodedProduct(_message.Message):
    __slots__ = ("system", "code", "display", "count")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    system: str
    code: str
    display: str
    count: int
    def __init__(self, system: _Optional[str] = ..., code: _Optional[str] = ..., display: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class GetMedicationHistoryRequest(_message.Message):
    __slots__ = ("patient",)
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    patient: PatientRef
    def __init__(self, patient: _Optional[_Union[PatientRef, _Mapping]] = ...) -> None: ...

class GetMedicationHistoryResponse(_message.Message):
    __slots__ = ("history",)
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    history: MedicationHistory
    def __init__(self, history: _Optional[_Union[MedicationHistory, _Mapping]] = ...) -> None: ...

class BatchGetMedicationHistoryRequest(_message.Message):
    __slots__ = ("patients",)
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    patients: _containers.RepeatedCompositeFieldContainer[PatientRef]
    def __init__(self, patients: _Optional[_Iterable[_Union[PatientRef, _Mapping]]] = ...) -> None: ...

class BatchGetMedicationHistoryResponse(_message.Message):
    __slots__ = ("histories",)
    HISTORIES_FIELD_NUMBER: _ClassVar[int]
    histories: _containers.RepeatedCompositeFieldContainer[MedicationHistory]
    def __init__(self, histories: _Optional[_Iterable[_Union[MedicationHistory, _Mapping]]] = ...) -> None: ...

class MedicationHistory(_message.Message):
    __slots__ = ("patient", "events", "known_since_time", "sources")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    patient: bytes
    events: _containers.RepeatedCompositeFieldContainer[HistoryEvent]
    known_since_time: _timestamp_pb2.Timestamp
    sources: _containers.RepeatedCompositeFieldContainer[SourceFreshness]
    def __init__(self, patient: _Optional[bytes] = ..., events: _Optional[_Iterable[_Union[HistoryEvent, _Mapping]]] = ..., known_since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[SourceFreshness, _Mapping]]] = ...) -> None: ...

class HistoryEvent(_message.Message):
    __slots__ = ("event", "check_state", "not_assessed_reason")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHECK_STATE_FIELD_NUMBER: _ClassVar[int]
    NOT_ASSESSED_REASON_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    check_state: CheckState
    not_assessed_reason: str
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., check_state: _Optional[_Union[CheckState, str]] = ..., not_assessed_reason: _Optional[str] = ...) -> None: ...

class SourceFreshness(_message.Message):
    __slots__ = ("source", "newest_recorded_time")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_RECORDED_TIME_FIELD_NUMBER: _ClassVar[int]
    source: str
    newest_recorded_time: _timestamp_pb2.Timestamp
    def __init__(self, source: _Optional[str] = ..., newest_recorded_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUncodedProductsRequest(_message.Message):
    __slots__ = ("page_size",)
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    def __init__(self, page_size: _Optional[int] = ...) -> None: ...

class ListUncodedProductsResponse(_message.Message):
    __slots__ = ("products",)
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    products: _containers.RepeatedCompositeFieldContainer[UncodedProduct]
    def __init__(self, products: _Optional[_Iterable[_Union[UncodedProduct, _Mapping]]] = ...) -> None: ...
