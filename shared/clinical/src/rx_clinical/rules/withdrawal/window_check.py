"""One end of one opioid exposure against one antagonist time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rx_clinical.model.findings import Severity
from rx_clinical.model.washout import WindowLengths, later


@dataclass(slots=True, eq=False)
class WindowCheck:
    """What a withdrawal rule decides on."""

    at: datetime  # antagonist time
    end: datetime  # FOREVER = no end
    documented: bool  # False: the end is an assumption, or the exposure only possible
    short_acting: bool
    lengths: WindowLengths
    acute: bool = False  # a short course, and long enough ago
    tested: bool = False  # a negative test or challenge in time
    attested: bool = False  # the recorded supply fires, an attested last dose is past its own window

    @property
    def hard_end(self) -> datetime:
        """End of the hard window."""
        return later(self.end, self.lengths.hard)

    @property
    def policy_end(self) -> datetime:
        """End of the whole window."""
        return later(self.end, self.lengths.policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRule:
    """A row of the decision table for antagonists that meet an opioid begun first."""

    rule_id: str
    applies: Callable[[WindowCheck], bool]
    severity: Callable[[WindowCheck], Severity]
    headline: Callable[[str, str, WindowCheck], str]  # antagonist, opioid, judgement
