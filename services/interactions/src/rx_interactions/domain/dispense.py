"""Write a hypothetical dispense as facts that the core can assess."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rx_clinical.model.facts import Fact, Fill, HandOver, Medicine, Moment, event_key

CHECK_SOURCE = "rxguard:check"
"""Source of the two hypothetical facts, which exist for one check only; no system of record may have this name."""

_FILL = event_key(CHECK_SOURCE, "fill")
_HAND_OVER = event_key(CHECK_SOURCE, "hand-over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispense:
    """A hypothetical dispense: what would be handed over, when and where. The patient is named separately."""

    medicine: Medicine  # as stated: neither coded nor filled up
    codings: Sequence[tuple[str, str]]
    hand_over_time: datetime
    site_id: str
    zone: str  # IANA, of the site


def facts_of(dispense: Dispense, medicine: Medicine) -> tuple[Fact, Fact]:
    """Return a fill and its hand-over, both at the time of the dispense."""
    time = Moment.instant(dispense.hand_over_time, dispense.zone)
    fill = Fill(
        key=_FILL,
        event_id="fill",
        source=CHECK_SOURCE,
        site=dispense.site_id,
        revision=(0, 0),
        occurred=time,
        recorded_at=time.earliest,
        medicine=medicine,
    )
    hand_over = HandOver(
        key=_HAND_OVER,
        event_id="hand-over",
        source=CHECK_SOURCE,
        site=dispense.site_id,
        revision=(0, 0),
        occurred=time,
        recorded_at=time.earliest,
        fill=_FILL,
    )
    return fill, hand_over
