"""Write the FINDING document of `--json` and `rx.alerts.v1`: the only writer. Imports nothing of the clinical core."""

from pharmacy.events.v1 import finding_pb2

from rx_contracts.wire.times import optional_rfc3339


def severity_name(severity: finding_pb2.Severity) -> str:
    """Return the lower-case name, for example `major`. Raises ValueError for a number this version does not know."""
    return finding_pb2.Severity.Name(severity).removeprefix("SEVERITY_").lower()


def display_name(display: finding_pb2.Display) -> str:
    """Return the lower-case name, for example `queue`. Raises ValueError for a number this version does not know."""
    return finding_pb2.Display.Name(display).removeprefix("DISPLAY_").lower()


def finding_json(finding: finding_pb2.Finding) -> dict[str, object]:
    """Return the FINDING document of a finding.

    Times are RFC 3339 in UTC with Z, doses and hours plain decimal text without trailing zeros, unknown values None.
    """
    return {
        "finding_id": finding.finding_id.hex(),
        "rule": finding.rule,
        "family": finding.family,
        "severity": severity_name(finding.severity),
        "display": display_name(finding.display),
        "reason_codes": list(finding.reason_codes),
        "anchor_event_id": finding.anchor_event_id,
        "counterpart": finding.counterpart or None,
        "active_from": optional_rfc3339(finding, "active_from_time"),
        "earliest_start_time": optional_rfc3339(finding, "earliest_start_time"),
        "no_start_time_reason": finding.no_start_time_reason or None,
        "ends_at": optional_rfc3339(finding, "ends_time"),
        "urgency": finding.urgency or None,
        "requires_confirmation": finding.requires_confirmation,
        "text": finding.text,
        "recommended_actions": list(finding.recommended_actions),
        "arithmetic": [_arithmetic_json(line) for line in finding.arithmetic],
        "max_bud": finding.max_bud or None,
        "max_days_supply": finding.max_days_supply if finding.HasField("max_days_supply") else None,
        "evidence_level": finding.evidence_level,
        "assumptions": list(finding.assumptions),
        "sources": list(finding.sources),
    }


def _arithmetic_json(line: finding_pb2.ArithmeticLine) -> dict[str, object]:
    return {
        "ingredient": line.ingredient,
        "form_key": line.form_key or None,
        "supply_end": optional_rfc3339(line, "supply_end_time"),
        "possible_end": optional_rfc3339(line, "possible_end_time"),
        "label_interval_h": line.label_interval_h or None,
        "half_life_high_h": line.half_life_high_h or None,
        "multiplier": line.multiplier or None,
        "hard_window_h": line.hard_window_h or None,
        "policy_window_h": line.policy_window_h or None,
        "elapsed_h": line.elapsed_h or None,
        "text": line.text,
    }
