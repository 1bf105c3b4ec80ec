from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PlanBatchRequest(_message.Message):
    __slots__ = ("strength_mg", "quantity", "excess_pct", "mean_tablet_weight_mg", "fill_weight_mg")
    STRENGTH_MG_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EXCESS_PCT_FIELD_NUMBER: _ClassVar[int]
    MEAN_TABLET_WEIGHT_MG_FIELD_NUMBER: _ClassVar[int]
    FILL_WEIGHT_MG_FIELD_NUMBER: _ClassVar[int]
    strength_mg: str
    quantity: int
    excess_pct: str
    mean_tablet_weight_mg: str
    fill_weight_mg: str
    def __init__(self, strength_mg: _Optional[str] = ..., quantity: _Optional[int] = ..., excess_pct: _Optional[str] = ..., mean_tablet_weight_mg: _Optional[str] = ..., fill_weight_mg: _Optional[str] = ...) -> None: ...

class PlanBatchResponse(_message.Message):
    __slots__ = ("need_mg", "batch_quantity", "batch_need_mg", "tablets_exact", "tablets_whole", "powder_mg", "powder_waste_mg", "waste_active_mg", "filler_mg", "blend_strength_pct", "potency_low_mg", "potency_high_mg", "steps", "cautions", "sources")
    NEED_MG_FIELD_NUMBER: _ClassVar[int]
    BATCH_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    BATCH_NEED_MG_FIELD_NUMBER: _ClassVar[int]
    TABLETS_EXACT_FIELD_NUMBER: _ClassVar[int]
    TABLETS_WHOLE_FIELD_NUMBER: _ClassVar[int]
    POWDER_MG_FIELD_NUMBER: _ClassVar[int]
    POWDER_WASTE_MG_FIELD_NUMBER: _ClassVar[int]
    WASTE_ACTIVE_MG_FIELD_NUMBER: _ClassVar[int]
    FILLER_MG_FIELD_NUMBER: _ClassVar[int]
    BLEND_STRENGTH_PCT_FIELD_NUMBER: _ClassVar[int]
    POTENCY_LOW_MG_FIELD_NUMBER: _ClassVar[int]
    POTENCY_HIGH_MG_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CAUTIONS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    need_mg: str
    batch_quantity: int
    batch_need_mg: str
    tablets_exact: str
    tablets_whole: int
    powder_mg: str
    powder_waste_mg: str
    waste_active_mg: str
    filler_mg: str
    blend_strength_pct: str
    potency_low_mg: str
    potency_high_mg: str
    steps: _containers.RepeatedScalarFieldContainer[str]
    cautions: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, need_mg: _Optional[str] = ..., batch_quantity: _Optional[int] = ..., batch_need_mg: _Optional[str] = ..., tablets_exact: _Optional[str] = ..., tablets_whole: _Optional[int] = ..., powder_mg: _Optional[str] = ..., powder_waste_mg: _Optional[str] = ..., waste_active_mg: _Optional[str] = ..., filler_mg: _Optional[str] = ..., blend_strength_pct: _Optional[str] = ..., potency_low_mg: _Optional[str] = ..., potency_high_mg: _Optional[str] = ..., steps: _Optional[_Iterable[str]] = ..., cautions: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ...) -> None: ...
