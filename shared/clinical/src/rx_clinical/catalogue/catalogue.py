"""The catalogue: all tables, loaded once, checked as a whole, and queried by code, never by display text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from rx_clinical.catalogue.antagonists import Tier, load_antagonist_forms, load_tiers
from rx_clinical.catalogue.classifier import MedicineClassifier
from rx_clinical.catalogue.compounding import Compounding
from rx_clinical.catalogue.drug_forms import DrugForm, load_drug_forms
from rx_clinical.catalogue.interactions import (
    Interaction,
    effects_by_rule,
    load_interactions,
    prolonging_by_object,
    short_courses,
)
from rx_clinical.catalogue.ldn_partners import Partner, load_partners
from rx_clinical.catalogue.names import Names
from rx_clinical.catalogue.patient import Patient, Terms
from rx_clinical.catalogue.policy import load_policy
from rx_clinical.catalogue.products import NDC, RXNORM, Product, load_ingredients, load_products, normal_ndc
from rx_clinical.catalogue.roles import FactBits, Roles
from rx_clinical.catalogue.tables import TABLES, Row, Source, TableError, Tables
from rx_clinical.catalogue.titration import TitrationPlan, load_plans
from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import Medicine
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import WindowLengths, window_lengths

_DOSES_REMEMBERED = 1000
_MEDICINES_REMEMBERED = 8_192  # twice the decoded medicines that rx_contracts.wire.event_facts keeps
_ALIAS_GROUPS = ("exempt", "alias")


Classification = tuple[Roles, int, Medicine]
"""The roles of a medicine, its FactBits, and the medicine itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedProduct:
    """The product or ingredient of a code. `relevant`: an ingredient or the form concerns a rule."""

    ingredients: tuple[RxNormCode, ...]
    form_key: FormKey | None
    relevant: bool
    product_code: RxNormCode | None  # SCD or SBD; None for an ingredient code
    strength_mg: Decimal | None  # mg of the form's ingredient in a tablet or mL


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A row of rules.csv."""

    family: str
    display: str
    fires_once_per: str  # course fill product never
    recommended_action: str
    sources: tuple[str, ...]


class Catalogue:
    """The tables as one ruleset. Immutable but for its caches."""

    def __init__(self, folder: Path = TABLES) -> None:
        """Load all tables of a folder.

        Raises TableError, with the table and the row, if a table is malformed or contradicts another.
        """
        tables = Tables(folder)
        self.ruleset_seq: int = tables.sequence()
        self.ruleset_version: str = tables.content_hash()
        self.sources: Mapping[str, Source] = tables.sources
        self._tier_of: dict[Decimal | None, Tier] = {}
        # By id(medicine), as hashing a medicine costs more than classifying it. An entry holds its medicine, so that no
        # other object can have the id while the entry exists.
        self._classification_cache: dict[int, Classification] = {}
        self._window_lengths: dict[
            tuple[str, Decimal], WindowLengths
        ] = {}  # as many as there are forms and sums of multipliers
        self.compounding = Compounding(tables)
        self.policy = load_policy(tables)
        self.drugs: Mapping[FormKey, DrugForm] = load_drug_forms(tables, self.policy)
        self.tiers: Mapping[str, Tier] = load_tiers(tables)
        self.names = Names(tables, self.policy)
        self.patient_terms = Terms(tables)
        self.nobody = Patient((), self.patient_terms)  # without facts
        self.rules: Mapping[str, RuleRow] = _load_rules(tables)
        _check_reason_codes(tables)
        self.titrations: Mapping[str, TitrationPlan] = load_plans(tables)
        self.partners: Mapping[RxNormCode, Partner] = load_partners(tables)
        interactions = load_interactions(tables, self.drugs, self.rules.keys())
        self.prolonging: Mapping[RxNormCode, Mapping[RxNormCode, Interaction]] = prolonging_by_object(interactions)
        self.effects: Mapping[str, Mapping[RxNormCode, tuple[Interaction, ...]]] = effects_by_rule(interactions)
        # By precipitant code, the object drugs of which a row says that a short course of the inducer has no effect.
        self.short_courses: Mapping[RxNormCode, frozenset[RxNormCode]] = short_courses(interactions)
        self._carry_over: dict[RxNormCode, timedelta] = {}
        for row in (*interactions, *(row for rows in self.prolonging.values() for row in rows.values())):
            self._carry_over[row.precipitant_code] = max(row.carry_over, self.longest_carry_over(row.precipitant_code))
        self._load_products(tables, interactions)

    def _load_products(self, tables: Tables, interactions: list[Interaction]) -> None:
        drugs = self.drugs
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
        # Forms of the tablets that patients divide or dissolve at home for a lower dose.
        tablets = (product for product in products if product.strength_mg == self.policy.tablet_strength)
        self.tablet_forms = antagonist_forms.keys() & {product.form_key for product in tablets}
        self._low_dose_forms = traits["low_dose"]
        self.unnamed_illicit = next(iter(traits["unnamed_illicit"]))
        self._form_keys = drugs.keys() | traits["no_drug_row"]
        self._relevant = self.classifier.relevant_ingredients
        listed = {code for product in products for code in product.ingredients}
        self._ingredients = self._relevant | ingredients.irrelevant | listed
        if clash := self._ingredients & self._products.keys():
            raise TableError(f"products.csv: {sorted(clash)} are ingredient codes")

    def is_low_dose_form(self, form_key: FormKey | None) -> bool:
        """Return True for a form that is compounded in low doses."""
        return form_key in self._low_dose_forms

    def longest_carry_over(self, precipitant_code: RxNormCode) -> timedelta:
        """Return the longest time that a precipitant acts after its last dose, over all opioids."""
        return self._carry_over.get(precipitant_code, timedelta(0))

    def roles(self, medicine: Medicine, *, misuse: bool = False) -> Roles:
        """Return the roles of a medicine in the rules. `misuse`: a report states misuse of it."""
        return (self.classify_misused if misuse else self.classify)(medicine)[0]

    def classify(self, medicine: Medicine) -> Classification:
        """Return the roles of a medicine and the FactBits that it may add to a history. Cached for each object."""
        found = self._classification_cache.get(id(medicine))
        if found is None:
            if len(self._classification_cache) >= _MEDICINES_REMEMBERED:
                self._classification_cache.clear()
            roles, bits = self._classify(medicine, misuse=False)
            found = self._classification_cache[id(medicine)] = (roles, bits, medicine)
        return found

    def classify_misused(self, medicine: Medicine) -> Classification:
        """Return the same for a medicine whose misuse is reported. Not cached."""
        return (*self._classify(medicine, misuse=True), medicine)

    def _classify(self, medicine: Medicine, *, misuse: bool) -> tuple[Roles, int]:
        roles = self.classifier.roles(medicine, misuse=misuse)
        return roles, roles.kinds | self._deficiency(medicine, roles)

    def _deficiency(self, medicine: Medicine, roles: Roles) -> int:
        """Return the FactBits of what may be missing about a medicine: DQ-01 to DQ-03 check further."""
        if not medicine.coded or self._names_what_codes_lack(medicine, roles):
            return FactBits.DEFICIENT | FactBits.NO_DAYS
        missing = FactBits.NO_DAYS if roles.kinds and medicine.days_supply is None else 0
        if roles.antagonist is not None and (
            medicine.daily_dose_mg is None or (medicine.route is None and not self.classifier.form_known(medicine))
        ):
            missing |= FactBits.DEFICIENT
        return missing

    def product(self, code: RxNormCode | None) -> Product | None:
        """Return the product of an RxNorm code; None for no code or an unknown one."""
        return self._products.get(code) if code else None

    def code_product(self, codings: Sequence[tuple[str, str]]) -> CodedProduct | None:
        """Return the product or ingredient of a list of (system, code); None if no code is known.

        If codes disagree, a relevant one wins, then one of a product.
        """
        known = [coded for system, code in codings if (coded := self._code_one(system, code.strip()))]
        return max(known, key=lambda coded: (coded.relevant, coded.product_code is not None), default=None)

    def _code_one(self, system: str, code: str) -> CodedProduct | None:
        if system == NDC:
            ndc = normal_ndc(code)
            return self._coded(self._by_ndc[ndc]) if ndc in self._by_ndc else None
        if system != RXNORM:
            return None
        rxnorm = RxNormCode(code)
        if rxnorm in self._products:
            return self._coded(self._products[rxnorm])
        ingredient = self.classifier.ingredient_of(rxnorm)
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

    def is_relevant(self, ingredients: Sequence[RxNormCode], form_key: FormKey | None) -> bool:
        """Return True if an ingredient or the form is an opioid, antagonist, precipitant or LDN partner."""
        known = (self.classifier.ingredient_of(code) for code in ingredients)
        return form_key in self.drugs or any(code in self._relevant for code in known)

    def codes_read(self) -> dict[tuple[str, str], bool]:
        """Return for every (system, code) of the tables whether an event with it must be read; see `relevance`."""
        known = self._ingredients | self._products.keys() | self.classifier.salts
        coded = {(RXNORM, str(code)): self._code_one(RXNORM, code) for code in known}
        coded |= {(NDC, str(code)): self._code_one(NDC, code) for code in self._by_ndc}
        read = {code: product.relevant for code, product in coded.items() if product}
        return read | {("form_key", form): True for form in self.drugs}

    def names_opioid_or_antagonist(self, text: str) -> bool:
        """Return True if the text of an unknown product names an opioid or an antagonist."""
        return self.names.names_opioid_or_antagonist(text)

    def names_what_codes_lack(self, medicine: Medicine) -> bool:
        """Return True if the text names an opioid or antagonist, no code resolves to one, and some code is unknown."""
        return self._names_what_codes_lack(medicine, self.roles(medicine))

    def _names_what_codes_lack(self, medicine: Medicine, roles: Roles) -> bool:
        if roles.opioids or roles.antagonist:
            return False
        codes = {self.classifier.ingredient_of(code) for code in medicine.ingredients}
        known = bool(codes) or medicine.form_key in self._form_keys or medicine.product_code in self._products
        return not (known and codes <= self._ingredients) and self.names_opioid_or_antagonist(medicine.text)

    def tier_of(self, daily_dose_mg: Decimal | None) -> Tier:
        """Return the naltrexone tier of a daily dose in mg; None = unknown dose."""
        tier = self._tier_of.get(daily_dose_mg)
        if tier is None:
            holding = (tier for tier in self.tiers.values() if daily_dose_mg is not None and tier.holds(daily_dose_mg))
            tier = next(holding, self.tiers["unknown_dose"])
            if len(self._tier_of) < _DOSES_REMEMBERED:
                self._tier_of[daily_dose_mg] = tier
        return tier

    def window_lengths(self, form: DrugForm, multiplier: Decimal) -> WindowLengths:
        """Return the window lengths of an opioid form at a half-life multiplier."""
        key = (form.form_key, multiplier)
        found = self._window_lengths.get(key)
        if found is None:
            policy = self.policy
            found = self._window_lengths[key] = window_lengths(
                label_interval_h=form.label_interval_h,
                half_life_high_h=form.half_life_high_h,
                multiplier=multiplier,
                half_lives=policy.half_lives,
                floor=policy.floor,
            )
        return found


def _load_rules(tables: Tables) -> dict[str, RuleRow]:
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
    """Check that reason_codes.csv lists exactly the codes that findings can have. Raises TableError."""
    groups = tables.keyed("reason_codes.csv", lambda row: (row.required("code"), row.required("group")))
    listed = {code for code, group in groups.items() if group not in _ALIAS_GROUPS}
    if differing := listed ^ set(Reason):
        named = ", ".join(sorted(str(code) for code in differing))
        raise TableError(f"reason_codes.csv: {named} are either listed or raised, not both")


def _traits(tables: Tables, drugs: Mapping[FormKey, DrugForm]) -> dict[str, frozenset[FormKey]]:
    """Return form_traits.csv: form keys by trait."""
    traits: dict[str, set[FormKey]] = {
        "non_prescription": set(),
        "misuse_by_dose": set(),
        "until_removed": set(),
        "unnamed_illicit": set(),
        "unknown_opioid": set(),
        "no_drug_row": set(),
        "low_dose": set(),
    }
    for row in tables.rows("form_traits.csv"):
        form_key, trait = FormKey(row.required("form_key")), row.one_of("trait", *traits)
        if (form_key in drugs) == (trait == "no_drug_row"):
            raise row.error(f"{form_key} has {'a' if form_key in drugs else 'no'} drug row")
        traits[trait].add(form_key)
    for trait in ("unknown_opioid", "unnamed_illicit"):
        if len(traits[trait]) != 1:
            raise TableError(f"form_traits.csv: not exactly one form is {trait}")
    return {trait: frozenset(keys) for trait, keys in traits.items()}
