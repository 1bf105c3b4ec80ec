"""The confirmation of an ultra-low dose: its states, what it is bound to and what voids it.

    held -> confirmed_by_prescriber -> confirmed_by_pharmacist (monitored)

Cancelling is no state of its own: an order or a supply that ends takes its finding with it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from rx_clinical.facts import Confirmation
from rx_clinical.policy import Policy
from rx_clinical.windows import later


class State(StrEnum):
    """How far a confirmation has come; both halves are needed."""

    HELD = "held"
    BY_PRESCRIBER = "confirmed_by_prescriber"
    BY_PHARMACIST = "confirmed_by_pharmacist"  # the prescriber is still to come
    CONFIRMED = "confirmed"


def state_of(valid: Iterable[Confirmation]) -> State:
    """The state by the confirmations that hold."""
    by = {confirmation.by for confirmation in valid}
    if {"prescriber", "pharmacist"} <= by:
        return State.CONFIRMED
    if "prescriber" in by:
        return State.BY_PRESCRIBER
    return State.BY_PHARMACIST if "pharmacist" in by else State.HELD


def voided(
    confirmation: Confirmation,
    at: datetime,
    daily_dose_mg: Decimal | None,
    opioids: Sequence[tuple[str, Decimal | None]],
    policy: Policy,
) -> str | None:
    """Why a confirmation does not cover a dose beside opioids (form_key, mg a day) at a time; None if it does.

    A generic switch or a refill of the same form and dose changes nothing.
    """
    if at >= later(confirmation.occurred.earliest, policy.confirmation_valid):
        return "it is too old"
    if daily_dose_mg != confirmation.daily_dose_mg:
        return "it is for another naltrexone dose"
    bound = {opioid.form_key: opioid.daily_dose_mg for opioid in confirmation.opioids}
    for form_key, dose_mg in opioids:
        if form_key not in bound:
            return "it does not cover every opioid"
        confirmed_mg = bound[form_key]
        if dose_mg is None or confirmed_mg is None:
            return "an opioid dose is not known"
        if dose_mg > confirmed_mg * policy.confirmation_growth:
            return "an opioid dose has grown by more than a quarter"
    return None
