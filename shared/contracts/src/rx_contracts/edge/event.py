"""The edge event: what a pharmacy system sends to `rx.inbound.v1` as `application/json`, one object a record.

The models are strict. They refuse unknown fields, clock times without a zone and doses that are not exact numbers, with
a stable code and a JSON pointer. No message repeats a value.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError
from rx_clinical.model import codes

from rx_contracts.edge.errors import EdgeError, validate
from rx_contracts.edge.fields import (
    CodeSystem,
    DaysSupply,
    DoseMg,
    EventId,
    FormKey,
    Instant,
    Lines,
    LocalDate,
    Name,
    Number,
    PatchCount,
    Quantity,
    Revision,
    RxNormCode,
    SiteId,
    SourceName,
)
from rx_contracts.edge.json import read_json
from rx_contracts.wire.times import UNIX_EPOCH

__all__ = ["EdgeError", "EdgeEvent", "json_schema", "parse_event", "validate_event"]

MAX_OCCURRED_AHEAD_DAYS = 31
"""Limit of the occurred time after the recorded time. A later one is a typing error; plans have fields of their own."""

if TYPE_CHECKING:
    Route = str
    OrderStatus = str
else:  # the words of the core, as literals: an enum would change the error codes of this schema
    Route = Literal[tuple(map(str, codes.Route))]
    OrderStatus = Literal[tuple(map(str, codes.OrderStatus))]
OrderIntent = Literal[
    "order", "original-order", "instance-order", "reflex-order", "filler-order", "proposal", "plan", "option"
]


class Strict(BaseModel):
    """Base model: accepts its own fields only, without coercion."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class PatientRef(Strict):
    """A patient as the sender knows them."""

    namespace: Annotated[SourceName, Field(description="Who issued the identifier.")]
    value: Annotated[EventId, Field(description="The identifier.")]


class Coding(Strict):
    """A code in a code system, for example of RxNorm (http://www.nlm.nih.gov/research/umls/rxnorm) or NDC."""

    system: CodeSystem
    code: Number


class Medicine(Strict):
    """A product by its codes, or a compound by its ingredients and form. The text is never the identity."""

    text: Name = ""
    codings: Annotated[tuple[Coding, ...], Field(strict=False, max_length=20)] = ()
    ingredients: Annotated[
        tuple[RxNormCode, ...], Field(strict=False, max_length=50, description="RxNorm ingredient codes of a compound.")
    ] = ()
    form_key: Annotated[FormKey | None, Field(description="Row of the drug table, for a compound.")] = None
    route: Route | None = None
    directions: Lines = ""
    daily_dose_mg: DoseMg | None = None
    days_supply: DaysSupply | None = None
    as_needed: bool = False
    quantity: Quantity | None = None
    patch_count: PatchCount | None = None
    indication: Annotated[Name, Field(description="Text only: changes no rule.")] = ""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.text or self.codings or self.ingredients or self.form_key):
            raise PydanticCustomError("MEDICINE_EMPTY", "needs codings, ingredients, a form_key or at least a text")
        return self


def _at_most_one_time(model: BaseModel, *fields: str) -> None:
    for field in fields:
        if getattr(model, f"{field}_time") is not None and getattr(model, f"{field}_date") is not None:
            raise PydanticCustomError("TIME_AMBIGUOUS", "takes an instant or a local date, not both")


class BaseEvent(Strict):
    """Fields of every event."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["occurred_time"]}, {"required": ["occurred_date"]}]}
    )

    event_id: Annotated[EventId, Field(description="Identity within the source; a correction keeps it.")]
    source: Annotated[SourceName, Field(description="The system of record.")]
    source_revision: Annotated[
        Revision | None, Field(description="The highest wins. Default: recorded_time in microseconds.")
    ] = None
    site_id: Annotated[SiteId | None, Field(description="A site of the registry. Default: the registry's.")] = None
    patient: PatientRef
    occurred_time: Instant | None = None
    occurred_date: LocalDate | None = None
    recorded_time: Annotated[Instant, Field(description="When the source recorded it.")]

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        _at_most_one_time(self, "occurred")
        if self.occurred_time is None and self.occurred_date is None:
            raise PydanticCustomError("TIME_MISSING", "needs occurred_time or occurred_date")
        occurred = self.occurred_date or self.occurred_time.date()  # type: ignore[union-attr]  # one of the two is there
        if occurred > self.recorded_time.date() + timedelta(days=MAX_OCCURRED_AHEAD_DAYS):
            raise PydanticCustomError("OCCURRED_AFTER_RECORDED", "occurred long after the source recorded it")
        return self

    @property
    def revision(self) -> int:
        """Return the source revision, 0 or more: as stated, else the recorded time in microseconds of Unix time."""
        if self.source_revision is not None:
            return self.source_revision
        return max(0, (self.recorded_time - UNIX_EPOCH) // timedelta(microseconds=1))


class _Order(BaseEvent):
    medicine: Medicine
    status: OrderStatus = "active"
    status_time: Instant | None = None
    status_date: LocalDate | None = None
    intent: OrderIntent = "order"
    do_not_perform: bool = False

    @model_validator(mode="after")
    def _has_one_status_time(self) -> Self:
        _at_most_one_time(self, "status")
        return self


class PrescriptionWritten(_Order):
    """An order was written."""

    type: Literal["prescription_written"]


class PrescriptionChanged(_Order):
    """An order was changed: the whole new content, under the same event_id with a higher revision."""

    type: Literal["prescription_changed"]


class Stopped(BaseEvent):
    """An order or a reported use ended at the event's time."""

    type: Literal["stopped"]
    refers_to_event_id: EventId


class MedicationFilled(BaseEvent):
    """A pharmacy prepared (bagged) a supply."""

    type: Literal["medication_filled"]
    medicine: Medicine
    prescription_id: Annotated[EventId | None, Field(description="event_id of the order it fills.")] = None
    rx_number: Number | None = None
    fill_number: Number | None = None
    quantity_prescribed: Quantity | None = None
    partial: bool = False
    days_supply_is_for_this_fill: bool = False


class MedicationHandedOver(BaseEvent):
    """A prepared supply went to the patient."""

    type: Literal["medication_handed_over"]
    fill_event_id: EventId


class MedicationReturnedToStock(BaseEvent):
    """A prepared supply went back to the shelf. Applies to every revision of the fill."""

    type: Literal["medication_returned_to_stock"]
    refers_to_event_id: EventId


class MedicationVoided(BaseEvent):
    """The event referred to was entered in error. Applies to every revision of it."""

    type: Literal["medication_voided"]
    refers_to_event_id: EventId


class MedicationAdministered(BaseEvent):
    """A dose was injected or given by a professional."""

    type: Literal["medication_administered"]
    medicine: Medicine
    fill_event_id: Annotated[EventId | None, Field(description="event_id of the dispensed depot.")] = None
    setting: Literal["outpatient", "inpatient"] = "outpatient"
    removed_time: Instant | None = None
    removed_date: LocalDate | None = None

    @model_validator(mode="after")
    def _has_one_removed_time(self) -> Self:
        _at_most_one_time(self, "removed")
        return self


class MedicationReported(BaseEvent):
    """A use known from the patient, another source or an over-the-counter sale."""

    type: Literal["medication_reported"]
    medicine: Medicine
    kind: Literal["otc", "supplement", "illicit", "history"]
    ongoing: bool = False
    started_time: Instant | None = None
    started_date: LocalDate | None = None
    last_confirmed_time: Instant | None = None
    last_confirmed_date: LocalDate | None = None
    source_kind: Literal["PATIENT", "CLINICIAN", "EHR_LIST", "OPIOID_TREATMENT_PROGRAM"] | None = None
    obtained_via: Literal["local", "mail", "foreign", "borrowed", "illicit"] | None = None
    restricted: bool = False
    misuse: bool = False

    @model_validator(mode="after")
    def _has_one_of_each_time(self) -> Self:
        _at_most_one_time(self, "started", "last_confirmed")
        return self


class ConfirmedOpioid(Strict):
    """An opioid that a confirmation is bound to."""

    form_key: FormKey
    daily_dose_mg: DoseMg | None = None


class UltraLowDoseConfirmed(BaseEvent):
    """One half of the confirmation of a deliberate ultra-low-dose combination."""

    type: Literal["ultra_low_dose_confirmed"]
    by: Literal["prescriber", "pharmacist"]
    recorded_by: Annotated[Name, Field(min_length=1)]
    daily_dose_mg: DoseMg
    opioids: Annotated[tuple[ConfirmedOpioid, ...], Field(strict=False, min_length=1, max_length=20)]


class OpioidFreeEvidence(BaseEvent):
    """Evidence that the patient is free of opioids, or is not."""

    type: Literal["opioid_free_evidence"]
    kind: Literal["urine_drug_test", "naloxone_challenge", "pdmp_review", "clinician_attestation", "stock_disposed"]
    result: Literal["negative", "positive", "inconclusive"] | None = None
    ingredients: Annotated[tuple[RxNormCode, ...], Field(strict=False, max_length=50)] = ()
    recorded_by: Name = ""
    attested_last_dose_time: Instant | None = None
    attested_last_dose_date: LocalDate | None = None
    stock_accounted_for: bool = False

    @model_validator(mode="after")
    def _has_one_last_dose_time(self) -> Self:
        _at_most_one_time(self, "attested_last_dose")
        return self


class PatientFact(BaseEvent):
    """A condition, symptom or personal fact."""

    type: Literal["patient_fact"]
    kind: Literal["birth_year", "pregnancy", "breastfeeding", "transplant", "liver", "symptom", "allergy"]
    value: Annotated[Name, Field(min_length=1)]


class ProcedurePlanned(BaseEvent):
    """A procedure is planned."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": ["occurred_time"]}, {"required": ["occurred_date"]}]},
                {"oneOf": [{"required": ["procedure_time"]}, {"required": ["procedure_date"]}]},
            ]
        }
    )

    type: Literal["procedure_planned"]
    procedure_time: Instant | None = None
    procedure_date: LocalDate | None = None
    opioid_expected: bool = False

    @model_validator(mode="after")
    def _has_one_procedure_time(self) -> Self:
        _at_most_one_time(self, "procedure")
        if self.procedure_time is None and self.procedure_date is None:
            raise PydanticCustomError("TIME_MISSING", "needs procedure_time or procedure_date")
        return self


class PatientMerged(BaseEvent):
    """Two records are one patient: `patient` remains, facts of `from_patient` belong to it."""

    type: Literal["patient_merged"]
    from_patient: PatientRef


EdgeEvent = (
    PrescriptionWritten
    | PrescriptionChanged
    | Stopped
    | MedicationFilled
    | MedicationHandedOver
    | MedicationReturnedToStock
    | MedicationVoided
    | MedicationAdministered
    | MedicationReported
    | UltraLowDoseConfirmed
    | OpioidFreeEvidence
    | PatientFact
    | ProcedurePlanned
    | PatientMerged
)
EVENT_MODELS: dict[str, type[EdgeEvent]] = {
    model.model_fields["type"].annotation.__args__[0]: model for model in EdgeEvent.__args__
}


def parse_event(raw: bytes) -> EdgeEvent:
    """Return the event in a UTF-8 JSON document of at most 4 MiB. Raises EdgeError."""
    return validate_event(read_json(raw))


def validate_event(document: object) -> EdgeEvent:
    """Return the event in a JSON value from `read_json`. Raises EdgeError."""
    if not isinstance(document, dict):
        raise EdgeError("NOT_AN_OBJECT", "", "an event is a JSON object")
    kind = document.get("type")
    if kind is None:
        raise EdgeError("FIELD_MISSING", "/type", "names the type of the event")
    model = EVENT_MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise EdgeError("TYPE_UNKNOWN", "/type", f"is none of: {', '.join(EVENT_MODELS)}")
    return validate(model, document)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the edge event, with one variant for each type."""
    adapter: TypeAdapter[EdgeEvent] = TypeAdapter(Annotated[EdgeEvent, Field(discriminator="type")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Edge event",
        **adapter.json_schema(),
    }


def occurred(event: BaseEvent) -> datetime | date:
    """Return when the event happened: an instant, or a local date of its site."""
    return event.occurred_time or event.occurred_date  # type: ignore[return-value]  # one of the two is there
