"""The confirmation of an ultra-low dose: its states, what it is bound to and what voids it.

    held -> confirmed_by_prescriber -> confirmed_by_pharmacist (monitored)

Cancelling is no state of its own: an order or a supply that ends takes its finding with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from rx_clinical.catalogue.policy import Policy
from rx_clinical.model.codes import FormKey
from rx_clinical.model.facts import Confirmation
from rx_clinical.model.washout import later


class State(StrEnum):
    """How far a confirmation has come; both halves are needed."""

    HELD = "held"
    BY_PRESCRIBER = "confirmed_by_prescriber"
    CONFIRMED = "confirmed_by_pharmacist"


@dataclass(slots=True, eq=False)
class Confirmed:
    """How far the confirmation of an antagonist event has come."""

    state: State
    valid: tuple[Confirmation, ...]
    void: tuple[str, ...]  # why earlier ones no longer hold


def state_of(valid: Iterable[Confirmation]) -> State:
    """Return the state by the confirmations that hold: the prescriber's first, then the pharmacist's."""
    held = list(valid)
    prescribed = [confirmation.occurred.earliest for confirmation in held if confirmation.by == "prescriber"]
    checked = [confirmation.occurred.latest for confirmation in held if confirmation.by == "pharmacist"]
    if not prescribed:
        return State.HELD
    return State.CONFIRMED if any(time >= min(prescribed) for time in checked) else State.BY_PRESCRIBER


def voided(
    confirmation: Confirmation,
    at: datetime,
    daily_dose_mg: Decimal | None,
    opioids: Sequence[tuple[FormKey, Decimal | None]],
    policy: Policy,
) -> str | None:
    """Return why a confirmation does not cover a dose beside opioids (form_key, mg a day) at a time; None if it does.

    A generic switch or a refill of the same form and dose changes nothing.
    """
    if not confirmation.recorded_by:
        return "it names nobody"
    if at >= later(confirmation.occurred.earliest, policy.confirmation_valid):
        return "it is too old"
    if daily_dose_mg != confirmation.daily_dose_mg:
        return "it is for another naltrexone dose"
    bound = {opioid.form_key: opioid.daily_dose_mg for opioid in confirmation.opioids}
    return next((why for form_key, mg in opioids if (why := _uncovered(form_key, mg, bound, policy))), None)


def _uncovered(
    form_key: FormKey, dose_mg: Decimal | None, bound: Mapping[FormKey, Decimal | None], policy: Policy
) -> str | None:
    if form_key not in bound:
        return "it does not cover every opioid"
    confirmed_mg = bound[form_key]
    if dose_mg is None or confirmed_mg is None:
        return "an opioid dose is not known"
    if dose_mg > confirmed_mg * policy.confirmation_growth:
        return "an opioid dose has grown by more than a quarter"
    return None
