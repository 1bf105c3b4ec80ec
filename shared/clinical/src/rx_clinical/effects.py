"""When the effect of each fact about a medicine is over: what the horizon and DQ-05 rest on."""

from collections.abc import Iterator
from datetime import datetime

from rx_clinical.blockers import antagonist_histories
from rx_clinical.blockers import effect_end as blocking_ends
from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Chart, Entry
from rx_clinical.exposures import effect_end as exposure_ends
from rx_clinical.exposures import opioid_histories
from rx_clinical.interacting import interacting_histories
from rx_clinical.windows import EPOCH, later


def effect_ends(chart: Chart, catalogue: Catalogue) -> Iterator[tuple[Entry, datetime]]:
    """Each opioid, antagonist and interacting medicine with the end of its effect, the latest over its roles."""
    ends: dict[bytes, tuple[Entry, datetime]] = {}

    def note(entry: Entry, end: datetime) -> None:
        held = ends.get(entry.fact.key)
        if held is None or end > held[1]:
            ends[entry.fact.key] = (entry, end)

    for exposure in opioid_histories(chart, catalogue, EPOCH):
        for span in exposure.every_span():
            note(span.entries[-1], exposure_ends(exposure.opioid, span, catalogue))
    for blocker in antagonist_histories(chart, catalogue, EPOCH):
        for span in blocker.every_span():
            note(span.entries[-1], blocking_ends(blocker.antagonist, span, catalogue))
    for taken in interacting_histories(chart, catalogue, EPOCH):
        for span in (*taken.supply.spans, *taken.others):
            note(span.entries[-1], later(span.possible_end, catalogue.longest_carry_over(taken.key)))
    yield from ends.values()
