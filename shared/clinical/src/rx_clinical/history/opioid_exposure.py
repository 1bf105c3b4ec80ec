"""When an opioid may be on board: recorded supply, doses given, reported use, depots, and orders without a fill."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    NO_FILLS,
    Event,
    ExposurePeriod,
    FillChain,
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
from rx_clinical.history.half_life_modifiers import Precipitant
from rx_clinical.model.facts import Administration, Evidence, Fill, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, days_of, later

_CHALLENGES = frozenset({"urine_drug_test", "naloxone_challenge"})
_NON_PRESCRIPTION = frozenset({Reason.NON_PRESCRIPTION_OPIOID})
_TREATMENT_PROGRAMME = "OPIOID_TREATMENT_PROGRAM"


@dataclass(slots=True, eq=False)
class OpioidExposure:
    """All exposures to one opioid form."""

    opioid: Opioid
    supply: FillChain = NO_FILLS
    given: FillChain = NO_FILLS
    others: tuple[ExposurePeriod, ...] = ()  # reports, implants, dispensed depots, orders without a fill
    precipitants: tuple[Precipitant, ...] = ()  # that lengthen its half-life
    # By the key of a fill or dose: what had been supplied before it and, by what lengthens it, lasts longer.
    outlasting: dict[bytes, ExposurePeriod] = field(default_factory=dict)

    def seen_at(self, moment: Moment) -> list[ExposurePeriod]:
        """The exposures that had begun at a moment, so that a later fill never makes an earliest start earlier.

        Of a chain of fills only what had begun counts.
        """
        seen = [period for period in (self.supply.at(moment), self.given.at(moment)) if period is not None]
        if self.others:
            seen += [period for period in self.others if begun_first(period.begin, moment)]
        if not self.outlasting:
            return seen
        keys = (period.entries[-1].fact.key for period in seen)
        return [*seen, *(self.outlasting[key] for key in keys if key in self.outlasting)]

    def reasons_of(self, period: ExposurePeriod) -> frozenset[Reason]:
        """What is to be said of one of its exposures: of what no prescription is for, that too."""
        return period.reasons | _NON_PRESCRIPTION if self.opioid.non_prescription else period.reasons

    def entries_seen_at(self, moment: Moment) -> list[Entry]:
        """Every fact about it that had begun at a moment, earlier runs of a chain included."""
        return [
            *(entry for entry in self.supply.entries() if begun_first(entry.begin, moment)),
            *(entry for entry in self.given.entries() if begun_first(entry.begin, moment)),
            *(period.entries[0] for period in self.others if begun_first(period.begin, moment)),
        ]

    def periods(self) -> list[ExposurePeriod]:
        """Every exposure, a chain of fills as its uninterrupted runs."""
        return [*self.supply.runs(), *self.given.runs(), *self.others]

    def every_entry(self) -> list[Entry]:
        """Every fact about it."""
        return [*self.supply.entries(), *self.given.entries(), *(period.entries[0] for period in self.others)]

    def every_period(self) -> list[ExposurePeriod]:
        """Every span of every chain and every other exposure."""
        return [*self.supply.periods, *self.given.periods, *self.others]

    def events(self) -> list[Event]:
        """Every event that can anchor a finding: each fill, dose, report and order without a fill."""
        chained = [period.entries[-1] for period in (*self.supply.periods, *self.given.periods)]
        return [
            *(Event(entry, entry.begin) for entry in chained),
            *(Event(period.entries[0], period.begin) for period in self.others),
        ]


def opioid_exposures(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[OpioidExposure]:
    """Exposures by ingredient and form in order of their keys, without what was over before the horizon."""
    grouped: dict[tuple[str, str], tuple[Opioid, list[Entry]]] = {}
    for entry in chart.entries():
        for opioid in entry.roles.opioids:
            grouped.setdefault(opioid.key, (opioid, []))[1].append(entry)
    for evidence in chart.evidence:
        if evidence.kind in _CHALLENGES and evidence.result == "positive":
            unknown = catalogue.classifier.unknown_opioid
            grouped.setdefault(unknown.key, (unknown, []))[1].append(Entry(evidence))
    exposures = [_exposure(*grouped[key], catalogue, horizon) for key in sorted(grouped)]
    return [exposure for exposure in exposures if exposure.supply.periods or exposure.given.periods or exposure.others]


def _exposure(opioid: Opioid, entries: list[Entry], catalogue: Catalogue, horizon: datetime) -> OpioidExposure:
    policy = catalogue.policy
    fills: list[Entry] = []
    given: list[Entry] = []
    others: list[ExposurePeriod] = []
    for entry in entries:
        if isinstance(entry.fact, Fill) and opioid.form.acting is not Acting.DEPOT:
            fills.append(entry)
        elif isinstance(entry.fact, Administration) and not opioid.until_removed:
            given.append(entry)
        elif (period := _other(entry, opioid, policy)) is not None:
            others.append(period)

    def lasting(period: ExposurePeriod) -> bool:
        return effect_end(opioid, period, catalogue) >= horizon

    return OpioidExposure(
        opioid,
        stack(fills, opioid.form.hours_per_patch, policy).kept(lasting) if fills else NO_FILLS,
        doses(given, _worn(opioid)).kept(lasting) if given else NO_FILLS,
        tuple(filter(lasting, others)) if others else (),
    )


def _worn(opioid: Opioid) -> timedelta:
    """How long one patch is worn; no time for what is no patch."""
    return days_of((opioid.form.hours_per_patch or Decimal(0)) / 24)


def _other(entry: Entry, opioid: Opioid, policy: Policy) -> ExposurePeriod | None:
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


def effect_end(opioid: Opioid, period: ExposurePeriod, catalogue: Catalogue) -> datetime:
    """The end of an exposure and the longest window that could follow it."""
    return later(period.possible_end, catalogue.window_lengths(opioid.form, catalogue.policy.multiplier_cap).policy)


def _implanted(entry: Entry, given: Administration) -> ExposurePeriod:
    """An implant acts until its removal."""
    end = removed_at(given) or FOREVER
    return ExposurePeriod(
        begin=given.occurred,
        documented_end=end,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.ONGOING_NO_END} if end == FOREVER else ()),
    )


def _positive(entry: Entry) -> ExposurePeriod:
    """A positive test or challenge: some opioid was there at that time."""
    occurred = entry.fact.occurred
    return ExposurePeriod(
        begin=occurred,
        documented_end=occurred.latest,
        possible_end=occurred.latest,
        entries=(entry,),
        reasons=frozenset({Reason.OPIOID_EVIDENCE_POSITIVE}),
    )


def _reported(entry: Entry, opioid: Opioid, report: Report, policy: Policy) -> ExposurePeriod:
    end = reported_end(entry, report, policy, opioid.form.hours_per_patch)
    possible = reported_possible_end(entry, report, end, policy, opioid.form.hours_per_patch)
    reasons = {
        Reason.SUPPLY_END_ASSUMED: possible > end,
        Reason.ONGOING_NO_END: end == FOREVER,
        Reason.NON_PRESCRIPTION_OPIOID: opioid.non_prescription or report.kind == "illicit",
        Reason.RESTRICTED_SOURCE: is_restricted(report),
    }
    return ExposurePeriod(
        begin=reported_begin(entry, report, policy),
        documented_end=end,
        possible_end=possible,
        entries=(entry,),
        reasons=frozenset(reason for reason, holds in reasons.items() if holds),
    )


def is_restricted(report: Report) -> bool:
    """Other sites read "opioid, restricted source" and no more."""
    return report.restricted or report.source_kind == _TREATMENT_PROGRAMME


def _possible(entry: Entry, order: Prescription, opioid: Opioid, policy: Policy) -> ExposurePeriod:
    """An order without a fill seen: open for half a year, or shorter where its end is recorded."""
    written = order.occurred.latest
    if entry.ended_at is None:
        end = later(written, policy.order_open)
    else:
        end = max(
            later(entry.ended_at, policy.order_ended_tail),
            later(written, stated_supply(order.medicine, opioid.form.hours_per_patch) or timedelta(0)),
        )
    return ExposurePeriod(
        begin=order.occurred,
        documented_end=None,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.UNFILLED_PRESCRIPTION}),
    )
