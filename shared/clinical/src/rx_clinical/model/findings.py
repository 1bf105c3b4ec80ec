"""The output of the core: findings, the rules that ran, and what is not covered. It never states that a use is safe."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from rx_clinical.model.codes import FormKey, Word


class Severity(StrEnum):
    """Severity of a finding, worst first."""

    CONTRAINDICATED = "contraindicated"
    MAJOR = "major"
    MODERATE = "moderate"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Return the rank, 0 = worst."""
        return _SEVERITY_ORDER[self]

    def at_most(self, cap: "Severity") -> "Severity":
        """Return the milder of the two severities."""
        return self if self.rank >= cap.rank else cap


_SEVERITY_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


class Display(StrEnum):
    """How a finding is shown, independent of its severity: as an alert, a worklist item or a profile line."""

    INTERRUPTIVE = "interruptive"
    QUEUE = "queue"
    PROFILE = "profile"


class Urgency(StrEnum):
    """Whether the medicine of the anchor event can still be withheld."""

    CAN_STOP = "CAN_STOP"  # written or filled
    WITH_PATIENT = "WITH_PATIENT"  # handed over, given or reported


class NoStartTime(StrEnum):
    """Why a finding has no earliest start."""

    ONGOING_NO_END = "ONGOING_NO_END"
    CONCURRENT_BY_INTENT = "CONCURRENT_BY_INTENT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class BasisRole(Word):
    """Role in which a fact supports a finding."""

    ANTAGONIST = "antagonist"
    OPIOID = "opioid"
    PRECIPITANT = "interacting"
    PATIENT = "patient"
    EVIDENCE = "evidence"
    DEFICIENT = "deficient"  # something about the fact itself is missing or wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticLine:
    """The washout arithmetic of one opioid exposure, complete enough to be redone by hand. Hours are exact decimals."""

    ingredient: str
    form_key: FormKey | None
    supply_end: datetime | None  # documented end; None: no recorded supply, or no end
    possible_end: datetime | None  # None: no end
    label_interval_h: Decimal
    half_life_high_h: Decimal
    multiplier: Decimal
    hard_window_h: Decimal  # rounded up to a whole minute
    policy_window_h: Decimal  # rounded up to a whole minute; earliest start = possible_end + this
    elapsed_h: Decimal | None  # from supply_end to the time judged, negative before it
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A fact that a finding rests on."""

    role: BasisRole
    key: bytes
    event_id: str
    source: str
    site: str
    name: str
    form_key: FormKey | None
    rx_number: str | None
    fill_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one rule for one anchor event and one counterpart. Times are aware UTC."""

    finding_id: bytes  # 16 bytes
    rule: str
    family: str
    severity: Severity
    display: Display
    reason_codes: tuple[str, ...]
    anchor_key: bytes
    anchor_event_id: str
    anchor_source: str
    counterpart: str | None  # form_key of the other side, else its ingredient code, else its name
    active_from: datetime
    earliest_start_time: datetime | None
    no_start_time_reason: NoStartTime | None
    ends_at: datetime | None
    urgency: Urgency | None
    requires_confirmation: bool
    text: str
    recommended_actions: tuple[str, ...]
    arithmetic: tuple[ArithmeticLine, ...]
    max_bud: date | None = None
    max_days_supply: int | None = None
    evidence_level: str
    assumptions: tuple[str, ...]
    sources: tuple[str, ...]
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSatisfied:
    """An antagonist event after the whole washout window of an opioid exposure, with the arithmetic."""

    anchor_key: bytes
    anchor_event_id: str
    line: ArithmeticLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The findings of a history, and what the assessment covered."""

    findings: tuple[Finding, ...]  # sorted by severity, rule, anchor, counterpart
    rules_run: tuple[str, ...]
    rules_not_covered: tuple[str, ...]  # rule ids and reason codes
    satisfied: tuple[WindowSatisfied, ...]
    unread: tuple[str, ...]  # kinds of facts that the core does not read, each once
