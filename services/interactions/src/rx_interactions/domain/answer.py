"""Decide the answer of a check. No answer says that a dispense is safe."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rx_clinical import Assessment, Finding
from rx_clinical.model.facts import Fact
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason


class Answer(StrEnum):
    """Advice to the caller, see `answer_to`."""

    HOLD = "HOLD"
    CONFIRM = "CONFIRM"
    NO_FINDING_IN_KNOWN_HISTORY = "NO_FINDING_IN_KNOWN_HISTORY"
    NOT_ASSESSED = "NOT_ASSESSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Freshness of a source: the newest time at which it recorded an event of any patient; None if it has none."""

    source: str
    newest_recorded_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHistory:
    """Recorded history of a patient, and how far back and how recent it is."""

    facts: tuple[Fact, ...]  # one for each event
    known_since: datetime | None  # None: no source declares a complete history
    sources: tuple[Freshness, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Answer of a check with its findings and its basis."""

    answer: Answer
    findings: tuple[Finding, ...]  # raised or changed by this dispense
    unchanged: tuple[Finding, ...]  # active without it and unchanged
    assessment: Assessment
    gaps: tuple[str, ...]  # never empty
    history: KnownHistory


def split_findings(
    without: Iterable[Finding], with_dispense: Iterable[Finding]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Split findings into those that the dispense raises or changes, and those that it leaves unchanged.

    A finding whose basis holds the dispense is never unchanged: it cannot exist without it.
    """
    before = {finding.finding_id: finding for finding in without}
    raised: list[Finding] = []
    unchanged: list[Finding] = []
    for finding in with_dispense:
        (unchanged if before.get(finding.finding_id) == finding else raised).append(finding)
    return tuple(raised), tuple(unchanged)


def choose_answer(raised: Iterable[Finding], *, assessed: bool, unread: bool) -> Answer:
    """Return the most severe answer that applies; NOT_ASSESSED never hides a finding.

    HOLD     a finding is contraindicated, major or interruptive. Not for an interruptive finding on an ultra-low dose
             that prescriber and pharmacist have both confirmed: the confirmation ends the hold
    CONFIRM  a finding is moderate, in the worklist or needs a confirmation; or a recorded fact that may matter to the
             product was not read
    NOT_ASSESSED  none of these, and the product, or part of it, is unknown
    NO_FINDING_IN_KNOWN_HISTORY  none of these; profile findings are listed and change nothing
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
