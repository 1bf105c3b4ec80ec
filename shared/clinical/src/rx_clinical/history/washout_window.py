"""The washout window after an opioid exposure, and the precipitants that extend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.half_life_modifiers import Precipitant, multiplier
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.model.facts import Fill
from rx_clinical.model.washout import FOREVER, WindowLengths, later


@dataclass(slots=True, eq=False)
class WashoutWindow:
    """An exposure with the window behind the earliest start."""

    opioid: Opioid
    period: ExposurePeriod
    lengths: WindowLengths
    precipitants: tuple[Precipitant, ...]  # that count

    @property
    def start(self) -> datetime:
        """The earliest start that this exposure allows; FOREVER where it has no end."""
        return later(self.period.possible_end, self.lengths.policy)


def window_lengths(opioid: Opioid, factor: Decimal, catalogue: Catalogue) -> WindowLengths:
    """The window of an opioid form at a half-life multiplier."""
    return catalogue.window_lengths(opioid.form, factor)


def acts_for(exposure: OpioidExposure, catalogue: Catalogue) -> timedelta:
    """How long an exposure goes on acting after its end: a depot for its half-lives, anything else not at all."""
    if exposure.opioid.form.acting is not Acting.DEPOT:
        return timedelta(0)
    return window_lengths(exposure.opioid, catalogue.policy.multiplier_floor, catalogue).hard


def certain_end(period: ExposurePeriod, lasting: timedelta) -> datetime | None:
    """Until when an exposure certainly acts, `lasting` after its documented end; None where that is only possible.

    A depot that was dispensed may still wait for its injection.
    """
    dispensed = bool(lasting) and isinstance(period.entries[-1].fact, Fill)
    return None if period.documented_end is None or dispensed else later(period.documented_end, lasting)


def window_after(exposure: OpioidExposure, period: ExposurePeriod, catalogue: Catalogue) -> WashoutWindow:
    """The window behind the earliest start.

    An interacting medicine counts if it meets [possible end, possible end + window]: begin with multiplier 1 and
    recompute until stable. The multiplier only grows, so this ends.
    """
    factor = catalogue.policy.multiplier_floor
    if not exposure.precipitants:
        return WashoutWindow(exposure.opioid, period, window_lengths(exposure.opioid, factor, catalogue), ())
    while True:
        length = window_lengths(exposure.opioid, factor, catalogue)
        if period.possible_end == FOREVER:
            return WashoutWindow(exposure.opioid, period, length, ())
        counted = _meeting(exposure, period.possible_end, later(period.possible_end, length.policy))
        grown = _factor(counted, catalogue)
        if grown == factor:
            return WashoutWindow(exposure.opioid, period, length, counted)
        factor = grown


def window_between(
    exposure: OpioidExposure, period: ExposurePeriod, end: datetime, at: datetime, catalogue: Catalogue
) -> WashoutWindow:
    """The window by what was active between an end of the exposure and the time judged."""
    counted = _meeting(exposure, end, at) if exposure.precipitants else ()
    return WashoutWindow(
        exposure.opioid, period, window_lengths(exposure.opioid, _factor(counted, catalogue), catalogue), counted
    )


def _meeting(exposure: OpioidExposure, begin: datetime, end: datetime) -> tuple[Precipitant, ...]:
    return tuple(precipitant for precipitant in exposure.precipitants if precipitant.meets(begin, end))


def _factor(precipitants: Sequence[Precipitant], catalogue: Catalogue) -> Decimal:
    return multiplier(precipitants, catalogue.policy) if precipitants else catalogue.policy.multiplier_floor
