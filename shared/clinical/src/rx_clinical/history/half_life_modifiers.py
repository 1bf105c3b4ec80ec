"""Half-life modifiers: precipitants of an opioid, when each is active, and the multiplier of the half-life."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.interactions import Interaction
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Chart
from rx_clinical.history.co_medication import CoMedicationExposure, exposures
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.codes import RxNormCode
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class Precipitant:
    """An exposure period of a precipitant with its row of perpetrators.csv for one object drug."""

    interaction: Interaction
    period: ExposurePeriod
    exposure: CoMedicationExposure[RxNormCode]

    @property
    def active_until(self) -> datetime:
        """Return the end of the exposure period plus the carry-over."""
        return later(self.period.possible_end, self.interaction.carry_over)

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Return True if the precipitant is active at some time in [begin, end]."""
        return self.period.begin.earliest <= end and self.active_until >= begin


def precipitant_exposures(
    chart: Chart, catalogue: Catalogue, horizon: datetime
) -> tuple[CoMedicationExposure[RxNormCode], ...]:
    """Return the exposures to precipitants, sorted by ingredient code, without those over before `horizon`."""
    return exposures(
        chart, lambda roles: roles.precipitant_codes, catalogue.policy, horizon, lasting=catalogue.longest_carry_over
    )


def precipitants_of(
    opioid: Opioid,
    taken: Iterable[CoMedicationExposure[RxNormCode]],
    prolonging: Mapping[RxNormCode, Mapping[RxNormCode, Interaction]],
) -> list[Precipitant]:
    """Return every exposure period of every medicine that extends the half-life of the opioid."""
    rows = prolonging.get(opioid.ingredient) if opioid.ingredient else None
    if not rows:
        return []
    return [
        Precipitant(rows[exposure.key], period, exposure)
        for exposure in taken
        if exposure.key in rows
        for period in exposure.periods()
    ]


def multiplier(precipitants: Iterable[Precipitant], policy: Policy) -> Decimal:
    """Return the half-life multiplier: the largest of each mechanism group, multiplied, from the floor to the cap."""
    by_group: dict[str, Decimal] = {}
    for precipitant in precipitants:
        row = precipitant.interaction
        by_group[row.mechanism_group] = max(by_group.get(row.mechanism_group, policy.multiplier_floor), row.multiplier)
    product = policy.multiplier_floor
    for factor in by_group.values():
        product *= factor
    return min(product, policy.multiplier_cap)
