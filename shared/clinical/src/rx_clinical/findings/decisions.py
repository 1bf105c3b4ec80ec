"""Decisions of rules, and their explanation on demand.

A decision is cheap and made for every event; its texts, arithmetic and sources are built only on demand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from rx_clinical.history.chart import Entry
from rx_clinical.history.exposure_period import Event
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.codes import EvidenceLevel, FormKey
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason


@dataclass(slots=True, eq=False)
class BasisItem:
    """An entry that a finding rests on, in its role."""

    role: BasisRole
    name: str
    form_key: FormKey | None
    entry: Entry
    masked: bool = False  # other sites may know only that it exists


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The texts, basis and arithmetic of a decision."""

    sentences: Sequence[str]
    basis: Sequence[BasisItem]
    reasons: Iterable[Reason] = ()
    actions: Sequence[str] = ()
    windows: Sequence[WashoutWindow] = ()
    judged_at: datetime | None = None  # the time at which the windows are checked
    assumptions: Sequence[str] = ()
    sources: Iterable[str] = ()
    evidence_level: EvidenceLevel | None = None  # None: that of the windows


@dataclass(slots=True, eq=False, kw_only=True)
class Decision:
    """The decision of one rule for one anchor and one counterpart: a finding without its texts."""

    rule: str
    anchor: Event
    severity: Severity
    display: Display
    explain: Callable[[], Explanation]
    counterpart: str | None = None  # form key of the other side, else ingredient code, else name
    counterpart_key: tuple[str, str] = field(default=("", ""))  # ingredient and form of the other side: its identity
    start: datetime | None = None  # earliest start; FOREVER = cannot be given; None = the rule has none
    concurrent: bool = False  # no start, because both are meant to be taken together
    ends_at: datetime | None = None
    requires_confirmation: bool = False
    max_bud: date | None = None  # of CP-03: the latest beyond-use date
    max_days_supply: int | None = None  # of CP-04: the supply that ends with the beyond-use date
    since: datetime | None = None  # active from; None = from the time of the anchor
    conflict: object | None = None  # what rules of a family decide on together: see worst_of_conflicts
    assumed: bool = False  # rests on an assumed end

    @property
    def active_from(self) -> datetime:
        """Return the time from which the finding holds."""
        return self.anchor.time.earliest if self.since is None else self.since


def worst_of_conflicts(decisions: Iterable[Decision]) -> list[Decision]:
    """Keep one decision per conflict: the worst; of equals the one without assumption, then the first rule's."""
    kept: dict[int, Decision] = {}
    for decision in sorted(decisions, key=lambda one: (one.severity.rank, one.assumed, one.rule)):
        kept.setdefault(id(decision if decision.conflict is None else decision.conflict), decision)
    return list(kept.values())
