"""When a medicine that is neither opioid nor antagonist is taken: interacting medicines, gut opioids, LDN partners."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Roles
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.exposure_period import (
    ExposurePeriod,
    FillChain,
    begin_unknown,
    reported_begin,
    reported_end,
    reported_possible_end,
    stack,
    supplied,
)
from rx_clinical.model.facts import Administration, Fill, Moment, Prescription, Report
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later


@dataclass(slots=True, eq=False)
class CoMedicationExposure:
    """All supplies of one medicine."""

    key: str  # RxNorm ingredient code, or form_key
    supply: FillChain
    others: tuple[ExposurePeriod, ...]  # orders without a fill, reports, doses given

    def periods(self) -> list[ExposurePeriod]:
        """Every supply, fills as uninterrupted runs."""
        return [*self.supply.runs(), *self.others]

    @property
    def first_event_at(self) -> datetime:
        """When it was first taken; where only its report is known, at that: the later it began, the newer it is."""
        return min(
            (period.entries[0] if begin_unknown(period.entries[0].fact) else period).begin.earliest
            for period in self.periods()
        )

    def meeting(self, begin: datetime, end: datetime) -> ExposurePeriod | None:
        """The first supply that is active at some time from `begin` and before `end`, or at `begin` itself."""
        met = (period for period in self.periods() if _meets(period, begin, end))
        return min(met, key=lambda period: (period.begin.earliest, period.entries[0].fact.key), default=None)


def _meets(period: ExposurePeriod, begin: datetime, end: datetime) -> bool:
    """A supply is over at its end; what begins at one instant is together, a single dose too."""
    first = period.begin.earliest
    return first == begin or ((first < end or first < begin) and begin < period.possible_end)


def exposures(
    chart: Chart,
    keys_of: Callable[[Roles], Iterable[str]],
    policy: Policy,
    horizon: datetime,
    lasting: Callable[[str], timedelta] = lambda _: timedelta(0),
) -> tuple[CoMedicationExposure, ...]:
    """Histories in order of their keys, without what was over (`lasting` after its end) before the horizon."""
    grouped: dict[str, list[Entry]] = {}
    for entry in chart.entries():
        for key in keys_of(entry.roles):
            grouped.setdefault(key, []).append(entry)
    found = (_exposure(key, entries, policy, later(horizon, -lasting(key))) for key, entries in sorted(grouped.items()))
    return tuple(exposure for exposure in found if exposure.supply.periods or exposure.others)


def gut_opioids(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure, ...]:
    """Loperamide and diphenoxylate at a dose that stays in the gut, by form."""
    return exposures(chart, lambda roles: [form.form_key for form in roles.gut_opioids], catalogue.policy, horizon)


def peripherals(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure, ...]:
    """Antagonists that stay outside the brain, by form."""
    return exposures(
        chart,
        lambda roles: [roles.peripheral.form_key] if roles.peripheral else [],
        catalogue.policy,
        horizon,
        lasting=lambda _: catalogue.policy.blocker_afterglow,
    )


def partners(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure, ...]:
    """What low-dose naltrexone changes, by ingredient code."""
    return exposures(chart, lambda roles: [partner.code for partner in roles.partners], catalogue.policy, horizon)


def _exposure(key: str, entries: list[Entry], policy: Policy, horizon: datetime) -> CoMedicationExposure:
    def lasting(period: ExposurePeriod) -> bool:
        return period.possible_end >= horizon or is_open(period)

    supply = stack((entry for entry in entries if isinstance(entry.fact, Fill)), None, policy)
    others = (period for entry in entries if (period := _other(entry, policy)) is not None)
    return CoMedicationExposure(key, supply.kept(lasting), tuple(filter(lasting, others)))


def _other(entry: Entry, policy: Policy) -> ExposurePeriod | None:
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
    """Reported use without a stop: it may lapse, and is never old."""
    entry = period.entries[0]
    return isinstance(entry.fact, Report) and entry.fact.ongoing and entry.ended_at is None


def _reported_end(entry: Entry, report: Report, policy: Policy) -> datetime:
    """Ongoing over-the-counter use lapses some time after its last confirmation."""
    end = reported_end(entry, report, policy)
    if end == FOREVER and report.kind == "otc":
        confirmed = (report.last_confirmed or report.occurred).latest
        return later(max(confirmed, report.occurred.latest), policy.otc_lapse)
    return end
