"""What a check answers. It never says safe."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rx_clinical import Assessment, Finding
from rx_clinical.model.facts import Fact
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason


class Answer(StrEnum):
    """What to do."""

    HOLD = "HOLD"
    CONFIRM = "CONFIRM"
    NO_FINDING_IN_KNOWN_HISTORY = "NO_FINDING_IN_KNOWN_HISTORY"
    NOT_ASSESSED = "NOT_ASSESSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far a source has come: the newest time at which it recorded anything, for any patient."""

    source: str
    newest_recorded_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHistory:
    """What is on record about a patient, and how far the record reaches."""

    facts: tuple[Fact, ...]  # one an event
    known_since: datetime | None  # None: no source declares a complete history
    sources: tuple[Freshness, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer with everything it rests on."""

    answer: Answer
    findings: tuple[Finding, ...]  # raised by this dispense, or resting on it
    standing: tuple[Finding, ...]  # hold without it
    assessment: Assessment
    gaps: tuple[str, ...]  # never empty
    history: KnownHistory


def raised_by_dispense(
    without: Iterable[Finding], with_dispense: Iterable[Finding]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that the dispense raises or changes, and those that stand as they were.

    One that rests on the dispense is never among the second: it cannot have been there without it.
    """
    before = {finding.finding_id: finding for finding in without}
    raised: list[Finding] = []
    standing: list[Finding] = []
    for finding in with_dispense:
        (standing if before.get(finding.finding_id) == finding else raised).append(finding)
    return tuple(raised), tuple(standing)


def answer_to(raised: Iterable[Finding], *, assessed: bool, unread: bool) -> Answer:
    """The worst reading wins; a finding is never hidden behind NOT_ASSESSED.

    HOLD     a finding that interrupts, or is contraindicated or major; not one of an ultra-low dose that prescriber and
             pharmacist have both confirmed: that is what the hold waited for
    CONFIRM  a finding that is moderate, waits in the worklist or asks for a confirmation; or something on record that
             may matter to the product asked about was not read
    NOT_ASSESSED  none of these, and the product asked about, or part of it, is unknown
    NO_FINDING_IN_KNOWN_HISTORY  none of these; lines for the profile change nothing and are listed
    """
    findings = tuple(raised)
    if any(_holds(finding) for finding in findings):
        return Answer.HOLD
    if unread or any(_asks(finding) for finding in findings):
        return Answer.CONFIRM
    return Answer.NO_FINDING_IN_KNOWN_HISTORY if assessed else Answer.NOT_ASSESSED


def _holds(finding: Finding) -> bool:
    serious = finding.severity in (Severity.CONTRAINDICATED, Severity.MAJOR)
    confirmed = Reason.ULDN_CONFIRMED in finding.reason_codes
    return serious or (finding.display is Display.INTERRUPTIVE and not confirmed)


def _asks(finding: Finding) -> bool:
    in_worklist = finding.display is not Display.PROFILE
    return in_worklist or finding.severity is Severity.MODERATE or finding.requires_confirmation
