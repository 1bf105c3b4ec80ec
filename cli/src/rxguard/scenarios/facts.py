"""The facts of a scenario: the vocabulary of the format and what each word becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rx_clinical import load_catalogue
from rx_clinical.catalogue.beyond_use import day_of
from rx_clinical.model.codes import FormKey, OrderStatus, Route, RxNormCode
from rx_clinical.model.corrections import apply_merges
from rx_clinical.model.facts import (
    Administration,
    CompoundRequest,
    Confirmation,
    ConfirmedOpioid,
    Evidence,
    Fact,
    Fill,
    HandOver,
    Medicine,
    Merge,
    PatientFact,
    Prescription,
    Procedure,
    Report,
    ReturnToStock,
    Stop,
    Void,
    event_key,
)

from rxguard.scenarios.yaml_reader import Node

_ENVELOPE = frozenset({"type", "at", "zone", "id", "revision", "recorded_at", "patient", "source", "site"})
_MEDICINE = frozenset(
    [
        "product",
        "ingredients",
        "form_key",
        "rxnorm",
        "route",
        "sig",
        "daily_dose_mg",
        "days_supply",
        "prn",
        "quantity",
        "quantity_prescribed",
        "partial",
        "days_supply_is_for_this_fill",
        "quantity_patches",
        "rx_number",
        "fill_number",
        "uncoded",
    ]
)
_KEYS: Mapping[str, frozenset[str]] = {
    "prescription": _MEDICINE | {"status", "status_at", "intent", "do_not_perform"},
    "fill": _MEDICINE | {"prescription_id"},
    "handed_over": frozenset({"refers_to"}),
    "returned_to_stock": frozenset({"refers_to"}),
    "void": frozenset({"refers_to"}),
    "claim_reversed": frozenset({"refers_to"}),
    "administer": _MEDICINE | {"refers_to", "setting", "removed_at"},
    "report": _MEDICINE
    | {"kind", "ongoing", "started_at", "last_confirmed_at", "source_kind", "obtained_via", "restricted", "misuse"},
    "stop": frozenset({"refers_to"}),
    "evidence": frozenset(
        {"kind", "result", "ingredients", "recorded_by", "attested_last_dose_at", "stock_accounted_for"}
    ),
    "confirm": frozenset({"by", "recorded_by", "daily_dose_mg", "opioids"}),
    "patient_fact": frozenset({"kind", "value"}),
    "procedure": frozenset({"procedure_at", "opioid_expected"}),
    "compound_request": frozenset(
        [
            "preparation",
            "strength_mg",
            "strength_mg_per_ml",
            "quantity",
            "dose_mg",
            "days_supply",
            "api_source",
            "filler",
            "vehicle",
            "preserved",
            "storage",
            "requested_bud",
        ]
    ),
    "merge": frozenset({"from", "into"}),
}
_WORDS: Mapping[str, frozenset[str]] = {
    "route": frozenset(map(str, Route)),
    "status": frozenset(map(str, OrderStatus)),
    "intent": frozenset(
        ["order", "original-order", "instance-order", "reflex-order", "filler-order", "proposal", "plan", "option"]
    ),
    "setting": frozenset({"outpatient", "inpatient"}),
    "source_kind": frozenset({"PATIENT", "CLINICIAN", "EHR_LIST", "OPIOID_TREATMENT_PROGRAM"}),
    "obtained_via": frozenset(["local", "mail", "foreign", "borrowed", "illicit"]),
    "result": frozenset(["negative", "positive", "inconclusive"]),
    "by": frozenset(["prescriber", "pharmacist"]),
}
_REPORT_KINDS = frozenset(["otc", "supplement", "illicit", "history"])
_EVIDENCE_KINDS = frozenset(
    ["urine_drug_test", "naloxone_challenge", "pdmp_review", "clinician_attestation", "stock_disposed"]
)
_PATIENT_FACT_KINDS = frozenset(
    ["birth_year", "pregnancy", "breastfeeding", "transplant", "liver", "symptom", "allergy"]
)


def facts_by_patient(nodes: list[Node]) -> dict[str, list[Fact]]:
    """Return the facts of each patient, merged records under the one that remains. Raises ScenarioFileError."""
    sources = {
        node.optional("id") or f"e{number}": node.optional("source") or "" for number, node in enumerate(nodes, 1)
    }
    patients: dict[bytes, list[Fact]] = {}
    for number, node in enumerate(nodes, 1):
        fact = _fact(node, number, sources)
        if fact is not None:
            named = node.optional("patient") or "P"
            # A merge belongs to the record that remains, whoever's patient it is said to be.
            patient = fact.into_patient if isinstance(fact, Merge) else _record(named)
            patients.setdefault(patient, []).append(fact)
    return {record.decode(): facts for record, facts in apply_merges(patients).items()}


def _record(patient: str) -> bytes:
    """Return what stands for a patient's record: the name in UTF-8."""
    return patient.encode()


def _fact(node: Node, number: int, sources: Mapping[str, str]) -> Fact | None:
    kind = node.text("type")
    if kind not in _KEYS:
        raise node.error(f"unknown type {kind!r}")
    node.only(_ENVELOPE | _KEYS[kind])
    zone = node.optional("zone")
    occurred = node.moment("at", zone)
    if occurred is None:
        raise node.error("at is missing")
    recorded = node.moment("recorded_at", zone) or occurred
    event_id, source = node.optional("id") or f"e{number}", node.optional("source") or ""
    revision = node.whole("revision")
    envelope: dict[str, Any] = {
        "key": event_key(source, event_id),
        "event_id": event_id,
        "source": source,
        "site": node.optional("site") or "",
        "revision": (1 if revision is None else revision, 0),
        "occurred": occurred,
        "recorded_at": recorded.latest,
    }
    if kind == "claim_reversed":
        node.text("refers_to")
        return None  # billing: no fact
    return _BUILD[kind](_Reading(node, zone, sources), envelope)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A fact's mapping with what its values need."""

    node: Node
    zone: str | None
    sources: Mapping[str, str]

    def key(self, name: str) -> bytes | None:
        """Return the key of the event that the fact names."""
        named = self.node.optional(name)
        return event_key(self.sources.get(named, ""), named) if named else None

    def required_key(self) -> bytes:
        """Return the key of the event that the fact must name."""
        return event_key(self.sources.get(self.node.text("refers_to"), ""), self.node.text("refers_to"))

    def required_word(self, name: str, allowed: frozenset[str]) -> str:
        """One of the allowed words, which must be there."""
        self.node.text(name)
        return self.node.word(name, allowed) or ""

    def medicine(self) -> Medicine:
        """Return the medicine; uncoded where neither ingredient nor form nor a known code is stated."""
        node = self.node
        ingredients, form_key = _rxnorm_codes(node), FormKey(node.optional("form_key") or "") or None
        code = RxNormCode(node.optional("rxnorm") or "") or None
        known = bool(ingredients or form_key) or load_catalogue().product(code) is not None
        return Medicine(
            text=node.optional("product") or "",
            coded=known and not node.flag("uncoded"),
            ingredients=ingredients,
            form_key=form_key,
            product_code=code,
            route=Route.of(node.word("route", _WORDS["route"]) or ""),
            directions=node.optional("sig") or "",
            daily_dose_mg=node.decimal("daily_dose_mg"),
            days_supply=node.decimal("days_supply") or None,  # 0 is missing, as in an event
            as_needed=node.flag("prn"),
            quantity=node.decimal("quantity"),
            patches=node.whole("quantity_patches") or None,
        )


def _rxnorm_codes(node: Node) -> tuple[RxNormCode, ...]:
    return tuple(map(RxNormCode, node.texts("ingredients")))


def _prescription(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Prescription(
        medicine=reading.medicine(),
        status=OrderStatus(node.word("status", _WORDS["status"]) or OrderStatus.ACTIVE),
        status_at=node.moment("status_at", reading.zone),
        intent=node.word("intent", _WORDS["intent"]) or "order",
        do_not_perform=node.flag("do_not_perform"),
        **envelope,
    )


def _fill(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    return Fill(
        medicine=reading.medicine(),
        prescription=reading.key("prescription_id"),
        rx_number=reading.node.optional("rx_number"),
        fill_number=reading.node.optional("fill_number"),
        partial=reading.node.flag("partial"),
        quantity_prescribed=reading.node.decimal("quantity_prescribed") or None,  # 0 is missing, as in an event
        days_supply_is_for_this_fill=reading.node.flag("days_supply_is_for_this_fill"),
        **envelope,
    )


def _administration(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    return Administration(
        medicine=reading.medicine(),
        fill=reading.key("refers_to"),
        setting=reading.node.word("setting", _WORDS["setting"]) or "outpatient",
        removed=reading.node.moment("removed_at", reading.zone),
        **envelope,
    )


def _report(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Report(
        medicine=reading.medicine(),
        kind=node.word("kind", _REPORT_KINDS) or "history",
        ongoing=node.flag("ongoing"),
        started=node.moment("started_at", reading.zone),
        last_confirmed=node.moment("last_confirmed_at", reading.zone),
        source_kind=node.word("source_kind", _WORDS["source_kind"]),
        obtained_via=node.word("obtained_via", _WORDS["obtained_via"]),
        restricted=node.flag("restricted"),
        misuse=node.flag("misuse"),
        **envelope,
    )


def _evidence(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Evidence(
        kind=reading.required_word("kind", _EVIDENCE_KINDS),
        result=node.word("result", _WORDS["result"]),
        ingredients=_rxnorm_codes(node),
        recorded_by=node.optional("recorded_by") or None,
        attested_last_dose=node.moment("attested_last_dose_at", reading.zone),
        stock_accounted_for=node.flag("stock_accounted_for"),
        **envelope,
    )


def _confirmation(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Confirmation(
        by=reading.required_word("by", _WORDS["by"]),
        daily_dose_mg=node.decimal("daily_dose_mg") or Decimal(0),  # an unstated dose confirms none, as in an event
        opioids=tuple(_confirmed_opioid(opioid) for opioid in node.children("opioids")),
        recorded_by=node.optional("recorded_by") or None,
        **envelope,
    )


def _confirmed_opioid(node: Node) -> ConfirmedOpioid:
    node.only({"form_key", "daily_dose_mg"})
    return ConfirmedOpioid(form_key=FormKey(node.text("form_key")), daily_dose_mg=node.decimal("daily_dose_mg"))


def _patient_fact(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    kind = reading.required_word("kind", _PATIENT_FACT_KINDS)
    return PatientFact(kind=kind, value=reading.node.optional("value") or "", **envelope)


def _procedure(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    planned = reading.node.moment("procedure_at", reading.zone)
    if planned is None:
        raise reading.node.error("procedure_at is missing")
    return Procedure(planned=planned, opioid_expected=reading.node.flag("opioid_expected"), **envelope)


def _merge(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Merge(from_patient=_record(node.text("from")), into_patient=_record(node.text("into")), **envelope)


def _compound_request(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    requested = node.moment("requested_bud", reading.zone)
    return CompoundRequest(
        preparation=node.optional("preparation") or "",
        strength_mg=node.decimal("strength_mg"),
        strength_mg_per_ml=node.decimal("strength_mg_per_ml"),
        quantity=node.decimal("quantity"),
        dose_mg=node.decimal("dose_mg"),
        days_supply=node.decimal("days_supply") or None,  # 0 is missing, as in an event
        api_source=node.optional("api_source") or "",
        filler=node.optional("filler") or "",
        vehicle=node.optional("vehicle") or "",
        preserved=node.flag("preserved") if node.optional("preserved") is not None else None,
        storage=node.optional("storage") or "",
        requested_bud=day_of(requested) if requested else None,
        **envelope,
    )


_BUILD: Mapping[str, Callable[[_Reading, Mapping[str, Any]], Fact]] = {
    "prescription": _prescription,
    "fill": _fill,
    "handed_over": lambda reading, envelope: HandOver(fill=reading.required_key(), **envelope),
    "returned_to_stock": lambda reading, envelope: ReturnToStock(refers_to=reading.required_key(), **envelope),
    "void": lambda reading, envelope: Void(refers_to=reading.required_key(), **envelope),
    "administer": _administration,
    "report": _report,
    "stop": lambda reading, envelope: Stop(refers_to=reading.required_key(), **envelope),
    "evidence": _evidence,
    "confirm": _confirmation,
    "patient_fact": _patient_fact,
    "procedure": _procedure,
    "merge": _merge,
    "compound_request": _compound_request,
}
