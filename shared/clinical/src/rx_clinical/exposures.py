"""When an opioid may be on board: recorded supply, doses given, reported use, depots, and orders without a fill."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Chart, Entry
from rx_clinical.drugs import Acting
from rx_clinical.facts import Administration, Fill, Moment, Prescription, Report
from rx_clinical.policy import Policy
from rx_clinical.reasons import Reason
from rx_clinical.roles import Opioid
from rx_clinical.spans import (
    NO_SUPPLY,
    Event,
    Span,
    Supply,
    begun_first,
    dispensed_depot,
    doses,
    reported_begin,
    reported_end,
    stack,
    stated_supply,
)
from rx_clinical.windows import FOREVER, later, window

_WITHOUT_PRESCRIPTION = frozenset({"illicit", "supplement"})


@dataclass(frozen=True, slots=True)
class OpioidHistory:
    """All exposures to one opioid form."""

    opioid: Opioid
    supply: Supply = NO_SUPPLY
    given: Supply = NO_SUPPLY
    others: tuple[Span, ...] = ()  # reports, implants, dispensed depots, orders without a fill

    def seen_at(self, moment: Moment) -> list[Span]:
        """The exposures that had begun at a moment; of a chain of fills only what had begun."""
        chains = (self.supply.at(moment), self.given.at(moment))
        return [
            *(span for span in chains if span is not None),
            *(span for span in self.others if begun_first(span.begin, moment)),
        ]

    def spans(self) -> list[Span]:
        """Every exposure, a chain of fills as its uninterrupted runs."""
        return [*self.supply.runs(), *self.given.runs(), *self.others]

    def every_span(self) -> list[Span]:
        """Every span of every chain and every other exposure."""
        return [*self.supply.spans, *self.given.spans, *self.others]

    def events(self) -> list[Event]:
        """Every event that can anchor a finding: each fill, dose, report and order without a fill."""
        chained = [span.entries[-1] for span in (*self.supply.spans, *self.given.spans)]
        return [
            *(Event(entry, entry.begin) for entry in chained),
            *(Event(span.entries[0], span.begin) for span in self.others),
        ]


def opioid_histories(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[OpioidHistory]:
    """Exposures by ingredient and form in order of their keys, without what was over before the horizon."""
    grouped: dict[tuple[str, str], tuple[Opioid, list[Entry]]] = {}
    for entry in chart.entries():
        for opioid in entry.roles.opioids:
            grouped.setdefault(opioid.key, (opioid, []))[1].append(entry)
    histories = [_history(*grouped[key], catalogue.policy, horizon) for key in sorted(grouped)]
    return [history for history in histories if history.spans()]


def _history(opioid: Opioid, entries: list[Entry], policy: Policy, horizon: datetime) -> OpioidHistory:
    depot = opioid.form.acting is Acting.DEPOT
    fills = [entry for entry in entries if isinstance(entry.fact, Fill)]
    supply = NO_SUPPLY if depot else stack(fills, opioid.form.hours_per_patch, policy)
    administered = [entry for entry in entries if isinstance(entry.fact, Administration)]
    given = NO_SUPPLY if opioid.until_removed else doses(administered)
    others = [
        *(_implanted(entry) for entry in administered if opioid.until_removed),
        *(dispensed_depot(entry, policy) for entry in fills if depot and not entry.injected),
        *(_reported(entry, opioid, entry.fact, policy) for entry in entries if isinstance(entry.fact, Report)),
        *(
            _possible(entry, entry.fact, opioid, policy)
            for entry in entries
            if isinstance(entry.fact, Prescription) and not entry.filled
        ),
    ]
    longest = _longest_window(opioid, policy)
    return OpioidHistory(
        opioid,
        _kept_chain(supply, longest, horizon),
        _kept_chain(given, longest, horizon),
        tuple(span for span in others if later(span.possible_end, longest) >= horizon),
    )


def _longest_window(opioid: Opioid, policy: Policy) -> timedelta:
    return window(
        label_interval_h=opioid.form.label_interval_h,
        half_life_high_h=opioid.form.half_life_high_h,
        multiplier=policy.multiplier_cap,
        half_lives=policy.half_lives,
        floor=policy.floor,
    ).policy


def _kept_chain(supply: Supply, longest: timedelta, horizon: datetime) -> Supply:
    """The whole chain or nothing of it: a fill is kept while a later fill of its form is kept."""
    return supply if supply.spans and later(supply.spans[-1].possible_end, longest) >= horizon else NO_SUPPLY


def _implanted(entry: Entry) -> Span:
    """An implant acts until its removal, and no removal is read yet."""
    return Span(
        begin=entry.fact.occurred,
        documented_end=FOREVER,
        possible_end=FOREVER,
        entries=(entry,),
        reasons=frozenset({Reason.ONGOING_NO_END}),
    )


def _reported(entry: Entry, opioid: Opioid, report: Report, policy: Policy) -> Span:
    end = reported_end(entry, report, assumed=timedelta(0))
    non_prescription = opioid.non_prescription or report.kind in _WITHOUT_PRESCRIPTION
    reasons = {Reason.ONGOING_NO_END} if end == FOREVER else set[Reason]()
    return Span(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset(reasons | ({Reason.NON_PRESCRIPTION_OPIOID} if non_prescription else set())),
    )


def _possible(entry: Entry, order: Prescription, opioid: Opioid, policy: Policy) -> Span:
    """An order without a fill seen: open for half a year, or shorter where its end is recorded."""
    written = order.occurred.latest
    if entry.ended_at is None:
        end = later(written, policy.order_open)
    else:
        end = max(
            later(entry.ended_at, policy.order_ended_tail),
            later(written, stated_supply(order.medicine, opioid.form.hours_per_patch) or timedelta(0)),
        )
    return Span(
        begin=order.occurred,
        documented_end=None,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.UNFILLED_PRESCRIPTION}),
    )
