"""Antagonist forms and dose tiers: antagonist_forms.csv, antagonist_tiers.csv and dose_tiers.csv."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from rx_clinical.catalogue.drug_forms import Acting, DrugForm
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.codes import FormKey, Word
from rx_clinical.model.findings import Severity

BY_DOSE = "by_dose"
"""Tier of a form whose tier is set by the daily dose."""


class AntagonistKind(Word):
    """Role of an antagonist form."""

    SYSTEMIC = "systemic"
    DEPOT = "depot"
    RESCUE = "rescue"
    PERIPHERAL = "peripheral"
    RESCUE_BY_ROUTE = "rescue_if_nasal_or_injected"


@dataclass(frozen=True, slots=True, kw_only=True)
class AntagonistForm:
    """A row of antagonist_forms.csv: the role of an antagonist form in the rules."""

    kind: AntagonistKind
    tier: str  # BY_DOSE, or a row of antagonist_tiers.csv
    extended_release: bool


def load_antagonist_forms(tables: Tables, drugs: Mapping[FormKey, DrugForm]) -> dict[FormKey, AntagonistForm]:
    """Return antagonist_forms.csv by form key.

    Raises TableError if it does not list exactly the antagonists of drugs.csv.
    """
    forms = tables.keyed(
        "antagonist_forms.csv",
        lambda row: (
            FormKey(row.required("form_key")),
            AntagonistForm(
                kind=AntagonistKind(row.one_of("kind", *AntagonistKind)),
                tier=row.text("tier"),
                extended_release=row.flag("extended_release"),
            ),
        ),
    )
    known = {key for key, drug in drugs.items() if drug.acting in (Acting.ANTAGONIST, Acting.PERIPHERAL)}
    if forms.keys() != known:
        raise TableError(f"antagonist_forms.csv and drugs.csv differ in {sorted(forms.keys() ^ known)}")
    return forms


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A row of antagonist_tiers.csv: the blockade by an antagonist at a daily dose, or of a form."""

    name: str
    above_mg: Decimal | None  # bounds of the daily dose in mg; a tier of a form has none
    from_mg: Decimal | None
    up_to_mg: Decimal | None
    below_mg: Decimal | None
    ultra_low: bool  # below 1 mg: the confirm path
    low_dose: bool  # at most 5 mg: the LDN rules apply
    tail: timedelta  # of blockade after the last dose
    tail_extended_release: timedelta
    reduced_tolerance: timedelta  # after the tail; zero if none is known
    hold: timedelta  # before a procedure with opioids
    opioid_after: Severity  # of an opioid inside the blockade
    sources: tuple[str, ...]

    @property
    def interval(self) -> str | None:
        """Return the daily doses of this tier in mg as an interval, `(0, 0.25]`; None for a tier without bounds."""
        if self.above_mg is None and self.from_mg is None:
            return None
        low = f"({self.above_mg}" if self.above_mg is not None else f"[{self.from_mg}"
        if self.up_to_mg is not None:
            return f"{low}, {self.up_to_mg}]"
        return f"{low}, {self.below_mg})" if self.below_mg is not None else f"{low}, inf)"

    def holds(self, daily_dose_mg: Decimal) -> bool:
        """Return True if the daily dose lies in this tier; always False for a tier without bounds."""
        return (self.above_mg is not None or self.from_mg is not None) and not (
            (self.above_mg is not None and daily_dose_mg <= self.above_mg)
            or (self.from_mg is not None and daily_dose_mg < self.from_mg)
            or (self.up_to_mg is not None and daily_dose_mg > self.up_to_mg)
            or (self.below_mg is not None and daily_dose_mg >= self.below_mg)
        )


def load_tiers(tables: Tables) -> dict[str, Tier]:
    """Return antagonist_tiers.csv by tier. Raises TableError if dose_tiers.csv contradicts it."""
    tiers = tables.keyed("antagonist_tiers.csv", lambda row: _tier(row, tables))
    for row in tables.rows("dose_tiers.csv"):
        _check_tier(row, tiers)
    return tiers


def _check_tier(row: Row, tiers: Mapping[str, Tier]) -> None:
    """Check that dose_tiers.csv, written for people, states the numbers of antagonist_tiers.csv."""
    tier = tiers.get(row.required("tier"))
    if tier is None:
        raise row.error("antagonist_tiers.csv has no such tier")
    interval = tier.interval
    if interval is not None and row.required("daily_dose_mg_interval") != interval:
        raise row.error(f"the interval is {row.text('daily_dose_mg_interval')}, antagonist_tiers.csv says {interval}")
    plain, extended = (f"{length / timedelta(hours=1):g}" for length in (tier.tail, tier.tail_extended_release))
    tail = plain if plain == extended else f"{extended} if ER else {plain}"
    if row.required("order_b_tail_h").split(" (")[0] != tail:
        raise row.error(f"the tail is {row.text('order_b_tail_h')}, antagonist_tiers.csv says {tail}")
    if row.decimal("reduced_tolerance_days_after_tail") != tier.reduced_tolerance / timedelta(days=1):
        raise row.error("reduced tolerance is not that of antagonist_tiers.csv")


def _tier(row: Row, tables: Tables) -> tuple[str, Tier]:
    name = row.required("tier")
    return name, Tier(
        name=name,
        above_mg=row.optional_decimal("above_mg"),
        from_mg=row.optional_decimal("from_mg"),
        up_to_mg=row.optional_decimal("up_to_mg"),
        below_mg=row.optional_decimal("below_mg"),
        ultra_low=row.flag("ultra_low"),
        low_dose=row.flag("low_dose"),
        tail=timedelta(hours=float(row.decimal("tail_h"))),
        tail_extended_release=timedelta(hours=float(row.decimal("tail_er_h"))),
        reduced_tolerance=timedelta(days=float(row.decimal("reduced_tolerance_d"))),
        hold=timedelta(hours=float(row.decimal("hold_h"))),
        opioid_after=Severity(row.one_of("opioid_after", *Severity)),
        sources=tables.sources_of(row),
    )
