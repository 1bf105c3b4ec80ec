"""FHIR R4 to edge events: a MedicationRequest is an order; a MedicationDispense is a fill and what became of it.

Event ids are `<ResourceType>/<id>`; the hand-over, return and void of a dispense add `#handover`, `#return`, `#void`.
Each resource stands alone: one that cannot be taken is named with its error, the rest of the Bundle goes on.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from rx_contracts.edge.errors import EdgeError, validate
from rx_contracts.edge.event import EdgeEvent, validate_event

from rx_ingest.formats.fhir_r4 import dosage
from rx_ingest.formats.fhir_r4.document import Document, Json, relative, resource_type
from rx_ingest.formats.fhir_r4.resources import (
    RXNORM,
    CodeableConcept,
    Medication,
    MedicationDispense,
    MedicationRequest,
    MedicationResource,
    Meta,
    Quantity,
    Reference,
)

UNNAMED_INGREDIENT = "0"
"""Stands for an active ingredient without an RxNorm code: no table knows it, so the compound stays uncoded."""

_DAY_LENGTH = len("2026-03-01")
_REVISION_DIGITS = 18  # a whole number that fits the revision
_DISPENSED_BEFORE_END = ("stopped", "cancelled")


class Product(Protocol):
    """What the catalogue says of a code."""

    @property
    def form_key(self) -> str | None:
        """Row of the drug table."""

    @property
    def relevant(self) -> bool:
        """Some ingredient or the form is in our tables."""

    @property
    def strength_mg(self) -> Decimal | None:
        """Milligrams a tablet or mL."""


CodeProduct = Callable[[Sequence[tuple[str, str]]], Product | None]
"""The product of (system, code) pairs; None if no code is known."""


@dataclass(frozen=True)
class Origin:
    """Whose document it is: what FHIR itself does not say."""

    source: str
    site_id: str | None
    zone: str  # IANA, of the site: a date without clock time is local to it


@dataclass(frozen=True)
class FhirEntry:
    """What became of one medication resource: its events, or why it was refused."""

    number: int
    kind: str
    events: tuple[EdgeEvent, ...] = ()
    error: EdgeError | None = None


@dataclass(frozen=True)
class FhirRecord:
    """What a document holds: medication resources, and counts of resources that are none by type."""

    entries: tuple[FhirEntry, ...]
    ignored: Mapping[str, int]


def read_fhir(document: Json, origin: Origin, code_product: CodeProduct) -> FhirRecord:
    """The events of a resource or Bundle, `document` as `read_json` returned it.

    Raises EdgeError where the document as a whole cannot be taken: FHIR_TYPE_MISSING, FHIR_TYPE_NOT_SUPPORTED.
    """
    bundle = Document(document)
    if not bundle.is_bundle and resource_type(document) not in _MAPPERS:
        raise EdgeError(
            "FHIR_TYPE_NOT_SUPPORTED", "/resourceType", "is no Bundle, MedicationRequest, MedicationDispense"
        )
    reader = _Reader(bundle, origin, code_product)
    entries: list[FhirEntry] = []
    others: list[tuple[int, str]] = []
    for number, pointer, resource in bundle.resources():
        try:
            kind = resource_type(resource)
        except EdgeError as error:
            entries.append(FhirEntry(number, "unknown", error=error.under(pointer)))
            continue
        if kind in _MAPPERS:
            entries.append(reader.entry(number, pointer, kind, resource))
        else:
            others.append((number, kind))
    ignored = Counter(
        kind for number, kind in others if not (kind in ("Patient", "Medication") and number in bundle.referred)
    )
    return FhirRecord(tuple(entries), dict(sorted(ignored.items())))


class _Reader:
    def __init__(self, bundle: Document, origin: Origin, code_product: CodeProduct) -> None:
        self.bundle = bundle
        self.origin = origin
        self.code_product = code_product

    def entry(self, number: int, pointer: str, kind: str, resource: object) -> FhirEntry:
        try:
            documents = _MAPPERS[kind](self, resource)
        except EdgeError as error:
            return FhirEntry(number, kind, error=error.under(pointer))
        try:
            return FhirEntry(number, kind, tuple(map(validate_event, documents)))
        except EdgeError as error:  # its pointer is that of the event, not of the resource
            return FhirEntry(number, kind, error=EdgeError(error.code, pointer, error.message))

    # Orders

    def request(self, resource: object) -> list[Json]:
        order = validate(MedicationRequest, resource)
        supply = order.dispense_request
        medicine = self.medicine(order) | _present(
            days_supply=dosage.days(supply.expected_supply_duration), quantity=_value(supply.quantity)
        )
        event = self.event(order, "prescription_written", order.authored_on) | {
            "medicine": medicine,
            "status": order.status,
            "intent": order.intent,
            "do_not_perform": order.do_not_perform,
        }
        ended = supply.validity_period.end if supply.validity_period else None
        if ended and order.status in ("completed", "stopped"):
            event |= _time("status", ended)
        return [event]

    # Dispenses

    def dispense(self, resource: object) -> list[Json]:
        dispense = validate(MedicationDispense, resource)
        if dispense.status == "entered-in-error":
            return [self.undone(dispense, "medication_voided", "#void")]
        if dispense.status == "declined" or (
            dispense.status in _DISPENSED_BEFORE_END and dispense.when_handed_over is None
        ):
            return [self.undone(dispense, "medication_returned_to_stock", "#return")]
        fill = self.fill(dispense)
        return [fill, self.hand_over(dispense)] if dispense.when_handed_over else [fill]

    def undone(self, dispense: MedicationDispense, kind: str, suffix: str) -> Json:
        when = dispense.meta.last_updated or dispense.when_prepared or dispense.when_handed_over
        return self.event(dispense, kind, when, suffix) | {"refers_to_event_id": _event_id(dispense)}

    def hand_over(self, dispense: MedicationDispense) -> Json:
        return self.event(dispense, "medication_handed_over", dispense.when_handed_over, "#handover") | {
            "fill_event_id": _event_id(dispense)
        }

    def fill(self, dispense: MedicationDispense) -> Json:
        days = dispense.days_supply
        medicine = self.medicine(dispense) | _present(
            days_supply=_value(days) if days and not days.unit_name else dosage.days(days),
            quantity=_value(dispense.quantity),
            patch_count=dosage.patch_count(dispense.quantity),
        )
        order = next(map(self.order_id, dispense.authorizing_prescription), "")
        when = dispense.when_prepared or dispense.when_handed_over
        return self.event(dispense, "medication_filled", when) | _present(
            medicine=medicine, prescription_id=order or None
        )

    def order_id(self, reference: Reference) -> str:
        """Event id of the order that is meant; empty if the reference does not say."""
        found = self.bundle.resolve(reference)
        if found and isinstance(found.get("id"), str):
            return f"{resource_type(found)}/{found['id']}"
        return relative(reference.reference or "")

    # What both share

    def event(self, resource: MedicationResource, kind: str, when: str | None, suffix: str = "") -> dict[str, Any]:
        if when is None:
            raise EdgeError("FHIR_TIME_MISSING", "", "does not say when it happened")
        return {
            "type": kind,
            "event_id": _event_id(resource) + suffix,
            "source": self.origin.source,
            "source_revision": _revision(resource.meta),
            "site_id": self.origin.site_id,
            "patient": self.patient(resource.subject),
            "recorded_time": resource.meta.last_updated or self.end_of(when),
        } | _time("occurred", when)

    def end_of(self, when: str) -> str:
        """The instant itself, or the end of a local date."""
        if len(when) != _DAY_LENGTH:
            return when
        try:
            next_day = date.fromisoformat(when) + timedelta(days=1)
        except (ValueError, OverflowError):
            return when  # the event's own time is refused first
        return datetime.combine(next_day, time(), ZoneInfo(self.origin.zone)).astimezone(UTC).isoformat()

    def patient(self, subject: Reference | None) -> Json:
        """A resource id counts within the source; an identifier within the system that issued it."""
        if subject is None:
            raise EdgeError("FIELD_MISSING", "/subject", "is required")
        resolved = self.bundle.resolve(subject) or {}
        address = subject.reference or ""
        kind, _, resource_id = relative(address).rpartition("/")
        if any(named not in (None, "", "Patient") for named in (resolved.get("resourceType"), subject.type, kind)):
            raise EdgeError("FHIR_SUBJECT_NOT_PATIENT", "/subject", "is about something else than a patient")
        if isinstance(resolved.get("id"), str):
            return {"namespace": self.origin.source, "value": resolved["id"]}
        value = address.removeprefix("urn:uuid:") if address.startswith("urn:uuid:") else resource_id
        if value:
            return {"namespace": self.origin.source, "value": value}
        if subject.identifier and subject.identifier.system and subject.identifier.value:
            return {"namespace": subject.identifier.system, "value": subject.identifier.value}
        raise EdgeError("FHIR_PATIENT_UNKNOWN", "/subject", "names no patient")

    def medicine(self, resource: MedicationResource) -> dict[str, Any]:
        product, strength = self.product(resource)
        dosages = resource.dosage_instruction
        route = dosage.route(dosages)
        coded = self.code_product(_pairs(product)) if product.get("codings") else None
        if coded and coded.form_key and route in dosage.LOCAL_ROUTES:
            route = None  # "topical" on a patch, say: on an opioid or antagonist product only unknown is safe
        return product | _present(
            route=route,
            directions=dosage.directions(dosages),
            as_needed=dosage.as_needed(dosages),
            daily_dose_mg=_text(dosage.daily_dose_mg(dosages, coded.strength_mg if coded else strength)),
            indication=next((reason.name for reason in resource.reason_code), None) or None,
        )

    def product(self, resource: MedicationResource) -> tuple[dict[str, Any], Decimal | None]:
        """The product as the event names it, and the strength of a compound."""
        if concept := resource.medication_codeable_concept:
            return _coded(concept), None
        if (reference := resource.medication_reference) is None:
            raise EdgeError("FIELD_MISSING", "/medicationCodeableConcept", "names no medicine")
        found = self.bundle.resolve(reference, resource.contained)
        if found is None:
            raise EdgeError("FHIR_MEDICATION_UNRESOLVED", "/medicationReference", "did not come along")
        try:
            medication = validate(Medication, found)
        except EdgeError as error:
            raise EdgeError(error.code, "/medicationReference", error.message) from None
        named = _coded(medication.code) if medication.code else {}
        if not medication.ingredient or (named.get("codings") and self.code_product(_pairs(named))):
            return named, None
        return named | {"ingredients": _ingredients(medication)}, self.strength(medication)

    def strength(self, medication: Medication) -> Decimal | None:
        """Of the one ingredient that is in our tables."""
        relevant = [
            part.strength
            for part in medication.ingredient
            if (coded := self.code_product([(RXNORM, _rxnorm(part.item_codeable_concept))])) and coded.relevant
        ]
        if len(relevant) != 1 or relevant[0] is None:
            return None
        return dosage.strength_mg(relevant[0].numerator, relevant[0].denominator)


_MAPPERS: Mapping[str, Callable[[_Reader, object], list[Json]]] = {
    "MedicationRequest": _Reader.request,
    "MedicationDispense": _Reader.dispense,
}


def _event_id(resource: MedicationResource) -> str:
    if resource.id is None:
        raise EdgeError("FHIR_ID_MISSING", "/id", "is needed to tell a correction from a new record")
    return f"{type(resource).__name__}/{resource.id}"


def _revision(meta: Meta) -> int | None:
    text = meta.version_id or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _REVISION_DIGITS else None


def _time(field: str, when: str) -> dict[str, str]:
    if len(when) < _DAY_LENGTH:
        raise EdgeError("FHIR_TIME_TOO_IMPRECISE", "", "a year or month alone is no time to reckon with")
    return {f"{field}_{'date' if len(when) == _DAY_LENGTH else 'time'}": when}


def _coded(concept: CodeableConcept) -> dict[str, Any]:
    codings = [{"system": one.system, "code": one.code} for one in concept.coding if one.system and one.code]
    return {"text": concept.name, "codings": codings}


def _pairs(product: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(coding["system"], coding["code"]) for coding in product["codings"]]


def _ingredients(medication: Medication) -> list[str]:
    active = [part for part in medication.ingredient if part.is_active]
    return sorted({_rxnorm(part.item_codeable_concept) for part in active})


def _rxnorm(concept: CodeableConcept | None) -> str:
    codes = [one.code for one in concept.coding if one.system == RXNORM and one.code] if concept else []
    return codes[0] if codes else UNNAMED_INGREDIENT


def _value(quantity: Quantity | None) -> Decimal | None:
    return quantity.value if quantity else None


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _present(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    return {name: value for name, value in fields.items() if value is not None}
