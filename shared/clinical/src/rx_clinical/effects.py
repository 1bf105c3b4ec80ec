"""When the effect of each fact about a medicine is over: what DQ-05 asks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rx_clinical.blockers import antagonist_histories
from rx_clinical.blockers import effect_end as blocking_ends
from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Chart, Entry
from rx_clinical.courses import gut_opioids, partners, peripherals
from rx_clinical.exposures import effect_end as exposure_ends
from rx_clinical.exposures import opioid_histories
from rx_clinical.interacting import interacting_histories
from rx_clinical.spans import Span
from rx_clinical.windows import EPOCH, later

_NOTHING = timedelta(0)


def effect_ends(chart: Chart, catalogue: Catalogue) -> list[tuple[Entry, datetime]]:
    """Each fact about a medicine with a role and the end of its effect, the latest over its roles."""
    latest: dict[bytes, tuple[Entry, datetime]] = {}
    for entry, end in (*_of_pairs(chart, catalogue), *_of_others(chart, catalogue)):
        held = latest.get(entry.fact.key)
        if held is None or end > held[1]:
            latest[entry.fact.key] = (entry, end)
    return list(latest.values())


def _each(span: Span, end: datetime) -> Iterator[tuple[Entry, datetime]]:
    """Each entry of a span: what it left over lasts as long as the span that it was stacked into."""
    return ((entry, end) for entry in span.entries)


def _of_pairs(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for exposure in opioid_histories(chart, catalogue, EPOCH):
        for span in exposure.every_span():
            yield from _each(span, exposure_ends(exposure.opioid, span, catalogue))
    for blocker in antagonist_histories(chart, catalogue, EPOCH):
        for span in blocker.every_span():
            yield from _each(span, blocking_ends(blocker.antagonist, span, catalogue))


def _of_others(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    for taken in interacting_histories(chart, catalogue, EPOCH):
        for span in (*taken.supply.spans, *taken.others):
            yield from _each(span, later(span.possible_end, catalogue.longest_carry_over(taken.key)))
    afterglow = catalogue.policy.blocker_afterglow
    for read, lasting in ((gut_opioids, _NOTHING), (peripherals, afterglow), (partners, _NOTHING)):
        for other in read(chart, catalogue, EPOCH):
            for span in (*other.supply.spans, *other.others):
                yield from _each(span, later(span.possible_end, lasting))
