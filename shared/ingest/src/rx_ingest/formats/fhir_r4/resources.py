"""Models of FHIR R4, limited to the elements that medication events need. Other elements are ignored.

R4 on purpose: R5 names the medicine differently, and its models would silently drop R4 medicines.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from rx_contracts.edge.event import OrderIntent, OrderStatus
from rx_contracts.edge.fields import parse_decimal

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"

_RESOURCE_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_LIMIT = Decimal(1_000_000_000)

PositiveInt = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""The range of FHIR, and 0, which senders write for an unknown number."""

FhirDecimal = Annotated[Decimal, BeforeValidator(lambda value: parse_decimal(value, "FHIR_DECIMAL", -_LIMIT, _LIMIT))]


class Element(BaseModel):
    """Base model: strict about the elements it reads, ignores all others."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
    )


class Coding(Element):
    """A code in a system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    """A concept by codes, text or both."""

    coding: Annotated[tuple[Coding, ...], Field(strict=False)] = ()
    text: str | None = None

    @property
    def name(self) -> str:
        """Return the text to show to people."""
        return self.text or next((coding.display for coding in self.coding if coding.display), "")


class Identifier(Element):
    """A business identifier."""

    system: str | None = None
    value: str | None = None


class Reference(Element):
    """Another resource, by address or by identifier."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Quantity(Element):
    """A number with a unit."""

    value: FhirDecimal | None = None
    unit: str | None = None
    code: str | None = None

    @property
    def unit_name(self) -> str:
        """Return the unit in lower case without the braces of a UCUM annotation, empty if none is given.

        A code of digits is one of SNOMED CT, whose name is in `unit`.
        """
        named_by_code = self.code and not self.code.isdigit()
        return ((self.code if named_by_code else self.unit) or "").strip("{}").lower()


class Ratio(Element):
    """A quantity in another."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Period(Element):
    """A span of time."""

    end: str | None = None


class Repeat(Element):
    """How often a dose is taken."""

    frequency: PositiveInt | None = None
    frequency_max: PositiveInt | None = None
    period: FhirDecimal | None = None
    period_max: FhirDecimal | None = None
    period_unit: str | None = None
    time_of_day: Any = None
    when: Any = None
    day_of_week: Any = None


class Timing(Element):
    """When doses are taken."""

    repeat: Repeat | None = None


class DoseAndRate(Element):
    """The amount of one dose."""

    dose_quantity: Quantity | None = None


class Dosage(Element):
    """Directions for use."""

    text: str | None = None
    patient_instruction: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool = False
    as_needed_codeable_concept: CodeableConcept | None = None
    route: CodeableConcept | None = None
    dose_and_rate: Annotated[tuple[DoseAndRate, ...], Field(strict=False)] = ()


def _refuse_modifier(value: object) -> None:
    if value:
        raise PydanticCustomError("FHIR_MODIFIER_EXTENSION", "may negate the record and is not understood")


class Meta(Element):
    """Version of a resource."""

    version_id: str | None = None
    last_updated: str | None = None


class Resource(Element):
    """Elements of every resource."""

    id: Annotated[str | None, Field(pattern=f"^{_RESOURCE_ID.pattern}$")] = None
    meta: Meta = Meta()
    modifier_extension: Annotated[None, BeforeValidator(_refuse_modifier)] = None


class Ingredient(Element):
    """Part of a compound."""

    item_codeable_concept: CodeableConcept | None = None
    is_active: bool = True
    strength: Ratio | None = None


class Medication(Resource):
    """A product, or a compound by its ingredients."""

    code: CodeableConcept | None = None
    ingredient: Annotated[tuple[Ingredient, ...], Field(strict=False)] = ()


class MedicationResource(Resource):
    """Elements that orders and dispenses share."""

    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    dosage_instruction: Annotated[tuple[Dosage, ...], Field(strict=False)] = ()
    reason_code: Annotated[tuple[CodeableConcept, ...], Field(strict=False)] = ()
    contained: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = ()


class DispenseRequest(Element):
    """The supply that an order allows."""

    validity_period: Period | None = None
    quantity: Quantity | None = None
    expected_supply_duration: Quantity | None = None


class MedicationRequest(MedicationResource):
    """An order."""

    status: OrderStatus
    intent: OrderIntent
    do_not_perform: bool = False
    authored_on: str | None = None
    dispense_request: DispenseRequest = DispenseRequest()


class MedicationDispense(MedicationResource):
    """A supply."""

    status: Literal[
        "preparation",
        "in-progress",
        "cancelled",
        "on-hold",
        "completed",
        "entered-in-error",
        "stopped",
        "declined",
        "unknown",
    ]
    authorizing_prescription: Annotated[tuple[Reference, ...], Field(strict=False)] = ()
    quantity: Quantity | None = None
    days_supply: Quantity | None = None
    when_prepared: str | None = None
    when_handed_over: str | None = None
