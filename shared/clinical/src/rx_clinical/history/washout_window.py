"""The washout window after an opioid exposure, and the precipitants that extend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.half_life_modifiers import Precipitant, multiplier
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.model.facts import Fill
from rx_clinical.model.washout import FOREVER, WindowLengths, later


@dataclass(slots=True, eq=False)
class WashoutWindow:
    """An exposure period of an opioid with the washout window after it."""

    opioid: Opioid
    period: ExposurePeriod
    lengths: WindowLengths
    precipitants: tuple[Precipitant, ...]  # that set the multiplier

    @property
    def start(self) -> datetime:
        """Return the earliest start of an antagonist after this exposure; FOREVER if it has no end."""
        return later(self.period.possible_end, self.lengths.policy)


def window_lengths(opioid: Opioid, factor: Decimal, catalogue: Catalogue) -> WindowLengths:
    """Return the window lengths of an opioid at a half-life multiplier."""
    return catalogue.window_lengths(opioid.form, factor)


def acts_for(exposure: OpioidExposure, catalogue: Catalogue) -> timedelta:
    """Return how long an exposure acts after its end: a depot for its hard window, any other form not at all."""
    if exposure.opioid.form.acting is not Acting.DEPOT:
        return timedelta(0)
    return window_lengths(exposure.opioid, catalogue.policy.multiplier_floor, catalogue).hard


def certain_end(period: ExposurePeriod, lasting: timedelta) -> datetime | None:
    """Return until when a period certainly acts, `lasting` after its documented end; None if it is only possible.

    A dispensed depot is not certain: its injection may not have happened yet.
    """
    dispensed = bool(lasting) and isinstance(period.entries[-1].fact, Fill)
    return None if period.documented_end is None or dispensed else later(period.documented_end, lasting)


def window_after(exposure: OpioidExposure, period: ExposurePeriod, catalogue: Catalogue) -> WashoutWindow:
    """Return the washout window after an exposure period, which sets the earliest start.

    A precipitant counts if it is active in [possible end, possible end + window]. The window depends on the multiplier
    and the multiplier on the window: start at multiplier 1 and repeat until stable. The multiplier never decreases and
    the number of precipitants is finite, so the iteration ends.
    """
    factor = catalogue.policy.multiplier_floor
    if not exposure.precipitants:
        return WashoutWindow(exposure.opioid, period, window_lengths(exposure.opioid, factor, catalogue), ())
    while True:
        length = window_lengths(exposure.opioid, factor, catalogue)
        if period.possible_end == FOREVER:
            return WashoutWindow(exposure.opioid, period, length, ())
        counted = _active_between(exposure, period.possible_end, later(period.possible_end, length.policy))
        grown = _factor(counted, catalogue)
        if grown == factor:
            return WashoutWindow(exposure.opioid, period, length, counted)
        factor = grown


def window_between(
    exposure: OpioidExposure, period: ExposurePeriod, end: datetime, at: datetime, catalogue: Catalogue
) -> WashoutWindow:
    """Return the washout window by the precipitants active between an end of the exposure and a time `at`."""
    counted = _active_between(exposure, end, at) if exposure.precipitants else ()
    return WashoutWindow(
        exposure.opioid, period, window_lengths(exposure.opioid, _factor(counted, catalogue), catalogue), counted
    )


def _active_between(exposure: OpioidExposure, begin: datetime, end: datetime) -> tuple[Precipitant, ...]:
    return tuple(precipitant for precipitant in exposure.precipitants if precipitant.meets(begin, end))


def _factor(precipitants: Sequence[Precipitant], catalogue: Catalogue) -> Decimal:
    return multiplier(precipitants, catalogue.policy) if precipitants else catalogue.policy.multiplier_floor
