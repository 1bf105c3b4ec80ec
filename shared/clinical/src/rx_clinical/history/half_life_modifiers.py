"""Interacting medicines: when each counts, and the half-life multiplier that follows for an opioid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import Interaction
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Chart
from rx_clinical.history.co_medication import CoMedicationExposure, exposures
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class Precipitant:
    """A supply of an interacting medicine against one opioid, by one row of perpetrators.csv."""

    interaction: Interaction
    period: ExposurePeriod
    exposure: CoMedicationExposure

    @property
    def active_until(self) -> datetime:
        """End of the supply and the carry-over."""
        return later(self.period.possible_end, self.interaction.carry_over)

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Its active interval touches [begin, end]."""
        return self.period.begin.earliest <= end and self.active_until >= begin


def precipitant_exposures(chart: Chart, catalogue: Catalogue, horizon: datetime) -> tuple[CoMedicationExposure, ...]:
    """Histories by ingredient code in order, without what was over before the horizon."""
    return exposures(
        chart, lambda roles: roles.precipitant_codes, catalogue.policy, horizon, lasting=catalogue.longest_carry_over
    )


def precipitants_of(
    opioid: Opioid, taken: Iterable[CoMedicationExposure], prolonging: Mapping[str, Mapping[str, Interaction]]
) -> list[Precipitant]:
    """Every supply of every medicine that lengthens the opioid's half-life."""
    rows = prolonging.get(opioid.ingredient or "")
    if not rows:
        return []
    return [
        Precipitant(rows[exposure.key], period, exposure)
        for exposure in taken
        if exposure.key in rows
        for period in exposure.periods()
    ]


def multiplier(precipitants: Iterable[Precipitant], policy: Policy) -> Decimal:
    """Largest within a mechanism group, product across groups, between the floor and the cap."""
    by_group: dict[str, Decimal] = {}
    for precipitant in precipitants:
        row = precipitant.interaction
        by_group[row.mechanism_group] = max(by_group.get(row.mechanism_group, policy.multiplier_floor), row.multiplier)
    product = policy.multiplier_floor
    for factor in by_group.values():
        product *= factor
    return min(product, policy.multiplier_cap)
