"""Maps FHIR R4 to edge events.

A MedicationRequest becomes an order. A MedicationDispense becomes a fill, and its hand-over, return or void. Event ids
are `<ResourceType>/<id>`; the events of a dispense after its fill add `#handover`, `#return` or `#void`. Each resource
is read on its own: a refused one does not affect the rest of its Bundle.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rx_clinical.model.codes import LOCAL_ROUTES
from rx_contracts.edge.errors import EdgeError, validate
from rx_contracts.edge.event import validate_event

from rx_ingest.formats.fhir_r4 import dosage
from rx_ingest.formats.fhir_r4.document import Document, Json, relative_address, resource_type
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
from rx_ingest.formats.protocol import DocumentEntry, Origin, ReadDocument
from rx_ingest.model import UNKNOWN_KIND, UNNAMED_INGREDIENT

_DAY_LENGTH = len("2026-03-01")
_REVISION_DIGITS = 18  # every number of so many digits fits the revision
_DISPENSED_BEFORE_END = ("stopped", "cancelled")


def read_fhir(document: Json, origin: Origin) -> ReadDocument:
    """Return one entry for each medication resource of a resource or Bundle; count other resources by type.

    Patient and Medication resources that a medication resource refers to are part of it and are not counted.
    Raises EdgeError if the document as a whole cannot be read: FHIR_TYPE_MISSING, FHIR_TYPE_NOT_SUPPORTED, WRONG_TYPE.
    """
    bundle = Document(document)
    if not bundle.is_bundle and resource_type(document) not in _MAPPERS:
        raise EdgeError(
            "FHIR_TYPE_NOT_SUPPORTED", "/resourceType", "is no Bundle, MedicationRequest, MedicationDispense"
        )
    mapper = _Mapper(bundle, origin)
    entries: list[DocumentEntry] = []
    others: list[tuple[int, str]] = []
    for number, pointer, resource in bundle.resources():
        try:
            kind = resource_type(resource)
        except EdgeError as error:
            entries.append(DocumentEntry(number=number, kind=UNKNOWN_KIND, error=error.under(pointer)))
            continue
        if kind in _MAPPERS:
            entries.append(mapper.entry(number, pointer, kind, resource))
        else:
            others.append((number, kind))
    ignored = Counter(
        kind for number, kind in others if not (kind in ("Patient", "Medication") and number in bundle.referred)
    )
    return ReadDocument(entries=tuple(entries), ignored=dict(sorted(ignored.items())))


class _Mapper:
    """Maps the medication resources of one document."""

    def __init__(self, bundle: Document, origin: Origin) -> None:
        self.bundle = bundle
        self.origin = origin
        self.code_product = origin.code_product

    def entry(self, number: int, pointer: str, kind: str, resource: object) -> DocumentEntry:
        try:
            documents = _MAPPERS[kind](self, resource)
        except EdgeError as error:
            return DocumentEntry(number=number, kind=kind, error=error.under(pointer))
        try:
            return DocumentEntry(number=number, kind=kind, events=tuple(map(validate_event, documents)))
        except EdgeError as error:  # its pointer is one of the event, not of the resource
            return DocumentEntry(number=number, kind=kind, error=EdgeError(error.code, pointer, error.message))

    # Orders

    def request(self, resource: object) -> list[Json]:
        order = validate(MedicationRequest, resource)
        supply = order.dispense_request
        medicine = self.medicine(order) | _without_none(
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
        medicine = self.medicine(dispense) | _without_none(
            days_supply=_value(days) if days and not days.unit_name else dosage.days(days),
            quantity=_value(dispense.quantity),
            patch_count=dosage.patch_count(dispense.quantity),
        )
        order = next(map(self.order_id, dispense.authorizing_prescription), "")
        when = dispense.when_prepared or dispense.when_handed_over
        return self.event(dispense, "medication_filled", when) | _without_none(
            medicine=medicine, prescription_id=order or None
        )

    def order_id(self, reference: Reference) -> str:
        """Return the event id of the order that a reference names, empty if it names none."""
        found = self.bundle.resolve(reference)
        if found and isinstance(found.get("id"), str):
            return f"{resource_type(found)}/{found['id']}"
        return relative_address(reference.reference or "")

    # Both

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
        """Return the instant itself, or the end of a local date."""
        if len(when) != _DAY_LENGTH:
            return when
        try:
            next_day = date.fromisoformat(when) + timedelta(days=1)
        except (ValueError, OverflowError):
            return when  # validation of the event refuses this date
        return datetime.combine(next_day, time(), ZoneInfo(self.origin.zone)).astimezone(UTC).isoformat()

    def patient(self, subject: Reference | None) -> Json:
        """Return the patient: a resource id in the namespace of the source, or an identifier in that of its system."""
        if subject is None:
            raise EdgeError("FIELD_MISSING", "/subject", "is required")
        resolved = self.bundle.resolve(subject) or {}
        address = subject.reference or ""
        kind, _, resource_id = relative_address(address).rpartition("/")
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
        if coded and coded.form_key and route in LOCAL_ROUTES:
            route = None  # for example "topical" on a patch: for an opioid or antagonist only unknown is safe
        return product | _without_none(
            route=route,
            directions=dosage.directions(dosages),
            as_needed=dosage.as_needed(dosages),
            daily_dose_mg=_decimal_text(dosage.daily_dose_mg(dosages, coded.strength_mg if coded else strength)),
            indication=next((reason.name for reason in resource.reason_code), None) or None,
        )

    def product(self, resource: MedicationResource) -> tuple[dict[str, Any], Decimal | None]:
        """Return the product as the event states it, and the strength in mg of a compound."""
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
        """Return the strength in mg of the only ingredient in the clinical tables, None if none or several are."""
        relevant = [
            part.strength
            for part in medication.ingredient
            if (coded := self.code_product([(RXNORM, _rxnorm(part.item_codeable_concept))])) and coded.relevant
        ]
        if len(relevant) != 1 or relevant[0] is None:
            return None
        return dosage.strength_mg(relevant[0].numerator, relevant[0].denominator)


_MAPPERS: Mapping[str, Callable[[_Mapper, object], list[Json]]] = {
    "MedicationRequest": _Mapper.request,
    "MedicationDispense": _Mapper.dispense,
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
    codings = [
        {"system": coding.system, "code": coding.code} for coding in concept.coding if coding.system and coding.code
    ]
    return {"text": concept.name, "codings": codings}


def _pairs(product: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(coding["system"], coding["code"]) for coding in product["codings"]]


def _ingredients(medication: Medication) -> list[str]:
    active = [part for part in medication.ingredient if part.is_active]
    return sorted({_rxnorm(part.item_codeable_concept) for part in active})


def _rxnorm(concept: CodeableConcept | None) -> str:
    codes = [coding.code for coding in concept.coding if coding.system == RXNORM and coding.code] if concept else []
    return codes[0] if codes else UNNAMED_INGREDIENT


def _value(quantity: Quantity | None) -> Decimal | None:
    return quantity.value if quantity else None


def _decimal_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _without_none(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    return {name: value for name, value in fields.items() if value is not None}
