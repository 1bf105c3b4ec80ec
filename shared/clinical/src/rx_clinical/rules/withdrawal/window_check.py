"""One end of one opioid exposure checked against one antagonist time."""

from dataclasses import dataclass
from datetime import datetime

from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.facts import Evidence


@dataclass(slots=True, eq=False)
class WindowCheck:
    """What WR-01 to WR-03 rate: the antagonist time lies before the end of the window."""

    at: datetime  # antagonist time
    end: datetime  # of the exposure; FOREVER = no end
    documented: bool  # False: the end is an assumption, or the exposure only possible
    short_acting: bool
    window: WashoutWindow  # with the precipitants that count for this check
    hard_end: datetime  # of the hard window
    policy_end: datetime  # of the whole window
    short_course: bool = False  # nothing but a short course of opioid, and it ended long enough ago
    negative_test: Evidence | None = None  # a test or challenge in time
    attested: bool = False  # the recorded supply is inside its window, the attested last dose is past its own

    @property
    def in_supply(self) -> bool:
        """True if the antagonist time lies before the documented end."""
        return self.documented and self.at < self.end
