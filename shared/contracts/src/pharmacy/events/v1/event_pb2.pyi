import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("event_key", "event_id", "source", "source_revision", "coding_revision", "site_id", "patient", "occurred", "recorded_time", "inbound", "prescription_written", "prescription_changed", "stopped", "medication_filled", "medication_handed_over", "medication_returned_to_stock", "medication_voided", "medication_administered", "medication_reported", "ultra_low_dose_confirmed", "opioid_free_evidence", "patient_fact", "procedure_planned", "patient_merged")
    EVENT_KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CODING_REVISION_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_FIELD_NUMBER: _ClassVar[int]
    RECORDED_TIME_FIELD_NUMBER: _ClassVar[int]
    INBOUND_FIELD_NUMBER: _ClassVar[int]
    PRESCRIPTION_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    PRESCRIPTION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_FILLED_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_RETURNED_TO_STOCK_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_VOIDED_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_ADMINISTERED_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_REPORTED_FIELD_NUMBER: _ClassVar[int]
    ULTRA_LOW_DOSE_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    OPIOID_FREE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FACT_FIELD_NUMBER: _ClassVar[int]
    PROCEDURE_PLANNED_FIELD_NUMBER: _ClassVar[int]
    PATIENT_MERGED_FIELD_NUMBER: _ClassVar[int]
    event_key: bytes
    event_id: str
    source: str
    source_revision: int
    coding_revision: int
    site_id: str
    patient: bytes
    occurred: OccurredTime
    recorded_time: _timestamp_pb2.Timestamp
    inbound: InboundPosition
    prescription_written: Prescription
    prescription_changed: Prescription
    stopped: Reference
    medication_filled: Fill
    medication_handed_over: Reference
    medication_returned_to_stock: Reference
    medication_voided: Reference
    medication_administered: Administration
    medication_reported: Report
    ultra_low_dose_confirmed: UltraLowDoseConfirmation
    opioid_free_evidence: OpioidFreeEvidence
    patient_fact: PatientFact
    procedure_planned: Procedure
    patient_merged: Merge
    def __init__(self, event_key: _Optional[bytes] = ..., event_id: _Optional[str] = ..., source: _Optional[str] = ..., source_revision: _Optional[int] = ..., coding_revision: _Optional[int] = ..., site_id: _Optional[str] = ..., patient: _Optional[bytes] = ..., occurred: _Optional[_Union[OccurredTime, _Mapping]] = ..., recorded_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inbound: _Optional[_Union[InboundPosition, _Mapping]] = ..., prescription_written: _Optional[_Union[Prescription, _Mapping]] = ..., prescription_changed: _Optional[_Union[Prescription, _Mapping]] = ..., stopped: _Optional[_Union[Reference, _Mapping]] = ..., medication_filled: _Optional[_Union[Fill, _Mapping]] = ..., medication_handed_over: _Optional[_Union[Reference, _Mapping]] = ..., medication_returned_to_stock: _Optional[_Union[Reference, _Mapping]] = ..., medication_voided: _Optional[_Union[Reference, _Mapping]] = ..., medication_administered: _Optional[_Union[Administration, _Mapping]] = ..., medication_reported: _Optional[_Union[Report, _Mapping]] = ..., ultra_low_dose_confirmed: _Optional[_Union[UltraLowDoseConfirmation, _Mapping]] = ..., opioid_free_evidence: _Optional[_Union[OpioidFreeEvidence, _Mapping]] = ..., patient_fact: _Optional[_Union[PatientFact, _Mapping]] = ..., procedure_planned: _Optional[_Union[Procedure, _Mapping]] = ..., patient_merged: _Optional[_Union[Merge, _Mapping]] = ...) -> None: ...

class InboundPosition(_message.Message):
    __slots__ = ("partition", "offset")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    partition: int
    offset: int
    def __init__(self, partition: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class OccurredTime(_message.Message):
    __slots__ = ("earliest_time", "latest_time", "zone")
    EARLIEST_TIME_FIELD_NUMBER: _ClassVar[int]
    LATEST_TIME_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    earliest_time: _timestamp_pb2.Timestamp
    latest_time: _timestamp_pb2.Timestamp
    zone: str
    def __init__(self, earliest_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., latest_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., zone: _Optional[str] = ...) -> None: ...

class Medicine(_message.Message):
    __slots__ = ("text", "codings", "coded", "ingredients", "form_key", "product_code", "route", "directions", "daily_dose_mg", "days_supply", "as_needed", "quantity", "patch_count", "indication")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CODINGS_FIELD_NUMBER: _ClassVar[int]
    CODED_FIELD_NUMBER: _ClassVar[int]
    INGREDIENTS_FIELD_NUMBER: _ClassVar[int]
    FORM_KEY_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    DAILY_DOSE_MG_FIELD_NUMBER: _ClassVar[int]
    DAYS_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    AS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    INDICATION_FIELD_NUMBER: _ClassVar[int]
    text: str
    codings: _containers.RepeatedCompositeFieldContainer[Coding]
    coded: bool
    ingredients: _containers.RepeatedScalarFieldContainer[str]
    form_key: str
    product_code: str
    route: str
    directions: str
    daily_dose_mg: str
    days_supply: str
    as_needed: bool
    quantity: str
    patch_count: int
    indication: str
    def __init__(self, text: _Optional[str] = ..., codings: _Optional[_Iterable[_Union[Coding, _Mapping]]] = ..., coded: _Optional[bool] = ..., ingredients: _Optional[_Iterable[str]] = ..., form_key: _Optional[str] = ..., product_code: _Optional[str] = ..., route: _Optional[str] = ..., directions: _Optional[str] = ..., daily_dose_mg: _Optional[str] = ..., days_supply: _Optional[str] = ..., as_needed: _Optional[bool] = ..., quantity: _Optional[str] = ..., patch_count: _Optional[int] = ..., indication: _Optional[str] = ...) -> None: ...

class Coding(_message.Message):
    __slots__ = ("system", "code")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    system: str
    code: str
    def __init__(self, system: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class Prescription(_message.Message):
    __slots__ = ("medicine", "status", "status_time", "intent", "do_not_perform")
    MEDICINE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_TIME_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    DO_NOT_PERFORM_FIELD_NUMBER: _ClassVar[int]
    medicine: Medicine
    status: str
    status_time: OccurredTime
    intent: str
    do_not_perform: bool
    def __init__(self, medicine: _Optional[_Union[Medicine, _Mapping]] = ..., status: _Optional[str] = ..., status_time: _Optional[_Union[OccurredTime, _Mapping]] = ..., intent: _Optional[str] = ..., do_not_perform: _Optional[bool] = ...) -> None: ...

class Fill(_message.Message):
    __slots__ = ("medicine", "prescription_key", "rx_number", "fill_number", "quantity_prescribed", "partial", "days_supply_is_for_this_fill")
    MEDICINE_FIELD_NUMBER: _ClassVar[int]
    PRESCRIPTION_KEY_FIELD_NUMBER: _ClassVar[int]
    RX_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FILL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_PRESCRIBED_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    DAYS_SUPPLY_IS_FOR_THIS_FILL_FIELD_NUMBER: _ClassVar[int]
    medicine: Medicine
    prescription_key: bytes
    rx_number: str
    fill_number: str
    quantity_prescribed: str
    partial: bool
    days_supply_is_for_this_fill: bool
    def __init__(self, medicine: _Optional[_Union[Medicine, _Mapping]] = ..., prescription_key: _Optional[bytes] = ..., rx_number: _Optional[str] = ..., fill_number: _Optional[str] = ..., quantity_prescribed: _Optional[str] = ..., partial: _Optional[bool] = ..., days_supply_is_for_this_fill: _Optional[bool] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("event_key",)
    EVENT_KEY_FIELD_NUMBER: _ClassVar[int]
    event_key: bytes
    def __init__(self, event_key: _Optional[bytes] = ...) -> None: ...

class Administration(_message.Message):
    __slots__ = ("medicine", "fill_key", "setting", "removed_time")
    MEDICINE_FIELD_NUMBER: _ClassVar[int]
    FILL_KEY_FIELD_NUMBER: _ClassVar[int]
    SETTING_FIELD_NUMBER: _ClassVar[int]
    REMOVED_TIME_FIELD_NUMBER: _ClassVar[int]
    medicine: Medicine
    fill_key: bytes
    setting: str
    removed_time: OccurredTime
    def __init__(self, medicine: _Optional[_Union[Medicine, _Mapping]] = ..., fill_key: _Optional[bytes] = ..., setting: _Optional[str] = ..., removed_time: _Optional[_Union[OccurredTime, _Mapping]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("medicine", "kind", "ongoing", "started_time", "last_confirmed_time", "source_kind", "obtained_via", "restricted", "misuse")
    MEDICINE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ONGOING_FIELD_NUMBER: _ClassVar[int]
    STARTED_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_CONFIRMED_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_KIND_FIELD_NUMBER: _ClassVar[int]
    OBTAINED_VIA_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELD_NUMBER: _ClassVar[int]
    MISUSE_FIELD_NUMBER: _ClassVar[int]
    medicine: Medicine
    kind: str
    ongoing: bool
    started_time: OccurredTime
    last_confirmed_time: OccurredTime
    source_kind: str
    obtained_via: str
    restricted: bool
    misuse: bool
    def __init__(self, medicine: _Optional[_Union[Medicine, _Mapping]] = ..., kind: _Optional[str] = ..., ongoing: _Optional[bool] = ..., started_time: _Optional[_Union[OccurredTime, _Mapping]] = ..., last_confirmed_time: _Optional[_Union[OccurredTime, _Mapping]] = ..., source_kind: _Optional[str] = ..., obtained_via: _Optional[str] = ..., restricted: _Optional[bool] = ..., misuse: _Optional[bool] = ...) -> None: ...

class UltraLowDoseConfirmation(_message.Message):
    __slots__ = ("by", "recorded_by", "daily_dose_mg", "opioids")
    BY_FIELD_NUMBER: _ClassVar[int]
    RECORDED_BY_FIELD_NUMBER: _ClassVar[int]
    DAILY_DOSE_MG_FIELD_NUMBER: _ClassVar[int]
    OPIOIDS_FIELD_NUMBER: _ClassVar[int]
    by: str
    recorded_by: str
    daily_dose_mg: str
    opioids: _containers.RepeatedCompositeFieldContainer[ConfirmedOpioid]
    def __init__(self, by: _Optional[str] = ..., recorded_by: _Optional[str] = ..., daily_dose_mg: _Optional[str] = ..., opioids: _Optional[_Iterable[_Union[ConfirmedOpioid, _Mapping]]] = ...) -> None: ...

class ConfirmedOpioid(_message.Message):
    __slots__ = ("form_key", "daily_dose_mg")
    FORM_KEY_FIELD_NUMBER: _ClassVar[int]
    DAILY_DOSE_MG_FIELD_NUMBER: _ClassVar[int]
    form_key: str
    daily_dose_mg: str
    def __init__(self, form_key: _Optional[str] = ..., daily_dose_mg: _Optional[str] = ...) -> None: ...

class OpioidFreeEvidence(_message.Message):
    __slots__ = ("kind", "result", "ingredients", "recorded_by", "attested_last_dose_time", "stock_accounted_for")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    INGREDIENTS_FIELD_NUMBER: _ClassVar[int]
    RECORDED_BY_FIELD_NUMBER: _ClassVar[int]
    ATTESTED_LAST_DOSE_TIME_FIELD_NUMBER: _ClassVar[int]
    STOCK_ACCOUNTED_FOR_FIELD_NUMBER: _ClassVar[int]
    kind: str
    result: str
    ingredients: _containers.RepeatedScalarFieldContainer[str]
    recorded_by: str
    attested_last_dose_time: OccurredTime
    stock_accounted_for: bool
    def __init__(self, kind: _Optional[str] = ..., result: _Optional[str] = ..., ingredients: _Optional[_Iterable[str]] = ..., recorded_by: _Optional[str] = ..., attested_last_dose_time: _Optional[_Union[OccurredTime, _Mapping]] = ..., stock_accounted_for: _Optional[bool] = ...) -> None: ...

class PatientFact(_message.Message):
    __slots__ = ("kind", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    value: str
    def __init__(self, kind: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Procedure(_message.Message):
    __slots__ = ("procedure_time", "opioid_expected")
    PROCEDURE_TIME_FIELD_NUMBER: _ClassVar[int]
    OPIOID_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    procedure_time: OccurredTime
    opioid_expected: bool
    def __init__(self, procedure_time: _Optional[_Union[OccurredTime, _Mapping]] = ..., opioid_expected: _Optional[bool] = ...) -> None: ...

class Merge(_message.Message):
    __slots__ = ("from_patient", "into_patient")
    FROM_PATIENT_FIELD_NUMBER: _ClassVar[int]
    INTO_PATIENT_FIELD_NUMBER: _ClassVar[int]
    from_patient: bytes
    into_patient: bytes
    def __init__(self, from_patient: _Optional[bytes] = ..., into_patient: _Optional[bytes] = ...) -> None: ...
