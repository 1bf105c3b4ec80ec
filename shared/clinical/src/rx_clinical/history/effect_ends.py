"""The end of the effect of each fact about a medicine, for DQ-05."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.history.antagonist_exposure import antagonist_exposures
from rx_clinical.history.antagonist_exposure import effect_end as blocking_ends
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.co_medication import gut_opioids, is_open, partners, peripherals
from rx_clinical.history.exposure_period import ExposurePeriod, FillChain
from rx_clinical.history.half_life_modifiers import precipitant_exposures
from rx_clinical.history.opioid_exposure import effect_end as exposure_ends
from rx_clinical.history.opioid_exposure import opioid_exposures
from rx_clinical.model.washout import BEGINNING_OF_TIME, FOREVER, later

_NOTHING = timedelta(0)


def effect_ends(chart: Chart, catalogue: Catalogue) -> list[tuple[Entry, datetime]]:
    """Return each fact about a medicine with a role and the end of its effect, the latest over its roles."""
    latest: dict[bytes, tuple[Entry, datetime]] = {}
    for entry, end in (*_of_pairs(chart, catalogue), *_of_others(chart, catalogue)):
        held = latest.get(entry.fact.key)
        if held is None or end > held[1]:
            latest[entry.fact.key] = (entry, end)
    return list(latest.values())


def _each(supply: FillChain, others: Iterable[ExposurePeriod]) -> Iterator[tuple[Entry, ExposurePeriod]]:
    """Yield each entry with the period that ends its effect: a chain of fills counts as a whole."""
    for entry in supply.entries():
        yield entry, supply.periods[-1]
    for period in others:
        yield period.entries[0], period


def _of_pairs(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for exposure in opioid_exposures(chart, catalogue, BEGINNING_OF_TIME):
        for entry, period in _each(exposure.supply, (*exposure.given.periods, *exposure.others)):
            yield entry, exposure_ends(exposure.opioid, period, catalogue)
    for blocker in antagonist_exposures(chart, catalogue, BEGINNING_OF_TIME):
        for entry, period in _each(blocker.supply, (*blocker.given.periods, *blocker.others)):
            yield entry, blocking_ends(blocker.antagonist, period, catalogue)


def _of_others(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for taken in precipitant_exposures(chart, catalogue, BEGINNING_OF_TIME):
        carry_over = catalogue.longest_carry_over(taken.key)
        for entry, period in _each(taken.supply, taken.others):
            yield entry, _lapsing(period, carry_over)
    afterglow = catalogue.policy.blocker_afterglow
    for read, lasting in ((gut_opioids, _NOTHING), (peripherals, afterglow), (partners, _NOTHING)):
        for other in read(chart, catalogue, BEGINNING_OF_TIME):
            for entry, period in _each(other.supply, other.others):
                yield entry, _lapsing(period, lasting)


def _lapsing(period: ExposurePeriod, lasting: timedelta) -> datetime:
    """Return the end of an effect; FOREVER for use without a recorded stop, though it may lapse."""
    return FOREVER if is_open(period) else later(period.possible_end, lasting)
