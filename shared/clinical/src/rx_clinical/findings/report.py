"""A finding as the JSON document that `--json` prints: text, lists and None only."""

from datetime import datetime
from decimal import Decimal

from rx_clinical.findings.wording import number_text, utc_text
from rx_clinical.model.findings import ArithmeticLine, Finding


def finding_to_json(finding: Finding) -> dict[str, object]:
    """Times RFC 3339 UTC with Z, hours as decimal text without trailing zeros, unknown = None."""
    return {
        "finding_id": finding.finding_id.hex(),
        "rule": finding.rule,
        "family": finding.family,
        "severity": str(finding.severity),
        "display": str(finding.display),
        "reason_codes": list(finding.reason_codes),
        "anchor_event_id": finding.anchor_event_id,
        "counterpart": finding.counterpart,
        "active_from": _time(finding.active_from),
        "earliest_start_time": _time(finding.earliest_start_time),
        "no_start_time_reason": _text(finding.no_start_time_reason),
        "ends_at": _time(finding.ends_at),
        "urgency": _text(finding.urgency),
        "requires_confirmation": finding.requires_confirmation,
        "text": finding.text,
        "recommended_actions": list(finding.recommended_actions),
        "arithmetic": [line_to_json(line) for line in finding.arithmetic],
        "max_bud": finding.max_bud.isoformat() if finding.max_bud else None,
        "max_days_supply": finding.max_days_supply,
        "evidence_level": finding.evidence_level,
        "assumptions": list(finding.assumptions),
        "sources": list(finding.sources),
    }


def line_to_json(line: ArithmeticLine) -> dict[str, object]:
    """One exposure's window."""
    return {
        "ingredient": line.ingredient,
        "form_key": line.form_key,
        "supply_end": _time(line.supply_end),
        "possible_end": _time(line.possible_end),
        "label_interval_h": _number(line.label_interval_h),
        "half_life_high_h": _number(line.half_life_high_h),
        "multiplier": _number(line.multiplier),
        "hard_window_h": _number(line.hard_window_h),
        "policy_window_h": _number(line.policy_window_h),
        "elapsed_h": _number(line.elapsed_h),
        "text": line.text,
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else utc_text(time)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else number_text(value)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)
