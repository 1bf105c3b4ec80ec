"""Convert findings of the clinical core to messages: one finding, its coverage, and the finding set of a patient."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from pharmacy.events.v1 import finding_pb2
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.findings import ArithmeticLine, Assessment, Basis, Finding

from rx_contracts.versions import FindingSetVersion
from rx_contracts.wire.decimals import decimal_text
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.times import optional_timestamp, timestamp


class PublishedFindings(NamedTuple):
    """One patient's findings as published."""

    value: bytes
    """The encoded `FindingSet`."""
    content_hash: bytes
    """See `finding_set_hash`."""


def published_findings(
    patient: bytes, position: int, assessment: Assessment, catalogue: Catalogue, *, state_epoch: int = 0
) -> PublishedFindings:
    """Encode all findings of one patient; equal input gives equal bytes.

    `patient` is the pseudonym, 16 bytes; `position` the offset of the newest event assessed, -1 if none was.
    """
    # Encoded parts of a message, concatenated in field order, are the encoded message: each part is encoded once.
    head = finding_pb2.FindingSet(
        patient=patient,
        ruleset_seq=catalogue.ruleset_seq,
        ruleset_version=catalogue.ruleset_version,
        position=position,
    ).SerializeToString(deterministic=True)
    findings = finding_pb2.FindingSet(
        findings=[finding_to_proto(found) for found in sorted(assessment.findings, key=lambda found: found.finding_id)]
    ).SerializeToString(deterministic=True)
    content = findings + _encoded_coverage(assessment.rules_run, assessment.rules_not_covered, assessment.unread)
    tail = finding_pb2.FindingSet(build=state_epoch).SerializeToString(deterministic=True)
    return PublishedFindings(value=head + content + tail, content_hash=hashlib.sha256(content).digest())


def finding_set_version(published: finding_pb2.FindingSet) -> FindingSetVersion:
    """Return the version of a finding set: the highest of a patient's sets is the current one."""
    return FindingSetVersion(published.build, published.ruleset_seq, published.position)


def finding_set_hash(published: finding_pb2.FindingSet) -> bytes:
    """Return the SHA-256 over findings and coverage: equal for equal content, whatever the version and the producer."""
    content = finding_pb2.FindingSet(findings=published.findings, coverage=published.coverage)
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


@lru_cache(64)
def _encoded_coverage(run: tuple[str, ...], not_covered: tuple[str, ...], unread: tuple[str, ...]) -> bytes:
    """Encode a `FindingSet` that holds nothing but its coverage."""
    return finding_pb2.FindingSet(coverage=_coverage(run, not_covered, unread)).SerializeToString(deterministic=True)


def coverage(assessment: Assessment) -> finding_pb2.Coverage:
    """Return which rules ran, which are not covered and which kinds of facts were not read; each sorted."""
    return _coverage(assessment.rules_run, assessment.rules_not_covered, assessment.unread)


def _coverage(run: Iterable[str], not_covered: Iterable[str], unread: Iterable[str]) -> finding_pb2.Coverage:
    return finding_pb2.Coverage(
        rules_run=sorted(run), rules_not_covered=sorted(not_covered), facts_not_read=sorted(set(unread))
    )


def finding_to_proto(finding: Finding) -> finding_pb2.Finding:
    """Return the message of one finding."""
    return finding_pb2.Finding(
        finding_id=finding.finding_id,
        rule=finding.rule,
        family=finding.family,
        severity=f"SEVERITY_{finding.severity.upper()}",
        display=f"DISPLAY_{finding.display.upper()}",
        reason_codes=finding.reason_codes,
        anchor_key=finding.anchor_key,
        anchor_event_id=finding.anchor_event_id,
        counterpart=finding.counterpart or "",
        active_from_time=timestamp(finding.active_from),
        earliest_start_time=optional_timestamp(finding.earliest_start_time),
        no_start_time_reason=finding.no_start_time_reason or "",
        ends_time=optional_timestamp(finding.ends_at),
        urgency=finding.urgency or "",
        requires_confirmation=finding.requires_confirmation,
        text=finding.text,
        recommended_actions=finding.recommended_actions,
        arithmetic=[_arithmetic_to_proto(line) for line in finding.arithmetic],
        max_bud=str(finding.max_bud or ""),
        max_days_supply=finding.max_days_supply,
        evidence_level=finding.evidence_level,
        assumptions=finding.assumptions,
        sources=finding.sources,
        basis=[_basis_to_proto(basis) for basis in finding.basis],
    )


def finding_document(finding: Finding) -> dict[str, object]:
    """Return the FINDING document of a finding of the core, see `finding_json`."""
    return finding_json(finding_to_proto(finding))


def _arithmetic_to_proto(line: ArithmeticLine) -> finding_pb2.ArithmeticLine:
    return finding_pb2.ArithmeticLine(
        ingredient=line.ingredient,
        form_key=line.form_key or "",
        supply_end_time=optional_timestamp(line.supply_end),
        possible_end_time=optional_timestamp(line.possible_end),
        label_interval_h=decimal_text(line.label_interval_h),
        half_life_high_h=decimal_text(line.half_life_high_h),
        multiplier=decimal_text(line.multiplier),
        hard_window_h=decimal_text(line.hard_window_h),
        policy_window_h=decimal_text(line.policy_window_h),
        elapsed_h=decimal_text(line.elapsed_h),
        text=line.text,
    )


def _basis_to_proto(basis: Basis) -> finding_pb2.Basis:
    return finding_pb2.Basis(
        role=basis.role,
        event_key=basis.key,
        event_id=basis.event_id,
        source=basis.source,
        site_id=basis.site,
        name=basis.name,
        form_key=basis.form_key or "",
        rx_number=basis.rx_number or "",
        fill_number=basis.fill_number or "",
    )
