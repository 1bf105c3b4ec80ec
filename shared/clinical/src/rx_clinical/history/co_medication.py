"""Exposure to co-medication that is neither opioid nor antagonist: precipitants, gut opioids, LDN partners."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Roles
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    ExposurePeriod,
    FillChain,
    begin_unknown,
    chains,
    reported_begin,
    reported_end,
    reported_possible_end,
    supplied,
)
from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import Administration, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later

K = TypeVar("K", bound=str)


@dataclass(slots=True, eq=False)
class CoMedicationExposure(Generic[K]):
    """All exposure periods of one co-medication."""

    key: K  # of an ingredient, or of a form
    supply: FillChain
    others: tuple[ExposurePeriod, ...]  # orders without a fill, reports, doses given

    def periods(self) -> list[ExposurePeriod]:
        """Return every exposure period, of the fills the uninterrupted runs."""
        return [*self.supply.runs(), *self.others]

    @property
    def first_event_at(self) -> datetime:
        """Return the time of the first event; of reported use with an unknown begin, the time of the report."""
        return min(
            (period.entries[0] if begin_unknown(period.entries[0].fact) else period).begin.earliest
            for period in self.periods()
        )

    def meeting(self, begin: datetime, end: datetime) -> ExposurePeriod | None:
        """Return the first period that is active at some time from `begin` and before `end`, or at `begin` itself."""
        active = (period for period in self.periods() if _is_active(period, begin, end))
        return min(active, key=lambda period: (period.begin.earliest, period.entries[0].fact.key), default=None)


def _is_active(period: ExposurePeriod, begin: datetime, end: datetime) -> bool:
    """Return True if a period is active in [begin, end). It is over at its end; a begin at `begin` counts always."""
    first = period.begin.earliest
    return first == begin or ((first < end or first < begin) and begin < period.possible_end)


def exposures(
    chart: Chart,
    keys_of: Callable[[Roles], Iterable[K]],
    policy: Policy,
    horizon: datetime,
    lasting: Callable[[K], timedelta] = lambda _: timedelta(0),
) -> tuple[CoMedicationExposure[K], ...]:
    """Return the exposures sorted by key, without periods that ended, with `lasting` after them, before `horizon`."""
    grouped: dict[K, list[Entry]] = {}
    for entry in chart.entries():
        for key in keys_of(entry.roles):
            grouped.setdefault(key, []).append(entry)
    found = (_exposure(key, entries, policy, later(horizon, -lasting(key))) for key, entries in sorted(grouped.items()))
    return tuple(exposure for exposure in found if exposure.supply.periods or exposure.others)


def gut_opioids(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure[FormKey], ...]:
    """Return exposure to loperamide and diphenoxylate at a dose that acts on the gut alone, by form."""
    return exposures(chart, lambda roles: [form.form_key for form in roles.gut_opioids], catalogue.policy, horizon)


def peripherals(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure[FormKey], ...]:
    """Return exposure to antagonists that do not enter the brain, by form."""
    return exposures(
        chart,
        lambda roles: [roles.peripheral.form_key] if roles.peripheral else [],
        catalogue.policy,
        horizon,
        lasting=lambda _: catalogue.policy.blocker_afterglow,
    )


def partners(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure[RxNormCode], ...]:
    """Return exposure to medicines whose effect low-dose naltrexone changes, by ingredient code."""
    return exposures(chart, lambda roles: [partner.code for partner in roles.partners], catalogue.policy, horizon)


def _exposure(key: K, entries: list[Entry], policy: Policy, horizon: datetime) -> CoMedicationExposure[K]:
    def single(entry: Entry) -> ExposurePeriod | None:
        return _single_period(entry, policy)

    def lasting(period: ExposurePeriod) -> bool:
        return period.possible_end >= horizon or is_open(period)

    supply, _, others = chains(
        entries, policy, None, chain_fills=True, chain_doses=False, single=single, lasting=lasting
    )
    return CoMedicationExposure(key, supply, others)


def _single_period(entry: Entry, policy: Policy) -> ExposurePeriod | None:
    """Return the period of a report, an order without a fill or a dose given."""
    begin: Moment
    documented_end: datetime | None = None
    reasons: frozenset[Reason] = frozenset()
    match entry.fact:
        case Report() as report:
            begin, documented_end = reported_begin(entry, report, policy), _reported_end(entry, report, policy)
            end = reported_possible_end(entry, report, documented_end, policy)
        case Prescription() as order if not entry.filled:
            _, possible_supply = supplied(entry, None, policy)
            begin, end = order.occurred, later(order.occurred.latest, possible_supply)
            reasons = frozenset({Reason.UNFILLED_PRESCRIPTION})
        case Administration() as given:
            begin, end = given.occurred, given.occurred.latest
        case _:
            return None
    return ExposurePeriod(
        begin=begin, documented_end=documented_end or end, possible_end=end, entries=(entry,), reasons=reasons
    )


def is_open(period: ExposurePeriod) -> bool:
    """Return True for reported use without a recorded stop: it may lapse, but is never before the horizon."""
    entry = period.entries[0]
    return isinstance(entry.fact, Report) and entry.fact.ongoing and entry.ended_at is None


def _reported_end(entry: Entry, report: Report, policy: Policy) -> datetime:
    """Return the documented end of reported use. Ongoing over-the-counter use lapses after its last confirmation."""
    end = reported_end(entry, report, policy)
    if end == FOREVER and report.kind == "otc":
        confirmed = (report.last_confirmed or report.occurred).latest
        return later(max(confirmed, report.occurred.latest), policy.otc_lapse)
    return end
