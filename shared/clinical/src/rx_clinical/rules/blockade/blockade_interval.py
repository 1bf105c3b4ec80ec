"""How long one antagonist course blocks, as an opioid event finds it."""

from dataclasses import dataclass
from datetime import datetime

from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.findings import Severity


@dataclass(slots=True, eq=False)
class BlockadeInterval:
    """An antagonist course that an opioid begins after: what BL-01 to BL-03 rate."""

    at: datetime  # the opioid begins
    period: ExposurePeriod  # of the antagonist
    depot: bool
    injected: bool  # False for a depot: dispensed, no injection seen
    documented_until: datetime | None  # recorded supply, or the first 672 h of a depot; None: only ordered
    possible_until: datetime
    waning_until: datetime  # end of the tail
    tolerance_until: datetime  # equal to waning_until where no loss of tolerance is known
    worst: Severity  # by dose or form
    opioid_only_ordered: bool

    @property
    def is_open(self) -> bool:
        """Return True if the opioid begins before every effect is lost, that on tolerance included."""
        return self.at < max(self.possible_until, self.tolerance_until)
