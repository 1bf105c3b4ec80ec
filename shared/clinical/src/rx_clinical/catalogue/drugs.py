"""Opioids, antagonists and the medicines that change how long an opioid stays: drugs.csv and perpetrators.csv."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.findings import Severity

CLASS_STRONG_CYP3A4 = "*strong_cyp3a4*"
BY_DOSE = "by_dose"


class Acting(StrEnum):
    """Acting class of a form. `na` acts on the gut alone."""

    SHORT = "short"
    LONG = "long"
    DEPOT = "depot"
    NOT_SYSTEMIC = "na"
    ANTAGONIST = "antagonist"
    PERIPHERAL = "peripheral"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugForm:
    """One row of drugs.csv: an ingredient in a form."""

    form_key: str
    ingredient: str | None  # RxNorm ingredient code, where one was found
    name: str
    drug_class: str
    acting: Acting
    half_life_high_h: Decimal
    label_interval_h: Decimal  # 0 where the form is no systemic opioid
    hours_per_patch: Decimal | None
    mme_factor: Decimal | None  # None: no factor, never add it to a total
    mme_basis: str
    verification: str
    sources: tuple[str, ...]

    @property
    def systemic_opioid(self) -> bool:
        """Acting class short, long or depot: what the withdrawal and blockade rules call an opioid."""
        return self.acting in (Acting.SHORT, Acting.LONG, Acting.DEPOT)


def load_drugs(tables: Tables, policy: Policy) -> dict[str, DrugForm]:
    """drugs.csv by form_key. Raises TableError where half-lives are out of order or a window is not what follows."""
    return tables.keyed("drugs.csv", lambda row: (row.required("form_key"), _drug(row, tables, policy)))


def _drug(row: Row, tables: Tables, policy: Policy) -> DrugForm:
    low, typical, high = (row.decimal(f"t_half_{name}_h") for name in ("low", "typical", "high"))
    if not low <= typical <= high:
        raise row.error(f"half-lives are not in order: {low}, {typical}, {high}")
    acting = Acting(row.one_of("acting", *Acting))
    form = DrugForm(
        form_key=row.required("form_key"),
        ingredient=row.text("rxnorm_ingredient_code") or None,
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
    label = policy.label_short if form.acting is Acting.SHORT else policy.floor
    if form.label_interval_h * 3600 != Decimal(label.total_seconds()):
        raise row.error(f"label interval {form.label_interval_h} h does not belong to acting class {form.acting}")
    hard = max(form.label_interval_h, policy.half_lives * form.half_life_high_h)
    if row.decimal("hard_window_h_no_perpetrator") != hard:
        raise row.error(f"hard window is {row.text('hard_window_h_no_perpetrator')}, label and half-life give {hard}")
    if row.decimal("policy_floor_h") * 3600 != Decimal(policy.floor.total_seconds()):
        raise row.error(f"policy floor {row.text('policy_floor_h')} h is not that of policy.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class AntagonistForm:
    """What an antagonist form does in the rules."""

    kind: str  # systemic depot rescue peripheral rescue_if_nasal_or_injected
    tier: str  # BY_DOSE, or the row of antagonist_tiers.csv
    extended_release: bool


def load_antagonist_forms(tables: Tables, drugs: dict[str, DrugForm]) -> dict[str, AntagonistForm]:
    """antagonist_forms.csv; exactly the antagonists of drugs.csv must stand there."""
    kinds = ("systemic", "depot", "rescue", "peripheral", "rescue_if_nasal_or_injected")
    forms = tables.keyed(
        "antagonist_forms.csv",
        lambda row: (
            row.required("form_key"),
            AntagonistForm(
                kind=row.one_of("kind", *kinds), tier=row.text("tier"), extended_release=row.flag("extended_release")
            ),
        ),
    )
    known = {key for key, drug in drugs.items() if drug.acting in (Acting.ANTAGONIST, Acting.PERIPHERAL)}
    if forms.keys() != known:
        raise TableError(f"antagonist_forms.csv and drugs.csv differ in {sorted(forms.keys() ^ known)}")
    return forms


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Blockade of an antagonist by daily dose or form."""

    name: str
    above_mg: Decimal | None
    from_mg: Decimal | None
    up_to_mg: Decimal | None
    below_mg: Decimal | None
    ultra_low: bool  # below 1 mg: the confirm path
    low_dose: bool  # at most 5 mg: what is said of low-dose naltrexone holds
    tail: timedelta
    tail_extended_release: timedelta
    reduced_tolerance: timedelta  # after the tail; zero where none is known
    hold: timedelta  # before a procedure with opioids
    opioid_after: Severity
    sources: tuple[str, ...]

    @property
    def interval(self) -> str | None:
        """`(0, 0.25]`: the doses of this tier in milligrams a day; None for a tier without bounds."""
        if self.above_mg is None and self.from_mg is None:
            return None
        low = f"({self.above_mg}" if self.above_mg is not None else f"[{self.from_mg}"
        if self.up_to_mg is not None:
            return f"{low}, {self.up_to_mg}]"
        return f"{low}, {self.below_mg})" if self.below_mg is not None else f"{low}, inf)"

    def holds(self, daily_dose_mg: Decimal) -> bool:
        """The dose lies in this tier; never for a tier without bounds."""
        return (self.above_mg is not None or self.from_mg is not None) and not (
            (self.above_mg is not None and daily_dose_mg <= self.above_mg)
            or (self.from_mg is not None and daily_dose_mg < self.from_mg)
            or (self.up_to_mg is not None and daily_dose_mg > self.up_to_mg)
            or (self.below_mg is not None and daily_dose_mg >= self.below_mg)
        )


def load_tiers(tables: Tables) -> dict[str, Tier]:
    """antagonist_tiers.csv; every tier of dose_tiers.csv must stand there."""
    tiers = tables.keyed("antagonist_tiers.csv", lambda row: _tier(row, tables))
    for row in tables.rows("dose_tiers.csv"):
        _check_tier(row, tiers)
    return tiers


def _check_tier(row: Row, tiers: dict[str, Tier]) -> None:
    """What people read in dose_tiers.csv is what antagonist_tiers.csv says in numbers."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One row of perpetrators.csv: what a precipitant does to its object drug."""

    precipitant_code: str  # RxNorm ingredient code, or the strong CYP3A4 class
    name: str
    object_code: str  # RxNorm ingredient code
    object_name: str
    direction: str
    mechanism_group: str
    strength: str
    multiplier: Decimal
    evidence_level: str
    carry_over: timedelta
    rule: str  # that speaks of it; "none" for a negative control
    local_forms: bool  # sold for skin, eye or ear too
    measured_effect: str
    sources: tuple[str, ...]

    @property
    def prolongs(self) -> bool:
        """Lengthens the opioid's half-life."""
        return self.direction == "prolong" and self.multiplier > 1


def load_interactions(tables: Tables, drugs: dict[str, DrugForm], rule_ids: Collection[str]) -> list[Interaction]:
    """perpetrators.csv in file order. Raises TableError for a victim that drugs.csv does not know."""
    objects = {drug.ingredient for drug in drugs.values()}
    interactions = []
    for row in tables.rows("perpetrators.csv"):
        if row.required("victim_rxnorm") not in objects:
            raise row.error(f"victim {row.text('victim_rxnorm')} is not in drugs.csv")
        interactions.append(_interaction(row, tables, rule_ids))
    return interactions


def _interaction(row: Row, tables: Tables, rule_ids: Collection[str]) -> Interaction:
    return Interaction(
        precipitant_code=row.text("perpetrator_rxnorm"),
        name=row.required("perpetrator").split(" (")[0],
        object_code=row.required("victim_rxnorm"),
        object_name=row.required("victim"),
        direction=row.one_of("direction", "prolong", "shorten", "exposure_only", "prodrug_block", "none"),
        mechanism_group=row.required("mechanism_group"),
        strength=row.one_of("strength", "strong", "moderate", "weak", "none"),
        multiplier=row.decimal("t_half_multiplier_used"),
        evidence_level=row.required("evidence_level"),
        carry_over=timedelta(hours=float(row.decimal("carry_over_h_after_last_dose"))),
        rule=row.one_of("rule", *rule_ids, "none"),
        local_forms=bool(row.text("local_forms")),
        measured_effect=row.text("measured_effect"),
        sources=tables.sources_of(row),
    )


def prolonging_by_object(interactions: list[Interaction]) -> dict[str, dict[str, Interaction]]:
    """The row that prolongs, by victim code and precipitant_code code.

    The class row of strong CYP3A4 inhibitors stands in for its members where a pair has no row of its own.
    """
    table: dict[str, dict[str, Interaction]] = {}
    for row in interactions:
        if row.prolongs and row.precipitant_code and row.precipitant_code != CLASS_STRONG_CYP3A4:
            table.setdefault(row.object_code, {})[row.precipitant_code] = row
    own_pairs = {(row.object_code, row.precipitant_code) for row in interactions}
    strong = {
        row.precipitant_code: row.name
        for row in interactions
        if (row.mechanism_group, row.direction, row.strength) == ("CYP", "prolong", "strong")
        and row.precipitant_code != CLASS_STRONG_CYP3A4
    }
    for row in interactions:
        if row.precipitant_code == CLASS_STRONG_CYP3A4:
            for member, name in strong.items():
                if (row.object_code, member) not in own_pairs:
                    table.setdefault(row.object_code, {})[member] = _as_member(row, member, name)
    return table


def effects_by_rule(interactions: list[Interaction]) -> dict[str, dict[str, tuple[Interaction, ...]]]:
    """What does not prolong, by the rule that speaks of it (PK-02, PK-03, IN-01) and the victim's code."""
    table: dict[str, dict[str, tuple[Interaction, ...]]] = {}
    for row in interactions:
        if row.rule != "none" and not row.prolongs and row.precipitant_code:
            objects = table.setdefault(row.rule, {})
            objects[row.object_code] = (*objects.get(row.object_code, ()), row)
    return table


def short_courses(interactions: list[Interaction]) -> dict[str, frozenset[str]]:
    """Victims by inducer for which a row says that a short course of it has no effect."""
    inducers = {(row.precipitant_code, row.object_code) for row in interactions if row.direction == "shorten"}
    found: dict[str, frozenset[str]] = {}
    for row in interactions:
        if row.direction == "none" and (row.precipitant_code, row.object_code) in inducers:
            found[row.precipitant_code] = found.get(row.precipitant_code, frozenset()) | {row.object_code}
    return found


def _as_member(row: Interaction, member: str, name: str) -> Interaction:
    return replace(row, precipitant_code=member, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One row of ldn_partners.csv: a medicine whose effect low-dose naltrexone changes."""

    code: str  # RxNorm ingredient code
    name: str
    group: str  # thyroid transplant immunosuppressant methotrexate
    local_forms: bool
    sources: tuple[str, ...]


def load_partners(tables: Tables) -> dict[str, Partner]:
    """ldn_partners.csv by ingredient code."""
    groups = ("thyroid", "transplant", "immunosuppressant", "methotrexate")
    return tables.keyed(
        "ldn_partners.csv",
        lambda row: (
            row.required("code"),
            Partner(
                code=row.required("code"),
                name=row.required("name"),
                group=row.one_of("group", *groups),
                local_forms=bool(row.text("local_forms")),
                sources=tables.sources_of(row),
            ),
        ),
    )
