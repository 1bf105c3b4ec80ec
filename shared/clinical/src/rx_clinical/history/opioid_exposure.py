"""Opioid exposure: recorded supply, doses given, reported use, depots, positive tests and orders without a fill."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    NO_FILLS,
    Event,
    ExposurePeriod,
    FillChain,
    begun_first,
    chains,
    dispensed_depot,
    ordered_period,
    removed_at,
    reported_end,
    reported_period,
    reported_possible_end,
    stated_supply,
)
from rx_clinical.history.half_life_modifiers import Precipitant
from rx_clinical.model.facts import Administration, Evidence, Fill, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later

_CHALLENGES = frozenset({"urine_drug_test", "naloxone_challenge"})
_NON_PRESCRIPTION = frozenset({Reason.NON_PRESCRIPTION_OPIOID})
_TREATMENT_PROGRAMME = "OPIOID_TREATMENT_PROGRAM"


@dataclass(slots=True, eq=False)
class OpioidExposure:
    """All exposure periods of one opioid form, and the precipitants that extend its half-life."""

    opioid: Opioid
    supply: FillChain = NO_FILLS
    given: FillChain = NO_FILLS
    others: tuple[
        ExposurePeriod, ...
    ] = ()  # reports, implants, positive tests, dispensed depots, orders without a fill
    precipitants: tuple[Precipitant, ...] = ()
    # By the key of a fill or dose: the earlier period of its chain whose washout window, extended by precipitants,
    # ends later than that of the whole chain.
    outlasting: dict[bytes, ExposurePeriod] = field(default_factory=dict)

    def seen_at(self, moment: Moment) -> list[ExposurePeriod]:
        """Return the periods of what had begun by a moment; of a chain, by the fills begun.

        Includes the periods that outlast the chain, so that a later fill never makes an earliest start earlier.
        """
        seen = [period for period in (self.supply.at(moment), self.given.at(moment)) if period is not None]
        if self.others:
            seen += [period for period in self.others if begun_first(period.begin, moment)]
        if not self.outlasting:
            return seen
        keys = (period.entries[-1].fact.key for period in seen)
        return [*seen, *(self.outlasting[key] for key in keys if key in self.outlasting)]

    def reasons_of(self, period: ExposurePeriod) -> frozenset[Reason]:
        """Return the reasons of a period; of an opioid without prescriptions also NON_PRESCRIPTION_OPIOID."""
        return period.reasons | _NON_PRESCRIPTION if self.opioid.non_prescription else period.reasons

    def entries_seen_at(self, moment: Moment) -> list[Entry]:
        """Return every entry that had begun by a moment, earlier runs of a chain included."""
        return [
            *(entry for entry in self.supply.entries() if begun_first(entry.begin, moment)),
            *(entry for entry in self.given.entries() if begun_first(entry.begin, moment)),
            *(period.entries[0] for period in self.others if begun_first(period.begin, moment)),
        ]

    def periods(self) -> list[ExposurePeriod]:
        """Return every exposure period, of a chain its uninterrupted runs."""
        return [*self.supply.runs(), *self.given.runs(), *self.others]

    def every_entry(self) -> list[Entry]:
        """Return every entry."""
        return [*self.supply.entries(), *self.given.entries(), *(period.entries[0] for period in self.others)]

    def every_period(self) -> list[ExposurePeriod]:
        """Return the period after every fill and dose, and every other period."""
        return [*self.supply.periods, *self.given.periods, *self.others]

    def events(self) -> list[Event]:
        """Return every event that can anchor a finding: each fill, dose, report and order without a fill."""
        chained = [period.entries[-1] for period in (*self.supply.periods, *self.given.periods)]
        return [
            *(Event(entry, entry.begin) for entry in chained),
            *(Event(period.entries[0], period.begin) for period in self.others),
        ]


def opioid_exposures(chart: Chart, catalogue: Catalogue, horizon: datetime) -> list[OpioidExposure]:
    """Return the exposures by ingredient and form, sorted by key, without effects that ended before `horizon`."""
    grouped: dict[tuple[str, str], tuple[Opioid, list[Entry]]] = {}
    for entry in chart.entries():
        for opioid in entry.roles.opioids:
            grouped.setdefault(opioid.key, (opioid, []))[1].append(entry)
    for evidence in chart.evidence:
        if evidence.kind in _CHALLENGES and evidence.result == "positive":
            unknown = catalogue.classifier.unknown_opioid
            grouped.setdefault(unknown.key, (unknown, []))[1].append(Entry(evidence))
    exposures = (_exposure(*grouped[key], catalogue, horizon) for key in sorted(grouped))
    return [exposure for exposure in exposures if exposure.supply.periods or exposure.given.periods or exposure.others]


def _exposure(opioid: Opioid, entries: list[Entry], catalogue: Catalogue, horizon: datetime) -> OpioidExposure:
    policy = catalogue.policy

    def single(entry: Entry) -> ExposurePeriod | None:
        return _single_period(entry, opioid, policy)

    def lasting(period: ExposurePeriod) -> bool:
        return effect_end(opioid, period, catalogue) >= horizon

    return OpioidExposure(
        opioid,
        *chains(
            entries,
            policy,
            opioid.form.hours_per_patch,
            chain_fills=opioid.form.acting is not Acting.DEPOT,
            chain_doses=not opioid.until_removed,
            single=single,
            lasting=lasting,
        ),
    )


def _single_period(entry: Entry, opioid: Opioid, policy: Policy) -> ExposurePeriod | None:
    """Return the period of an implant, a positive test, a report, a dispensed depot or an order without a fill."""
    fact = entry.fact
    if isinstance(fact, Administration):
        return _implanted(entry, fact)
    if isinstance(fact, Evidence):
        return _tested_positive(entry)
    if isinstance(fact, Report):
        return _reported(entry, opioid, fact, policy)
    if isinstance(fact, Fill) and not entry.injected:
        return dispensed_depot(entry, policy)
    if isinstance(fact, Prescription) and not entry.filled:
        return ordered_period(entry, _order_end(entry, fact, opioid, policy))
    return None


def effect_end(opioid: Opioid, period: ExposurePeriod, catalogue: Catalogue) -> datetime:
    """Return the end of a period plus the longest washout window that could follow it."""
    return later(period.possible_end, catalogue.window_lengths(opioid.form, catalogue.policy.multiplier_cap).policy)


def _implanted(entry: Entry, given: Administration) -> ExposurePeriod:
    """Return the period of an implant, which acts until its removal."""
    end = removed_at(given) or FOREVER
    return ExposurePeriod(
        begin=given.occurred,
        documented_end=end,
        possible_end=end,
        entries=(entry,),
        reasons=frozenset({Reason.ONGOING_NO_END} if end == FOREVER else ()),
    )


def _tested_positive(entry: Entry) -> ExposurePeriod:
    """Return the period of a positive test or challenge: some opioid was present at that time."""
    occurred = entry.fact.occurred
    return ExposurePeriod(
        begin=occurred,
        documented_end=occurred.latest,
        possible_end=occurred.latest,
        entries=(entry,),
        reasons=frozenset({Reason.OPIOID_EVIDENCE_POSITIVE}),
    )


def _reported(entry: Entry, opioid: Opioid, report: Report, policy: Policy) -> ExposurePeriod:
    hours_per_patch = opioid.form.hours_per_patch
    end = reported_end(entry, report, policy, hours_per_patch)
    possible_end = reported_possible_end(entry, report, end, policy, hours_per_patch)
    reasons = {
        Reason.ONGOING_NO_END: end == FOREVER,
        Reason.NON_PRESCRIPTION_OPIOID: opioid.non_prescription or report.kind == "illicit",
        Reason.RESTRICTED_SOURCE: is_restricted(report),
    }
    holding = frozenset(reason for reason, holds in reasons.items() if holds)
    return reported_period(entry, report, policy, (end, possible_end), holding)


def is_restricted(report: Report) -> bool:
    """Return True if other sites may read only "opioid, restricted source"."""
    return report.restricted or report.source_kind == _TREATMENT_PROGRAMME


def _order_end(entry: Entry, order: Prescription, opioid: Opioid, policy: Policy) -> datetime:
    """Return the end of an order without a fill: half a year after writing, or earlier if its end is recorded."""
    written = order.occurred.latest
    if entry.ended_at is None:
        return later(written, policy.order_open)
    return max(
        later(entry.ended_at, policy.order_ended_tail),
        later(written, stated_supply(order.medicine, opioid.form.hours_per_patch) or timedelta(0)),
    )
