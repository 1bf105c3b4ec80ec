"""When an opioid may be on board: recorded supply, doses given, reported use, depots, and orders without a fill."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    NO_SUPPLY,
    Event,
    Span,
    Supply,
    begun_first,
    dispensed_depot,
    doses,
    removed_at,
    reported_begin,
    reported_end,
    reported_possible_end,
    stack,
    stated_supply,
)
from rx_clinical.model.facts import Administration, Evidence, Fill, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, days_of, later

_CHALLENGES = frozenset({"urine_drug_test", "naloxone_challenge"})
_TREATMENT_PROGRAMME = "OPIOID_TREATMENT_PROGRAM"


@dataclass(slots=True, eq=False)
class OpioidHistory:
    """All exposures to one opioid form."""

    opioid: Opioid
    supply: Supply = NO_SUPPLY
    given: Supply = NO_SUPPLY
    others: tuple[Span, ...] = ()  # reports, implants, dispensed depots, orders without a fill

    def seen_at(self, moment: Moment) -> list[Span]:
        """The exposures that had begun at a moment; of a chain of fills only what had begun."""
        seen = [span for span in (self.supply.at(moment), self.given.at(moment)) if span is not None]
        return seen + [span for span in self.others if begun_first(span.begin, moment)] if self.others else seen

    def entries_seen_at(self, moment: Moment) -> list[Entry]:
        """Every fact about it that had begun at a moment, earlier runs of a chain included."""
        return [
            *(entry for entry in self.supply.entries() if begun_first(entry.begin, moment)),
            *(entry for entry in self.given.entries() if begun_first(entry.begin, moment)),
            *(span.entries[0] for span in self.others if begun_first(span.begin, moment)),
        ]

    def spans(self) -> list[Span]:
        """Every exposure, a chain of fills as its uninterrupted runs."""
        return [*self.supply.runs(), *self.given.runs(), *self.others]

    def every_entry(self) -> list[Entry]:
        """Every fact about it."""
        return [*self.supply.entries(), *self.given.entries(), *(span.entries[0] for span in self.others)]

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
    for evidence in chart.evidence:
        if evidence.kind in _CHALLENGES and evidence.result == "positive":
            unknown = catalogue.roles_reader.unknown_opioid
            grouped.setdefault(unknown.key, (unknown, []))[1].append(Entry(evidence))
    histories = [_history(*grouped[key], catalogue, horizon) for key in sorted(grouped)]
    return [history for history in histories if history.supply.spans or history.given.spans or history.others]


def _history(opioid: Opioid, entries: list[Entry], catalogue: Catalogue, horizon: datetime) -> OpioidHistory:
    policy = catalogue.policy
    fills: list[Entry] = []
    given: list[Entry] = []
    others: list[Span] = []
    for entry in entries:
        if isinstance(entry.fact, Fill) and opioid.form.acting is not Acting.DEPOT:
            fills.append(entry)
        elif isinstance(entry.fact, Administration) and not opioid.until_removed:
            given.append(entry)
        elif (span := _other(entry, opioid, policy)) is not None:
            others.append(span)

    def lasting(span: Span) -> bool:
        return effect_end(opioid, span, catalogue) >= horizon

    return OpioidHistory(
        opioid,
        stack(fills, opioid.form.hours_per_patch, policy).kept(lasting) if fills else NO_SUPPLY,
        doses(given, _worn(opioid)).kept(lasting) if given else NO_SUPPLY,
        tuple(filter(lasting, others)) if others else (),
    )


def _worn(opioid: Opioid) -> timedelta:
    """How long one patch is worn; no time for what is no patch."""
    return days_of((opioid.form.hours_per_patch or Decimal(0)) / 24)


def _other(entry: Entry, opioid: Opioid, policy: Policy) -> Span | None:
    """What is neither a supply nor a dose: an implant, a dispensed depot, a test, a report, an order without a fill."""
    fact = entry.fact
    if isinstance(fact, Administration):
        return _implanted(entry, fact)
    if isinstance(fact, Evidence):
        return _positive(entry)
    if isinstance(fact, Report):
        return _reported(entry, opioid, fact, policy)
    if isinstance(fact, Fill) and not entry.injected:
        return dispensed_depot(entry, policy)
    if isinstance(fact, Prescription) and not entry.filled:
        return _possible(entry, fact, opioid, policy)
    return None


def effect_end(opioid: Opioid, span: Span, catalogue: Catalogue) -> datetime:
    """The end of an exposure and the longest window that could follow it."""
    return later(span.possible_end, catalogue.window(opioid.form, catalogue.policy.multiplier_cap).policy)


def _implanted(entry: Entry, given: Administration) -> Span:
    """An implant acts until its removal."""
    end = removed_at(given) or FOREVER
    return Span(
        begin=given.occurred,
        documented_end=end,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.ONGOING_NO_END} if end == FOREVER else ()),
    )


def _positive(entry: Entry) -> Span:
    """A positive test or challenge: some opioid was there at that time."""
    occurred = entry.fact.occurred
    return Span(
        begin=occurred,
        documented_end=occurred.latest,
        possible_end=occurred.latest,
        entries=(entry,),
        reasons=frozenset({Reason.OPIOID_EVIDENCE_POSITIVE}),
    )


def _reported(entry: Entry, opioid: Opioid, report: Report, policy: Policy) -> Span:
    end = reported_end(entry, report, policy, opioid.form.hours_per_patch)
    possible = reported_possible_end(entry, report, end, policy, opioid.form.hours_per_patch)
    reasons = {
        Reason.SUPPLY_END_ASSUMED: possible > end,
        Reason.ONGOING_NO_END: end == FOREVER,
        Reason.NON_PRESCRIPTION_OPIOID: opioid.non_prescription or report.kind == "illicit",
        Reason.RESTRICTED_SOURCE: is_restricted(report),
    }
    return Span(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=possible,
        entries=(entry,),
        reasons=frozenset(reason for reason, holds in reasons.items() if holds),
    )


def is_restricted(report: Report) -> bool:
    """Other sites read "opioid, restricted source" and no more."""
    return report.restricted or report.source_kind == _TREATMENT_PROGRAMME


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
