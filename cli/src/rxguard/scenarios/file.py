"""A scenario file (version 2): timelines and what each must raise."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rx_clinical.findings.wording import utc_text
from rx_clinical.model.facts import Fact, UnreadFact
from rx_clinical.model.findings import Severity
from rx_clinical.model.reasons import current_code

from rxguard.scenarios.facts import facts_by_patient
from rxguard.scenarios.yaml_reader import Node, read_yaml

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
    expected: tuple[Expectation, ...]
    must_not_raise: frozenset[str]

    @property
    def holds_unread(self) -> bool:
        """Some fact is of a type that the core does not read yet."""
        return any(isinstance(fact, UnreadFact) for facts in self.facts_by_patient.values() for fact in facts)


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """All timelines of a file."""

    extra_alerts_allowed: frozenset[str]
    scenarios: tuple[Scenario, ...]


def read_scenarios(path: Path) -> ScenarioFile:
    """Return the scenarios of a file. Raises ScenarioFileError."""
    file = read_yaml(path)
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
    if twice := sorted({scenario_id for scenario_id in ids if ids.count(scenario_id) > 1}):
        raise file.error(f"scenario ids stand twice: {', '.join(twice)}")
    return ScenarioFile(frozenset(conventions.texts("extra_alerts_allowed")), scenarios)


def _scenario(node: Node) -> Scenario:
    node.only(_SCENARIO_KEYS)
    scenario_id = node.text("id")
    node.place = f"scenario {scenario_id}"
    known = node.moment("history_known_since", "UTC")
    return Scenario(
        scenario_id=scenario_id,
        # Absent means that the whole history is known.
        known_since=known.earliest if known else datetime.min.replace(tzinfo=UTC),
        facts_by_patient=facts_by_patient(node.children("facts")),
        expected=tuple(_expectation(expected) for expected in node.children("expected_alerts")),
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
        reason_codes=frozenset(map(current_code, node.texts("reason_codes"))),
        reason_codes_absent=frozenset(map(current_code, node.texts("reason_codes_absent"))),
        text_must_mention=tuple(node.texts("text_must_mention")),
    )


def _exact_value(node: Node, name: str) -> object:
    """Return the value as the FINDING document has it."""
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
