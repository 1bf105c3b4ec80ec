"""What alerts are made of. Nothing here knows how it travels or where it is kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NewType
from uuid import UUID

Pseudonym = NewType("Pseudonym", bytes)
"""Stands for a patient behind the edge; 16 bytes."""

ANTAGONIST = "antagonist"
OPIOID = "opioid"
PATIENT_ROLES = frozenset({"patient", "evidence"})
"""Roles of facts that are no medicine."""

BASIS_WITHDRAWN = "BASIS_WITHDRAWN"
ONGOING_NO_END = "ONGOING_NO_END"


class Severity(IntEnum):
    """How bad it is; a greater number is worse."""

    INFO = 1
    MODERATE = 2
    MAJOR = 3
    CONTRAINDICATED = 4


class Display(IntEnum):
    """How prominently it is shown; a greater number is more prominent."""

    PROFILE = 1
    QUEUE = 2
    INTERRUPTIVE = 3


class Kind(StrEnum):
    """What an alert is about."""

    ANTAGONIST_COURSE = "antagonist_course"
    INTERACTION = "interaction"  # of medicines, whether or not an antagonist is one of them
    DATA = "data"  # a record or a product that a person must put right


class State(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class Change(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A fact that a finding rests on, with what its sender needs to find it again."""

    role: str
    event_key: bytes
    event_id: str
    source: str
    site_id: str
    product: str  # row of the drug table, else the name of the medicine
    rx_number: str
    fill_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding. `encoded` is the whole of it as it was received; the other fields are what alerts decides on."""

    finding_id: bytes
    rule: str
    family: str
    severity: Severity
    display: Display
    anchor_key: bytes
    counterpart: str  # form, ingredient code or name of the other side, a word or an event id; empty if there is none
    text: str
    earliest_start_time: datetime | None
    no_start_time_reason: str
    basis: tuple[Basis, ...]
    encoded: bytes

    def products(self, role: str | None = None) -> frozenset[str]:
        """The medicines it names, of one role or of any."""
        return frozenset(basis.product for basis in self.basis if role in (None, basis.role))

    @property
    def medicines(self) -> frozenset[str]:
        """The medicines it names, without facts about the patient."""
        return frozenset(basis.product for basis in self.basis if basis.role not in PATIENT_ROLES)

    @property
    def anchor_products(self) -> frozenset[str]:
        """What the event is that it hangs on; several if that plays several roles, none if its basis leaves it out."""
        return frozenset(basis.product for basis in self.basis if basis.event_key == self.anchor_key)

    @property
    def opens_alert(self) -> bool:
        """A profile line is read beside an alert and never opens one."""
        return self.display > Display.PROFILE


Order = tuple[int, int, int]
"""Build, ruleset_seq and position of a finding set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSet:
    """The complete current findings of one patient; a finding that is absent is withdrawn."""

    patient: Pseudonym
    build: int  # how often the monitor has rebuilt its state: positions of different builds cannot be compared
    ruleset_seq: int
    ruleset_version: str
    position: int
    lines: tuple[Line, ...]
    encoded: bytes

    @property
    def order(self) -> "Order":
        """Later sets of a patient have higher orders; equal ones hold equal content."""
        return (self.build, self.ruleset_seq, self.position)


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What one open alert of a patient is about: at most one alert is open for it."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One antagonist course in one patient, or one other item that asks for a person. `lines` are worst first."""

    alert_id: UUID
    revision: int  # counts the changes of this alert from 1; a reader keeps the highest
    patient: Pseudonym
    subject: Subject
    state: State
    lines: tuple[Line, ...]
    opened_time: datetime
    resolved_time: datetime | None
    resolution: str
    ruleset_seq: int
    ruleset_version: str

    @property
    def headline(self) -> str:
        """Text of the worst line."""
        return self.lines[0].text

    @property
    def severity(self) -> Severity:
        """Severity of the worst line."""
        return self.lines[0].severity

    @property
    def display(self) -> Display:
        """Display of the most prominent line."""
        return max(line.display for line in self.lines)

    @property
    def site_id(self) -> str:
        """Site of the event that the worst line hangs on; empty if its basis does not hold that event."""
        worst = self.lines[0]
        return next((basis.site_id for basis in worst.basis if basis.event_key == worst.anchor_key), "")

    @property
    def earliest_start_time(self) -> datetime | None:
        """Latest earliest start of the lines; None if one of them has no end or none gives a start."""
        if any(line.no_start_time_reason == ONGOING_NO_END for line in self.lines):
            return None
        return max((line.earliest_start_time for line in self.lines if line.earliest_start_time), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """One entry of the history: the alert as it stands after the change."""

    change: Change
    time: datetime
    alert: Alert
