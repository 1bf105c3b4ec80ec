"""All tables behind one door: loaded once, checked as a whole, asked by code and never by display text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from rx_clinical.catalogue.compounds import Compounding
from rx_clinical.catalogue.drugs import (
    DrugForm,
    Interaction,
    Partner,
    Tier,
    effects_by_rule,
    load_antagonist_forms,
    load_drugs,
    load_interactions,
    load_partners,
    load_tiers,
    prolonging_by_object,
    short_courses,
)
from rx_clinical.catalogue.names import Names
from rx_clinical.catalogue.patient import Patient, Terms
from rx_clinical.catalogue.policy import load_policy
from rx_clinical.catalogue.products import NDC, RXNORM, Product, load_ingredients, load_products, normal_ndc
from rx_clinical.catalogue.roles import FactBits, MedicineClassifier, Roles
from rx_clinical.catalogue.tables import TABLES, Row, Source, TableError, Tables
from rx_clinical.catalogue.titration import Plan, load_plans
from rx_clinical.model.facts import Medicine
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import WindowLengths, window_lengths

_DOSES_REMEMBERED = 1000
_ALIAS_GROUPS = ("exempt", "alias")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedProduct:
    """What a code stands for. `relevant`: some ingredient or the form is in our tables."""

    ingredients: tuple[str, ...]  # RxNorm ingredient codes
    form_key: str | None
    relevant: bool
    product_code: str | None  # RxNorm SCD or SBD; None for an ingredient code
    strength_mg: Decimal | None  # of the form's ingredient, a tablet or mL


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One row of rules.csv."""

    family: str
    display: str
    fires_once_per: str  # course fill product never
    recommended_action: str
    sources: tuple[str, ...]


class Catalogue:
    """The tables as one ruleset. Immutable but for a cache of what medicines are."""

    def __init__(self, folder: Path = TABLES) -> None:
        """Raises TableError, naming table and row, where a table is malformed or contradicts another."""
        tables = Tables(folder)
        self.ruleset_seq: int = tables.sequence()
        self.ruleset_version: str = tables.content_hash()
        self.sources: Mapping[str, Source] = tables.sources
        self._tier_of: dict[Decimal | None, Tier] = {}
        self._window_lengths: dict[
            tuple[str, Decimal], WindowLengths
        ] = {}  # as many as there are forms and sums of multipliers
        self.compounding = Compounding(tables)
        self.policy = load_policy(tables)
        self.drugs: Mapping[str, DrugForm] = load_drugs(tables, self.policy)
        self.tiers: Mapping[str, Tier] = load_tiers(tables)
        self.names = Names(tables, self.policy)
        self.patient_terms = Terms(tables)
        self.nobody = Patient((), self.patient_terms)  # of whom nothing is known
        self.rules: Mapping[str, RuleRow] = _load_rules(tables)
        _check_reason_codes(tables)
        self.titrations: Mapping[str, Plan] = load_plans(tables)
        self.partners: Mapping[str, Partner] = load_partners(tables)
        interactions = load_interactions(tables, dict(self.drugs), self.rules)
        self.prolonging: Mapping[str, Mapping[str, Interaction]] = prolonging_by_object(interactions)
        self.effects: Mapping[str, Mapping[str, tuple[Interaction, ...]]] = effects_by_rule(interactions)
        # By precipitant code, the object drugs of which a row says that a short course of the inducer has no effect.
        self.short_courses: Mapping[str, frozenset[str]] = short_courses(interactions)
        self._carry_over: dict[str, timedelta] = {}
        for row in (*interactions, *(row for rows in self.prolonging.values() for row in rows.values())):
            self._carry_over[row.precipitant_code] = max(row.carry_over, self.longest_carry_over(row.precipitant_code))
        self._load_products(tables, interactions)

    def _load_products(self, tables: Tables, interactions: list[Interaction]) -> None:
        drugs = dict(self.drugs)
        traits = _traits(tables, drugs)
        ingredients = load_ingredients(tables, drugs)
        products = load_products(tables, drugs, traits["no_drug_row"], ingredients)
        self._products = {product.code: product for product in products if product.code}
        self._by_ndc = {ndc: product for product in products for ndc in product.ndcs}
        antagonist_forms = load_antagonist_forms(tables, drugs)
        self.classifier = MedicineClassifier(
            drugs=drugs,
            antagonist_forms=antagonist_forms,
            interactions=interactions,
            partners=self.partners,
            products=self._products,
            salts=ingredients.salts,
            traits=traits,
            policy=self.policy,
        )
        # Forms of the tablets that people divide or dissolve at home for a lower dose.
        tablets = (product for product in products if product.strength_mg == self.policy.tablet_strength)
        self.tablet_forms = antagonist_forms.keys() & {product.form_key or "" for product in tablets}
        self._low_dose_forms = traits["low_dose"]
        self.unnamed_illicit = next(iter(traits["unnamed_illicit"]))
        self._form_keys = drugs.keys() | traits["no_drug_row"]
        self._relevant = self.classifier.relevant_ingredients
        listed = {code for product in products for code in product.ingredients}
        self._ingredients = self._relevant | ingredients.irrelevant | listed
        if clash := self._ingredients & self._products.keys():
            raise TableError(f"products.csv: {sorted(clash)} are ingredient codes")

    def is_low_dose_form(self, form_key: str | None) -> bool:
        """A form that is compounded in low doses."""
        return form_key in self._low_dose_forms

    def longest_carry_over(self, precipitant_code: str) -> timedelta:
        """The longest time that an interacting ingredient acts after its last dose, over all opioids."""
        return self._carry_over.get(precipitant_code, timedelta(0))

    def roles(self, medicine: Medicine, *, misuse: bool = False) -> Roles:
        """What a medicine is to the rules. `misuse`: somebody reports that it is misused."""
        return self.read(medicine, misuse=misuse)[0]

    def read(self, medicine: Medicine, *, misuse: bool = False) -> tuple[Roles, int]:
        """What a medicine is to the rules, and what it may bring to them as FactBits; kept with the medicine."""
        memo = medicine.memo
        if memo is not None and memo[0] is self and not misuse:  # type: ignore[index]  # written here, nowhere else
            return memo[1]  # type: ignore[index,no-any-return]
        roles = self.classifier.roles(medicine, misuse=misuse)
        read = (roles, roles.kinds | self._deficiency(medicine, roles))
        if not misuse:
            object.__setattr__(medicine, "memo", (self, read))
        return read

    def _deficiency(self, medicine: Medicine, roles: Roles) -> int:
        """What may be missing about it, as FactBits: DQ-01 to DQ-03 look closer."""
        if not medicine.coded or self._names_what_codes_lack(medicine, roles):
            return FactBits.DEFICIENT | FactBits.NO_DAYS
        missing = FactBits.NO_DAYS if roles.kinds and medicine.days_supply is None else 0
        if roles.antagonist is not None and (
            medicine.daily_dose_mg is None or (medicine.route is None and not self.classifier.form_known(medicine))
        ):
            missing |= FactBits.DEFICIENT
        return missing

    def product(self, code: str | None) -> Product | None:
        """The product of an RxNorm code, None for no code or an unknown one."""
        return self._products.get(code) if code else None

    def code_product(self, codings: Sequence[tuple[str, str]]) -> CodedProduct | None:
        """What a list of (system, code) stands for; None when no code of it is known.

        Where codes disagree, the one that matters to the rules wins, then the one that names a product.
        """
        known = [coded for system, code in codings if (coded := self._code_one(system, code.strip()))]
        return max(known, key=lambda coded: (coded.relevant, coded.product_code is not None), default=None)

    def _code_one(self, system: str, code: str) -> CodedProduct | None:
        if system == NDC:
            ndc = normal_ndc(code)
            return self._coded(self._by_ndc[ndc]) if ndc in self._by_ndc else None
        if system != RXNORM:
            return None
        if code in self._products:
            return self._coded(self._products[code])
        ingredient = self.classifier.ingredient_of(code)
        if ingredient not in self._ingredients:
            return None
        form_key = self.classifier.only_form_of(ingredient)
        return CodedProduct(
            ingredients=(ingredient,),
            form_key=form_key,
            relevant=self.is_relevant((ingredient,), form_key),
            product_code=None,
            strength_mg=None,
        )

    def _coded(self, product: Product) -> CodedProduct:
        return CodedProduct(
            ingredients=product.ingredients,
            form_key=product.form_key,
            relevant=self.is_relevant(product.ingredients, product.form_key),
            product_code=product.code,
            strength_mg=product.strength_mg,
        )

    def is_relevant(self, ingredients: Sequence[str], form_key: str | None) -> bool:
        """Some ingredient or the form is in our tables: opioid, antagonist, interacting medicine, LDN partner."""
        known = (self.classifier.ingredient_of(code) for code in ingredients)
        return form_key in self.drugs or any(code in self._relevant for code in known)

    def codes_read(self) -> dict[tuple[str, str], bool]:
        """Of every (system, code) of the tables whether an event must be read for its sake; see `relevance`."""
        known = self._ingredients | self._products.keys() | self.classifier.salts
        coded = {(RXNORM, code): self._code_one(RXNORM, code) for code in known}
        coded |= {(NDC, code): self._code_one(NDC, code) for code in self._by_ndc}
        read = {code: product.relevant for code, product in coded.items() if product}
        return read | {("form_key", form): True for form in self.drugs}

    def names_opioid_or_antagonist(self, text: str) -> bool:
        """The text of an unknown product names an opioid or an antagonist."""
        return self.names.names_opioid_or_antagonist(text)

    def names_what_codes_lack(self, medicine: Medicine) -> bool:
        """Some code is in no table, none brings an opioid or an antagonist, and yet the text names one."""
        return self._names_what_codes_lack(medicine, self.roles(medicine))

    def _names_what_codes_lack(self, medicine: Medicine, roles: Roles) -> bool:
        if roles.opioids or roles.antagonist:
            return False
        codes = {self.classifier.ingredient_of(code) for code in medicine.ingredients}
        known = bool(codes) or medicine.form_key in self._form_keys or medicine.product_code in self._products
        return not (known and codes <= self._ingredients) and self.names_opioid_or_antagonist(medicine.text)

    def tier_of(self, daily_dose_mg: Decimal | None) -> Tier:
        """The naltrexone tier of a daily dose; None = unknown dose."""
        tier = self._tier_of.get(daily_dose_mg)
        if tier is None:
            held = (tier for tier in self.tiers.values() if daily_dose_mg is not None and tier.holds(daily_dose_mg))
            tier = next(held, self.tiers["unknown_dose"])
            if len(self._tier_of) < _DOSES_REMEMBERED:
                self._tier_of[daily_dose_mg] = tier
        return tier

    def window_lengths(self, form: DrugForm, multiplier: Decimal) -> WindowLengths:
        """The window of an opioid form at a half-life multiplier."""
        asked = (form.form_key, multiplier)
        found = self._window_lengths.get(asked)
        if found is None:
            policy = self.policy
            found = self._window_lengths[asked] = window_lengths(
                label_interval_h=form.label_interval_h,
                half_life_high_h=form.half_life_high_h,
                multiplier=multiplier,
                half_lives=policy.half_lives,
                floor=policy.floor,
            )
        return found


def _load_rules(tables: Tables) -> dict[str, RuleRow]:
    """Read rules.csv by rule id. Raises TableError."""
    return tables.keyed("rules.csv", lambda row: (row.required("rule_id"), _rule(row, tables)))


def _rule(row: Row, tables: Tables) -> RuleRow:
    return RuleRow(
        family=row.required("family"),
        display=row.required("display"),
        fires_once_per=row.one_of("fires_once_per", "course", "fill", "product", "never"),
        recommended_action=row.required("recommended_action"),
        sources=tables.sources_of(row),
    )


def _check_reason_codes(tables: Tables) -> None:
    """Raises TableError where reason_codes.csv and what is raised differ."""
    groups = tables.keyed("reason_codes.csv", lambda row: (row.required("code"), row.required("group")))
    listed = {code for code, group in groups.items() if group not in _ALIAS_GROUPS}
    if differing := listed ^ set(Reason):
        named = ", ".join(sorted(str(code) for code in differing))
        raise TableError(f"reason_codes.csv: {named} are either listed or raised, not both")


def _traits(tables: Tables, drugs: Mapping[str, DrugForm]) -> dict[str, frozenset[str]]:
    """Form keys by trait."""
    traits: dict[str, set[str]] = {
        "non_prescription": set(),
        "misuse_by_dose": set(),
        "until_removed": set(),
        "unnamed_illicit": set(),
        "unknown_opioid": set(),
        "no_drug_row": set(),
        "low_dose": set(),
    }
    for row in tables.rows("form_traits.csv"):
        form_key, trait = row.required("form_key"), row.one_of("trait", *traits)
        if (form_key in drugs) == (trait == "no_drug_row"):
            raise row.error(f"{form_key} has {'a' if form_key in drugs else 'no'} drug row")
        traits[trait].add(form_key)
    for trait in ("unknown_opioid", "unnamed_illicit"):
        if len(traits[trait]) != 1:
            raise TableError(f"form_traits.csv: not exactly one form is {trait}")
    return {trait: frozenset(keys) for trait, keys in traits.items()}
