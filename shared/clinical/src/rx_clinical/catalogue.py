"""All tables behind one door: loaded once, checked as a whole, asked by code and never by display text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from rx_clinical.drugs import (
    DrugForm,
    Interaction,
    Tier,
    load_antagonist_forms,
    load_drugs,
    load_interactions,
    load_tiers,
    prolonging_by_victim,
)
from rx_clinical.facts import Medicine
from rx_clinical.names import Names
from rx_clinical.policy import load_policy
from rx_clinical.products import NDC, RXNORM, Product, load_ingredients, load_products, normal_ndc
from rx_clinical.reasons import Reason
from rx_clinical.roles import RoleReader, Roles
from rx_clinical.tables import TABLES, TableError, Tables

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
    recommended_action: str
    sources: tuple[str, ...]


class Catalogue:
    """The tables as one ruleset. Immutable but for a cache of what medicines are."""

    def __init__(self, folder: Path = TABLES) -> None:
        """Raises TableError, naming table and row, where a table is malformed or contradicts another."""
        tables = Tables(folder)
        self.ruleset_seq: int = tables.sequence()
        self.ruleset_version: str = tables.content_hash()
        tables.rows("compounding_limits.csv")  # part of the ruleset: its sources are checked with the others
        self.policy = load_policy(tables)
        self.drugs: Mapping[str, DrugForm] = load_drugs(tables, self.policy)
        self.tiers: Mapping[str, Tier] = load_tiers(tables)
        self.names = Names(tables, self.policy)
        self.rules: Mapping[str, RuleRow] = tables.keyed(
            "rules.csv", lambda row: (row.required("rule_id"), _rule(tables.sources_of(row), row.cells))
        )
        self.reason_codes_not_covered = _reason_codes_not_covered(tables)
        interactions = load_interactions(tables, dict(self.drugs))
        self.prolonging: Mapping[str, Mapping[str, Interaction]] = prolonging_by_victim(interactions)
        self._carry_over: dict[str, timedelta] = {}
        for row in (*interactions, *(row for rows in self.prolonging.values() for row in rows.values())):
            self._carry_over[row.interacting] = max(row.carry_over, self.longest_carry_over(row.interacting))
        self._load_products(tables, interactions)

    def _load_products(self, tables: Tables, interactions: list[Interaction]) -> None:
        drugs = dict(self.drugs)
        traits = _traits(tables, drugs)
        ingredients = load_ingredients(tables, drugs)
        products = load_products(tables, drugs, traits["no_drug_row"], ingredients)
        self._products = {product.code: product for product in products if product.code}
        self._by_ndc = {ndc: product for product in products for ndc in product.ndcs}
        self.roles_reader = RoleReader(
            drugs=drugs,
            antagonist_forms=load_antagonist_forms(tables, drugs),
            interactions=interactions,
            products=self._products,
            salts=ingredients.salts,
            traits=traits,
            policy=self.policy,
        )
        self.unnamed_illicit = next(iter(traits["unnamed_illicit"]))
        self._form_keys = drugs.keys() | traits["no_drug_row"]
        self._relevant = self.roles_reader.relevant_ingredients | ingredients.ldn_partners
        listed = {code for product in products for code in product.ingredients}
        self._ingredients = self._relevant | ingredients.irrelevant | listed
        if clash := self._ingredients & self._products.keys():
            raise TableError(f"products.csv: {sorted(clash)} are ingredient codes")

    def longest_carry_over(self, interacting: str) -> timedelta:
        """The longest time that an interacting ingredient acts after its last dose, over all opioids."""
        return self._carry_over.get(interacting, timedelta(0))

    def roles(self, medicine: Medicine) -> Roles:
        """What a medicine is to the rules."""
        return self.roles_reader.roles(medicine)

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
        ingredient = self.roles_reader.ingredient_of(code)
        if ingredient not in self._ingredients:
            return None
        form_key = self.roles_reader.only_form_of(ingredient)
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
        known = (self.roles_reader.ingredient_of(code) for code in ingredients)
        return form_key in self.drugs or any(code in self._relevant for code in known)

    def names_opioid_or_antagonist(self, text: str) -> bool:
        """The text of an unknown product names an opioid or an antagonist."""
        return self.names.names_opioid_or_antagonist(text)

    def names_what_codes_lack(self, medicine: Medicine) -> bool:
        """Some code is in no table, none brings an opioid or an antagonist, and yet the text names one."""
        roles = self.roles(medicine)
        if roles.opioids or roles.antagonist:
            return False
        codes = {self.roles_reader.ingredient_of(code) for code in medicine.ingredients}
        known = bool(codes) or medicine.form_key in self._form_keys or medicine.product_code in self._products
        return not (known and codes <= self._ingredients) and self.names_opioid_or_antagonist(medicine.text)

    def tier_of(self, daily_dose_mg: Decimal | None) -> Tier:
        """The naltrexone tier whose rules apply to a daily dose; None = unknown dose."""
        if daily_dose_mg is None:
            return self.tiers["unknown_dose"]
        tier = next((tier for tier in self.tiers.values() if tier.holds(daily_dose_mg)), self.tiers["unknown_dose"])
        return self.tiers[tier.assessed_as] if tier.assessed_as else tier


@cache
def load_catalogue(folder: Path = TABLES) -> Catalogue:
    """The catalogue of a folder of tables, by default the shipped one; loaded once a process."""
    return Catalogue(folder)


def _rule(sources: tuple[str, ...], cells: Mapping[str, str]) -> RuleRow:
    return RuleRow(
        family=cells["family"],
        display=cells["display"],
        recommended_action=cells["recommended_action"],
        sources=sources,
    )


def _reason_codes_not_covered(tables: Tables) -> tuple[str, ...]:
    groups = tables.keyed("reason_codes.csv", lambda row: (row.required("code"), row.required("group")))
    if unknown := set(Reason) - groups.keys():
        raise TableError(f"reason_codes.csv: {sorted(unknown)} are raised but not listed")
    return tuple(
        sorted(code for code, group in groups.items() if code not in set(Reason) and group not in _ALIAS_GROUPS)
    )


def _traits(tables: Tables, drugs: Mapping[str, DrugForm]) -> dict[str, frozenset[str]]:
    """Form keys by trait."""
    traits: dict[str, set[str]] = {
        "non_prescription": set(),
        "misuse_by_dose": set(),
        "until_removed": set(),
        "unnamed_illicit": set(),
        "unknown_opioid": set(),
        "no_drug_row": set(),
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
