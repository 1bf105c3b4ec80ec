"""Drug forms of drugs.csv: class, half-life and label interval of each ingredient in each form."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Row, Tables
from rx_clinical.model.codes import FormKey, RxNormCode


class Acting(StrEnum):
    """Acting class of a form."""

    SHORT = "short"
    LONG = "long"
    DEPOT = "depot"
    NOT_SYSTEMIC = "na"  # acts on the gut alone
    ANTAGONIST = "antagonist"
    PERIPHERAL = "peripheral"  # an antagonist that does not enter the brain


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugForm:
    """A row of drugs.csv: an ingredient in a form."""

    form_key: FormKey
    ingredient: RxNormCode | None  # None: RxNorm has no code
    name: str
    drug_class: str
    acting: Acting
    half_life_high_h: Decimal  # highest half-life of the sources
    label_interval_h: Decimal  # before naltrexone, by its label; 0 if the form is no systemic opioid
    hours_per_patch: Decimal | None
    mme_factor: Decimal | None  # morphine milligram equivalents; None: no factor, never part of a total
    mme_basis: str
    verification: str  # how the half-life was verified, in words
    sources: tuple[str, ...]

    @property
    def systemic_opioid(self) -> bool:
        """Return True for the acting classes short, long and depot: an opioid for withdrawal and blockade rules."""
        return self.acting in (Acting.SHORT, Acting.LONG, Acting.DEPOT)


def load_drug_forms(tables: Tables, policy: Policy) -> dict[FormKey, DrugForm]:
    """Return drugs.csv by form key.

    Raises TableError if the half-lives of a row are out of order or its window differs from the computed one.
    """
    return tables.keyed("drugs.csv", lambda row: (FormKey(row.required("form_key")), _drug_form(row, tables, policy)))


def _drug_form(row: Row, tables: Tables, policy: Policy) -> DrugForm:
    low, typical, high = (row.decimal(f"t_half_{name}_h") for name in ("low", "typical", "high"))
    if not low <= typical <= high:
        raise row.error(f"half-lives are not in order: {low}, {typical}, {high}")
    acting = Acting(row.one_of("acting", *Acting))
    form = DrugForm(
        form_key=FormKey(row.required("form_key")),
        ingredient=RxNormCode(row.text("rxnorm_ingredient_code")) or None,
        name=row.required("name"),
        drug_class=row.required("opioid_class"),
        acting=acting,
        half_life_high_h=high,
        label_interval_h=row.optional_decimal("label_interval_before_naltrexone_h") or Decimal(0),
        hours_per_patch=row.optional_decimal("unit_hours_per_dose_unit"),
        mme_factor=row.optional_decimal("mme_factor"),
        mme_basis=row.text("mme_basis"),
        verification=row.required("verification"),
        sources=tables.sources_of(row),
    )
    if form.systemic_opioid:
        _check_windows(row, form, policy)
    return form


def _check_windows(row: Row, form: DrugForm, policy: Policy) -> None:
    """Check the label interval and the windows of a row against the acting class and policy.csv."""
    label = policy.label_short if form.acting is Acting.SHORT else policy.floor
    if form.label_interval_h * 3600 != Decimal(label.total_seconds()):
        raise row.error(f"label interval {form.label_interval_h} h does not belong to acting class {form.acting}")
    hard = max(form.label_interval_h, policy.half_lives * form.half_life_high_h)
    if row.decimal("hard_window_h_no_perpetrator") != hard:
        raise row.error(f"hard window is {row.text('hard_window_h_no_perpetrator')}, label and half-life give {hard}")
    if row.decimal("policy_floor_h") * 3600 != Decimal(policy.floor.total_seconds()):
        raise row.error(f"policy floor {row.text('policy_floor_h')} h is not that of policy.csv")
