"""The scenario format (version 2): YAML with scalars as text; every key is known or an error."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from rx_clinical.catalogue import load_catalogue
from rx_clinical.facts import (
    Administration,
    Fact,
    Fill,
    HandOver,
    Medicine,
    Moment,
    Prescription,
    Report,
    ReturnToStock,
    Stop,
    UnreadFact,
    Void,
    event_key,
)
from rx_clinical.findings import Severity
from rx_clinical.texts import utc_text

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})")

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
# What the core does not read yet: a scenario that holds it is not covered.
_UNREAD_KINDS: Mapping[str, str] = {
    "evidence": "evidence",
    "confirm": "confirmation",
    "patient_fact": "patient_fact",
    "procedure": "procedure",
    "compound_request": "compound_request",
    "merge": "merge",
}
_UNREAD_FIELDS = frozenset(
    {"partial", "quantity_prescribed", "days_supply_is_for_this_fill", "removed_at", "restricted", "misuse"}
)
_WORDS: Mapping[str, frozenset[str]] = {
    "route": frozenset(
        [
            "oral",
            "iv",
            "im",
            "sc",
            "rectal",
            "sublingual",
            "buccal",
            "transdermal",
            "topical",
            "ophthalmic",
            "otic",
            "vaginal",
            "inhaled",
            "nasal_local",
        ]
    ),
    "status": frozenset(
        ["active", "draft", "on-hold", "cancelled", "completed", "stopped", "ended", "entered-in-error", "unknown"]
    ),
    "intent": frozenset(
        ["order", "original-order", "instance-order", "reflex-order", "filler-order", "proposal", "plan", "option"]
    ),
    "setting": frozenset({"outpatient", "inpatient"}),
    "source_kind": frozenset({"PATIENT", "CLINICIAN", "EHR_LIST", "OPIOID_TREATMENT_PROGRAM"}),
    "obtained_via": frozenset(["local", "mail", "foreign", "borrowed", "illicit"]),
}
_REPORT_KINDS = frozenset(["otc", "supplement", "illicit", "history"])
_CONVENTIONS = {
    "time": "UTC",
    "day_hours": "24",
    "k_half_lives": "5",
    "floor_hours": "336",
    "horizon_days": "400",
    "fires_when": "antagonist time < earliest start (equal is allowed)",
}
_SCENARIO_KEYS = frozenset(
    ["id", "title", "arithmetic", "source", "history_known_since", "facts", "expected_alerts", "must_not_raise"]
)
_EXACT = frozenset(
    [
        "severity",
        "earliest_safe_start",
        "urgency",
        "display",
        "requires_confirmation",
        "ends_at",
        "max_bud",
        "max_days_supply",
    ]
)
_ALERT_KEYS = _EXACT | {"rule", "reason_codes", "reason_codes_absent", "text_must_mention"}


class ScenarioFileError(Exception):
    """A scenario file that cannot be run. `code`: UNREADABLE, INVALID or UNKNOWN_ID."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """An alert that must be raised. `exact`: fields by name with the value of the FINDING document."""

    rule: str
    severity: str
    exact: Mapping[str, object]
    reason_codes: frozenset[str]
    reason_codes_absent: frozenset[str]
    text_must_mention: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One timeline."""

    scenario_id: str
    known_since: datetime | None
    facts_by_patient: Mapping[str, list[Fact]]
    holds_unread: bool
    expected: tuple[Expectation, ...]
    must_not_raise: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """All timelines of a file."""

    extra_alerts_allowed: frozenset[str]
    scenarios: tuple[Scenario, ...]


def read_scenarios(path: Path) -> ScenarioFile:
    """The scenarios of a file. Raises ScenarioFileError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506  # a BaseLoader: text only
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioFileError("UNREADABLE", f"{path.name}: {error}") from error
    except yaml.YAMLError as error:
        raise ScenarioFileError("INVALID", f"{path.name}: {error}") from error
    file = Node(content, path.name)
    file.only({"version", "conventions", "scenarios"})
    if file.text("version") != "2":
        raise file.error("version is not 2")
    conventions = file.child("conventions")
    conventions.only({*_CONVENTIONS, "extra_alerts_allowed"})
    for name, fixed in _CONVENTIONS.items():
        if conventions.text(name) != fixed:
            raise conventions.error(f"{name} is fixed to {fixed!r}")
    scenarios = tuple(_scenario(node) for node in file.children("scenarios"))
    ids = [scenario.scenario_id for scenario in scenarios]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise file.error(f"scenario ids stand twice: {', '.join(twice)}")
    return ScenarioFile(frozenset(conventions.texts("extra_alerts_allowed")), scenarios)


class _TextLoader(yaml.BaseLoader):
    """Scalars as text; a key that stands twice in one mapping is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Node:
    """A mapping of the file with its place, for errors that say where."""

    def __init__(self, content: object, place: str) -> None:
        self.place = place
        if not isinstance(content, dict):
            raise self.error("is not a mapping")
        self._content: dict[str, Any] = content

    def error(self, message: str) -> ScenarioFileError:
        """The error to raise about this mapping."""
        return ScenarioFileError("INVALID", f"{self.place}: {message}")

    def only(self, allowed: set[str] | frozenset[str]) -> None:
        """Refuses unknown keys."""
        if unknown := sorted(self._content.keys() - allowed):
            raise self.error(f"unknown keys {', '.join(unknown)}")

    def keys(self) -> set[str]:
        """The keys that are there."""
        return set(self._content)

    def optional(self, key: str) -> str | None:
        """A scalar, None where the key is absent."""
        value = self._content.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{key} is not a scalar")
        return value

    def text(self, key: str) -> str:
        """A scalar that must be there."""
        value = self.optional(key)
        if not value:
            raise self.error(f"{key} is missing")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of scalars, empty where the key is absent."""
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(f"{key} is not a list of texts")
        return value

    def child(self, key: str) -> "Node":
        """A mapping below."""
        return Node(self._content.get(key), f"{self.place} {key}")

    def children(self, key: str) -> list["Node"]:
        """A list of mappings below, empty where the key is absent."""
        value = self._content.get(key, [])
        if not isinstance(value, list):
            raise self.error(f"{key} is not a list")
        return [Node(one, f"{self.place} {key}[{number}]") for number, one in enumerate(value, 1)]

    def flag(self, key: str) -> bool:
        """True or false; absent = false."""
        value = self.optional(key)
        if value not in (None, "true", "false"):
            raise self.error(f"{key} is neither true nor false: {value!r}")
        return value == "true"

    def word(self, key: str, allowed: frozenset[str]) -> str | None:
        """One of the allowed words, None where the key is absent."""
        value = self.optional(key)
        if value is not None and value not in allowed:
            raise self.error(f"{key} {value!r} is not one of {', '.join(sorted(allowed))}")
        return value

    def decimal(self, key: str) -> Decimal | None:
        """A finite decimal of zero or more, None where the key is absent."""
        value = self.optional(key)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self.error(f"{key} is not a number: {value!r}") from None
        if not number.is_finite() or number < 0:
            raise self.error(f"{key} is not a finite number of zero or more: {value!r}")
        return number

    def whole(self, key: str) -> int | None:
        """A whole number of zero or more, None where the key is absent."""
        number = self.decimal(key)
        if number is not None and number != int(number):
            raise self.error(f"{key} is not a whole number")
        return None if number is None else int(number)

    def moment(self, key: str, zone: str) -> Moment | None:
        """An instant, or a local date in the zone; None where the key is absent."""
        value = self.optional(key)
        if value is None:
            return None
        try:
            if _DATE.fullmatch(value):
                return Moment.local_date(date.fromisoformat(value), zone)
            if _INSTANT.fullmatch(value):
                return Moment.instant(datetime.fromisoformat(value))
        except ValueError as error:
            raise self.error(f"{key}: {error}") from error
        raise self.error(f"{key} is neither an instant with zone nor a date: {value!r}")


def _scenario(node: Node) -> Scenario:
    node.only(_SCENARIO_KEYS)
    scenario_id = node.text("id")
    node.place = f"scenario {scenario_id}"
    known = node.moment("history_known_since", "UTC")
    facts = _facts(node.children("facts"))
    nodes = node.children("facts")
    holds_unread = any(one.text("type") in _UNREAD_KINDS or one.keys() & _UNREAD_FIELDS for one in nodes)
    return Scenario(
        scenario_id=scenario_id,
        # Absent means that the whole history is known.
        known_since=known.earliest if known else datetime.fromisoformat("0001-01-01T00:00:00+00:00"),
        facts_by_patient=facts,
        holds_unread=holds_unread,
        expected=tuple(_expectation(one) for one in node.children("expected_alerts")),
        must_not_raise=frozenset(node.texts("must_not_raise")),
    )


def _expectation(node: Node) -> Expectation:
    node.only(_ALERT_KEYS)
    severity = node.word("severity", frozenset(Severity))
    exact: dict[str, object] = {name: _exact_value(node, name) for name in sorted(_EXACT & node.keys())}
    return Expectation(
        rule=node.text("rule"),
        severity=severity or "",
        exact=exact,
        reason_codes=frozenset(node.texts("reason_codes")),
        reason_codes_absent=frozenset(node.texts("reason_codes_absent")),
        text_must_mention=tuple(node.texts("text_must_mention")),
    )


def _exact_value(node: Node, name: str) -> object:
    """The value as the FINDING document has it."""
    value = node.optional(name)
    if value in (None, "null", "~", ""):
        return None
    if name in ("earliest_safe_start", "ends_at"):
        moment = node.moment(name, "UTC")
        if moment is None or moment.imprecise:
            raise node.error(f"{name} is not an instant")
        return utc_text(moment.earliest)
    if name == "requires_confirmation":
        return node.flag(name)
    return node.whole(name) if name == "max_days_supply" else value


def _facts(nodes: list[Node]) -> dict[str, list[Fact]]:
    sources = {
        node.optional("id") or f"e{number}": node.optional("source") or "" for number, node in enumerate(nodes, 1)
    }
    patients: dict[str, list[Fact]] = {}
    for number, node in enumerate(nodes, 1):
        fact = _fact(node, number, sources)
        if fact is not None:
            patients.setdefault(node.optional("patient") or "P", []).append(fact)
    return patients


def _fact(node: Node, number: int, sources: Mapping[str, str]) -> Fact | None:
    kind = node.text("type")
    if kind not in _KEYS:
        raise node.error(f"unknown type {kind!r}")
    node.only(_ENVELOPE | _KEYS[kind])
    zone = node.optional("zone") or "UTC"
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
    if kind in _UNREAD_KINDS:
        return UnreadFact(kind=_UNREAD_KINDS[kind], **envelope)
    return _BUILD[kind](_Reading(node, zone, sources), envelope)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A fact's mapping with what its values need."""

    node: Node
    zone: str
    sources: Mapping[str, str]

    def key(self, name: str) -> bytes | None:
        """The key of the event that the fact names."""
        named = self.node.optional(name)
        return event_key(self.sources.get(named, ""), named) if named else None

    def required_key(self) -> bytes:
        """The key of the event that the fact must name."""
        return event_key(self.sources.get(self.node.text("refers_to"), ""), self.node.text("refers_to"))

    def medicine(self) -> Medicine:
        """The medicine; uncoded where neither ingredient nor form nor a known code is stated."""
        node = self.node
        ingredients, form_key = tuple(node.texts("ingredients")), node.optional("form_key")
        code = node.optional("rxnorm")
        known = bool(ingredients or form_key) or load_catalogue().product(code) is not None
        return Medicine(
            text=node.optional("product") or "",
            coded=known and not node.flag("uncoded"),
            ingredients=ingredients,
            form_key=form_key,
            product_code=code,
            route=node.word("route", _WORDS["route"]),
            directions=node.optional("sig") or "",
            daily_dose_mg=node.decimal("daily_dose_mg"),
            days_supply=node.decimal("days_supply"),
            as_needed=node.flag("prn"),
            quantity=node.decimal("quantity"),
            patches=node.whole("quantity_patches"),
        )


def _prescription(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    node = reading.node
    return Prescription(
        medicine=reading.medicine(),
        status=node.word("status", _WORDS["status"]) or "active",
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
        **envelope,
    )


def _administration(reading: _Reading, envelope: Mapping[str, Any]) -> Fact:
    return Administration(
        medicine=reading.medicine(),
        fill=reading.key("refers_to"),
        setting=reading.node.word("setting", _WORDS["setting"]) or "outpatient",
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
}
