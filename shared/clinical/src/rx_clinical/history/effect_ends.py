"""When the effect of each fact about a medicine is over: what DQ-05 asks."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.history.antagonist_exposure import antagonist_histories
from rx_clinical.history.antagonist_exposure import effect_end as blocking_ends
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.co_medication import gut_opioids, is_open, partners, peripherals
from rx_clinical.history.exposure_period import Span, Supply
from rx_clinical.history.half_life_modifiers import interacting_histories
from rx_clinical.history.opioid_exposure import effect_end as exposure_ends
from rx_clinical.history.opioid_exposure import opioid_histories
from rx_clinical.model.washout import EPOCH, FOREVER, later

_NOTHING = timedelta(0)


def effect_ends(chart: Chart, catalogue: Catalogue) -> list[tuple[Entry, datetime]]:
    """Each fact about a medicine with a role and the end of its effect, the latest over its roles."""
    latest: dict[bytes, tuple[Entry, datetime]] = {}
    for entry, end in (*_of_pairs(chart, catalogue), *_of_others(chart, catalogue)):
        held = latest.get(entry.fact.key)
        if held is None or end > held[1]:
            latest[entry.fact.key] = (entry, end)
    return list(latest.values())


def _each(supply: Supply, others: Iterable[Span]) -> Iterator[tuple[Entry, Span]]:
    """Each entry with the span that ends its effect: a chain of fills is kept and dropped as a whole."""
    for entry in supply.entries():
        yield entry, supply.spans[-1]
    for span in others:
        yield span.entries[0], span


def _of_pairs(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for exposure in opioid_histories(chart, catalogue, EPOCH):
        for entry, span in _each(exposure.supply, (*exposure.given.spans, *exposure.others)):
            yield entry, exposure_ends(exposure.opioid, span, catalogue)
    for blocker in antagonist_histories(chart, catalogue, EPOCH):
        for entry, span in _each(blocker.supply, (*blocker.given.spans, *blocker.others)):
            yield entry, blocking_ends(blocker.antagonist, span, catalogue)


def _of_others(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for taken in interacting_histories(chart, catalogue, EPOCH):
        carry_over = catalogue.longest_carry_over(taken.key)
        for entry, span in _each(taken.supply, taken.others):
            yield entry, _lapsing(span, carry_over)
    afterglow = catalogue.policy.blocker_afterglow
    for read, lasting in ((gut_opioids, _NOTHING), (peripherals, afterglow), (partners, _NOTHING)):
        for other in read(chart, catalogue, EPOCH):
            for entry, span in _each(other.supply, other.others):
                yield entry, _lapsing(span, lasting)


def _lapsing(span: Span, lasting: timedelta) -> datetime:
    """What goes on without a stop has no end, though it may lapse."""
    return FOREVER if is_open(span) else later(span.possible_end, lasting)
