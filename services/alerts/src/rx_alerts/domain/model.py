"""The values that alerts are made of, independent of messages and storage."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from rx_contracts.ids import EventKey, Pseudonym
from rx_contracts.versions import FindingSetVersion

from rx_alerts.domain.lifecycle import AlertState, ChangeKind

ANTAGONIST = "antagonist"
OPIOID = "opioid"
PATIENT_ROLES = frozenset({"patient", "evidence"})
"""Roles of basis facts that are not medicines."""

BASIS_WITHDRAWN = "BASIS_WITHDRAWN"
ONGOING_NO_END = "ONGOING_NO_END"


class AlertSeverity(IntEnum):
    """Clinical severity of a line; a greater number is worse. Numbers of the proto enum `Severity`."""

    INFO = 1
    MODERATE = 2
    MAJOR = 3
    CONTRAINDICATED = 4


class AlertDisplay(IntEnum):
    """Prominence of a line; a greater number is more prominent. Numbers of the proto enum `Display`."""

    PROFILE = 1
    QUEUE = 2
    INTERRUPTIVE = 3


class SubjectKind(StrEnum):
    """Kind of subject of an alert."""

    ANTAGONIST_COURSE = "antagonist_course"
    INTERACTION = "interaction"  # of medicines, whether or not an antagonist is one of them
    DATA = "data"  # a record or a product that a person must correct


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBasis:
    """Fact that a finding is based on, with the ids by which its sender finds the record."""

    role: str  # ANTAGONIST, OPIOID, one of PATIENT_ROLES, or another role of a medicine
    event_key: EventKey
    event_id: str
    source: str
    site_id: str
    product: str  # form key of the drug table, else the name of the medicine
    rx_number: str
    fill_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One finding of an alert. `encoded` is the whole finding as received; the other fields are those decided on."""

    finding_id: bytes
    rule: str
    family: str
    severity: AlertSeverity
    display: AlertDisplay
    anchor_key: EventKey
    counterpart: str  # form key, ingredient code, name, keyword or event id of the other side; empty if there is none
    text: str
    earliest_start_time: datetime | None
    no_start_time_reason: str
    basis: tuple[LineBasis, ...]
    encoded: bytes

    def products(self, role: str | None = None) -> frozenset[str]:
        """Return the products of its basis, of one role or of any."""
        return frozenset(basis.product for basis in self.basis if role in (None, basis.role))

    @property
    def medicines(self) -> frozenset[str]:
        """Medicines of its basis, without facts about the patient."""
        return frozenset(basis.product for basis in self.basis if basis.role not in PATIENT_ROLES)

    @property
    def anchor_products(self) -> frozenset[str]:
        """Products of its anchor event: several if that has several roles, none if the basis omits it."""
        return frozenset(basis.product for basis in self.basis if basis.event_key == self.anchor_key)

    @property
    def opens_alert(self) -> bool:
        """True unless the line is of display profile: such a line only accompanies an alert."""
        return self.display > AlertDisplay.PROFILE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFindings:
    """Finding set as received: all current findings of one patient. A finding that is absent is withdrawn."""

    patient: Pseudonym
    version: FindingSetVersion
    ruleset_version: str
    lines: tuple[AlertLine, ...]
    encoded: bytes

    @property
    def ruleset_seq(self) -> int:
        """Sequence number of the ruleset that assessed the patient."""
        return self.version.ruleset_seq


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Subject of an alert. At most one alert of a patient is open for a subject."""

    kind: SubjectKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An antagonist course of a patient, or another item that needs a person. `lines` are worst first, never empty."""

    alert_id: UUID
    revision: int  # number of changes of this alert, from 1; a reader keeps the highest
    patient: Pseudonym
    subject: Subject
    state: AlertState
    lines: tuple[AlertLine, ...]
    opened_time: datetime
    resolved_time: datetime | None
    resolution: str  # empty while open
    ruleset_seq: int
    ruleset_version: str

    @property
    def headline(self) -> str:
        """Text of the worst line."""
        return self.lines[0].text

    @property
    def severity(self) -> AlertSeverity:
        """Severity of the worst line."""
        return self.lines[0].severity

    @property
    def display(self) -> AlertDisplay:
        """Display of the most prominent line."""
        return max(line.display for line in self.lines)

    @property
    def site_id(self) -> str:
        """Site of the worst line's anchor event; empty if its basis omits that event."""
        worst = self.lines[0]
        return next((basis.site_id for basis in worst.basis if basis.event_key == worst.anchor_key), "")

    @property
    def earliest_start_time(self) -> datetime | None:
        """Latest earliest start of the lines; None if an opioid has no end or no line gives a start."""
        if any(line.no_start_time_reason == ONGOING_NO_END for line in self.lines):
            return None
        return max((line.earliest_start_time for line in self.lines if line.earliest_start_time), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """Entry of the history: the alert after a change."""

    change: ChangeKind
    time: datetime
    alert: Alert
