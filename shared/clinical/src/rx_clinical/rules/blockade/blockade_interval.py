"""How long one antagonist course blocks, as an opioid event finds it."""

from dataclasses import dataclass
from datetime import datetime

from rx_clinical.model.findings import Severity


@dataclass(slots=True, eq=False)
class BlockadeInterval:
    """An antagonist course that an opioid begins after."""

    at: datetime  # the opioid begins
    documented_until: datetime | None  # recorded supply, or the first 672 h of a depot; None: only ordered
    possible_until: datetime
    waning_until: datetime  # end of the tail
    tolerance_until: datetime  # equal to waning_until where no loss of tolerance is known
    worst: Severity  # by dose or form
    opioid_only_ordered: bool
