"""What a rule decides, and how it explains itself when somebody asks.

Deciding is cheap and happens for every event; texts, arithmetic and sources are put together on demand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from rx_clinical.history.chart import Entry
from rx_clinical.history.exposure_period import Event
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason


@dataclass(slots=True, eq=False)
class BasisItem:
    """An entry that a finding rests on, in its role: antagonist, opioid, interacting, patient, evidence, deficient."""

    role: str
    name: str
    form_key: str | None
    entry: Entry
    masked: bool = False  # others may know that it exists and no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a decision rests on, in words and numbers."""

    sentences: Sequence[str]
    basis: Sequence[BasisItem]
    reasons: Iterable[Reason] = ()
    actions: Sequence[str] = ()
    windows: Sequence[WashoutWindow] = ()
    judged_at: datetime | None = None  # the time that the reaches are judged at
    assumptions: Sequence[str] = ()
    sources: Iterable[str] = ()
    evidence_level: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Decision:
    """One rule, one anchor, one counterpart: a finding without its words."""

    rule: str
    anchor: Event
    severity: Severity
    display: Display
    explain: Callable[[], Explanation]
    counterpart: str | None = None  # form_key of the other side, else its ingredient code, else its name
    counterpart_key: tuple[str, str] = field(default=("", ""))  # ingredient and form; identifies the other side
    start: datetime | None = None  # earliest start; FOREVER = none can be given; None = the rule has none
    concurrent: bool = False  # the rule has no start because both are meant to be taken together
    ends_at: datetime | None = None
    requires_confirmation: bool = False
    max_bud: date | None = None  # the longest beyond-use date, of CP-03
    max_days_supply: int | None = None  # what ends with the beyond-use date, of CP-04
    since: datetime | None = None  # active from; None = from the time of the anchor
    conflict: object | None = None  # what rules of a family decide on together: see worst_of_conflicts
    assumed: bool = False  # rests on an assumed end

    @property
    def active_from(self) -> datetime:
        """When the finding begins to hold."""
        return self.anchor.time.earliest if self.since is None else self.since


def worst_of_conflicts(decisions: Iterable[Decision]) -> list[Decision]:
    """Keep one decision per conflict: the worst; of equals the one without assumption, then the first rule's."""
    kept: dict[int, Decision] = {}
    for decision in sorted(decisions, key=lambda one: (one.severity.rank, one.assumed, one.rule)):
        kept.setdefault(id(decision if decision.conflict is None else decision.conflict), decision)
    return list(kept.values())
