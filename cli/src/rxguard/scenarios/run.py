"""Worked timelines: reads a scenario file, runs the clinical core on each and compares with what is expected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rx_clinical import Catalogue, Finding, History, assess, load_catalogue
from rx_clinical.assessment import not_covered
from rx_contracts.wire.finding_messages import finding_document

from rxguard.scenarios.file import Expectation, Scenario, read_scenarios
from rxguard.scenarios.yaml_reader import ScenarioFileError

__all__ = ["ScenarioFileError", "run_scenarios"]

Document = dict[str, Any]


def run_scenarios(path: Path, only: Sequence[str] | None = None) -> Document:
    """Return the document of `rxguard scenarios --json`.

    Raises ScenarioFileError (with a `code`) for a file that is unreadable or not in the format, and for unknown ids.
    """
    file = read_scenarios(path)
    known = {scenario.scenario_id for scenario in file.scenarios}
    if unknown := sorted(set(only or ()) - known):
        raise ScenarioFileError("UNKNOWN_ID", f"no scenario {', '.join(unknown)} in {path.name}")
    catalogue = load_catalogue()
    chosen = [scenario for scenario in file.scenarios if only is None or scenario.scenario_id in only]
    results = [run_scenario(scenario, file.extra_alerts_allowed, catalogue) for scenario in chosen]
    statuses = [result["status"] for result in results]
    return {
        "format": 1,
        "ruleset_version": catalogue.ruleset_version,
        "summary": {
            "total": len(results),
            "passed": statuses.count("pass"),
            "failed": statuses.count("fail"),
            "not_covered": statuses.count("not_covered"),
        },
        "scenarios": results,
    }


def run_scenario(scenario: Scenario, extra_allowed: frozenset[str], catalogue: Catalogue) -> Document:
    """One scenario's status, differences and findings."""
    findings = [
        finding
        for facts in scenario.facts_by_patient.values()
        for finding in assess(History(facts=facts, known_since=scenario.known_since), catalogue).findings
    ]
    findings.sort(key=lambda finding: (finding.severity.rank, finding.rule, finding.finding_id))
    if is_not_covered(scenario, catalogue):
        status, differences = "not_covered", []
    else:
        differences = compare(scenario, findings, extra_allowed)
        status = "fail" if differences else "pass"
    return {
        "id": scenario.scenario_id,
        "status": status,
        "differences": differences,
        "findings": [finding_document(finding) for finding in findings],
    }


def is_not_covered(scenario: Scenario, catalogue: Catalogue) -> bool:
    """Return True if the scenario expects or holds something that the core does not cover."""
    lacking = set(not_covered(catalogue))
    expects = {alert.rule for alert in scenario.expected}
    expects.update(code for alert in scenario.expected for code in alert.reason_codes)
    return scenario.holds_unread or bool(expects & lacking)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing in which a finding differs from what is expected."""

    kind: str  # field or text
    field: str
    expected: object
    actual: object


def compare(scenario: Scenario, findings: Sequence[Finding], extra_allowed: frozenset[str]) -> list[Document]:
    """Differences: what is missing, what nobody expected, and fields or texts that are not as expected."""
    differences: list[Document] = []
    explained: set[bytes] = set()
    for alert in scenario.expected:
        candidates = [finding for finding in findings if finding.rule == alert.rule]
        if not candidates:
            differences.append(difference("missing", alert.rule, expected=alert.severity))
            continue
        mismatches = {finding.finding_id: mismatches_of(alert, finding) for finding in candidates}
        exact = [finding_id for finding_id, found in mismatches.items() if not found]
        explained.update(exact)
        if not exact:
            closest = min(mismatches, key=lambda finding_id: len(mismatches[finding_id]))
            explained.add(closest)
            differences.extend(
                difference(mismatch.kind, alert.rule, mismatch.field, mismatch.expected, mismatch.actual)
                for mismatch in mismatches[closest]
            )
    differences.extend(unexpected(scenario, findings, explained, extra_allowed))
    return differences


def unexpected(
    scenario: Scenario, findings: Iterable[Finding], explained: set[bytes], extra_allowed: frozenset[str]
) -> Iterable[Document]:
    """Yield findings that must not be raised, and interruptive ones that the scenario does not expect."""
    for finding in findings:
        forbidden = finding.rule in scenario.must_not_raise
        allowed = finding.finding_id in explained or finding.display == "profile" or finding.rule in extra_allowed
        if forbidden or not allowed:
            yield difference("unexpected", finding.rule, actual=str(finding.severity))


def mismatches_of(alert: Expectation, finding: Finding) -> list[Mismatch]:
    """How a finding of the right rule differs from the expected alert."""
    document = finding_document(finding)
    found = [
        Mismatch("field", name, expected, document[_DOCUMENT_KEYS.get(name, name)])
        for name, expected in alert.exact.items()
        if document[_DOCUMENT_KEYS.get(name, name)] != expected
    ]
    if lacking := sorted(alert.reason_codes - set(finding.reason_codes)):
        found.append(Mismatch("field", "reason_codes", lacking, list(finding.reason_codes)))
    if present := sorted(alert.reason_codes_absent & set(finding.reason_codes)):
        found.append(Mismatch("field", "reason_codes_absent", present, list(finding.reason_codes)))
    said = "\n".join((finding.text, *finding.recommended_actions, *(line.text for line in finding.arithmetic))).lower()
    found.extend(Mismatch("text", "text", word, None) for word in alert.text_must_mention if word.lower() not in said)
    return found


_DOCUMENT_KEYS: Mapping[str, str] = {"earliest_safe_start": "earliest_start_time"}


def difference(
    kind: str, rule: str, field: str | None = None, expected: object = None, actual: object = None
) -> Document:
    """One entry of `differences`."""
    return {"kind": kind, "rule": rule, "field": field, "expected": expected, "actual": actual}
