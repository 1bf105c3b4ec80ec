"""Interactions of perpetrators.csv: precipitants that change how long, or how much of, an opioid stays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from rx_clinical.catalogue.drug_forms import DrugForm
from rx_clinical.catalogue.tables import Row, Tables
from rx_clinical.model.codes import EvidenceLevel, FormKey, RxNormCode, Word

CLASS_STRONG_CYP3A4 = "*strong_cyp3a4*"
"""Precipitant code of the row for the class of strong CYP3A4 inhibitors."""

NO_RULE = "none"


class Direction(Word):
    """Effect on the object drug."""

    PROLONG = "prolong"  # extends its half-life
    SHORTEN = "shorten"  # induces its elimination
    EXPOSURE_ONLY = "exposure_only"  # raises its level, half-life unchanged
    PRODRUG_BLOCK = "prodrug_block"  # prevents its activation
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A row of perpetrators.csv: the effect of a precipitant on its object drug, an opioid."""

    precipitant_code: RxNormCode  # of an ingredient, or CLASS_STRONG_CYP3A4
    name: str
    object_code: RxNormCode  # of an ingredient
    object_name: str
    direction: Direction
    mechanism_group: str
    strength: str
    multiplier: Decimal  # of the half-life
    evidence_level: EvidenceLevel
    carry_over: timedelta  # the effect lasts so long after the last dose
    rule: str  # that reports the pair; NO_RULE for a negative control
    local_forms: bool  # also sold for skin, eye or ear
    measured_effect: str  # as the source words it
    sources: tuple[str, ...]

    @property
    def prolongs(self) -> bool:
        """Return True if the precipitant extends the half-life of the object drug."""
        return self.direction is Direction.PROLONG and self.multiplier > 1


def load_interactions(tables: Tables, drugs: Mapping[FormKey, DrugForm], rules: Collection[str]) -> list[Interaction]:
    """Return perpetrators.csv in file order. `rules`: the rule ids of rules.csv.

    Raises TableError for an object drug that drugs.csv does not list, and for an unknown rule.
    """
    objects = {drug.ingredient for drug in drugs.values()}
    interactions = []
    for row in tables.rows("perpetrators.csv"):
        if row.required("victim_rxnorm") not in objects:
            raise row.error(f"victim {row.text('victim_rxnorm')} is not in drugs.csv")
        interactions.append(_interaction(row, tables, rules))
    return interactions


def _interaction(row: Row, tables: Tables, rules: Collection[str]) -> Interaction:
    return Interaction(
        precipitant_code=RxNormCode(row.text("perpetrator_rxnorm")),
        name=row.required("perpetrator").split(" (")[0],
        object_code=RxNormCode(row.required("victim_rxnorm")),
        object_name=row.required("victim"),
        direction=Direction(row.one_of("direction", *Direction)),
        mechanism_group=row.required("mechanism_group"),
        strength=row.one_of("strength", "strong", "moderate", "weak", "none"),
        multiplier=row.decimal("t_half_multiplier_used"),
        evidence_level=EvidenceLevel(row.one_of("evidence_level", *EvidenceLevel)),
        carry_over=timedelta(hours=float(row.decimal("carry_over_h_after_last_dose"))),
        rule=row.one_of("rule", *rules, NO_RULE),
        local_forms=bool(row.text("local_forms")),
        measured_effect=row.text("measured_effect"),
        sources=tables.sources_of(row),
    )


def prolonging_by_object(interactions: list[Interaction]) -> dict[RxNormCode, dict[RxNormCode, Interaction]]:
    """Return the rows that extend a half-life, by object code and precipitant code.

    The class row of strong CYP3A4 inhibitors applies to each member that has no row of its own for an object drug.
    """
    table: dict[RxNormCode, dict[RxNormCode, Interaction]] = {}
    for row in interactions:
        if row.prolongs and row.precipitant_code and row.precipitant_code != CLASS_STRONG_CYP3A4:
            table.setdefault(row.object_code, {})[row.precipitant_code] = row
    own_pairs = {(row.object_code, row.precipitant_code) for row in interactions}
    strong = {
        row.precipitant_code: row.name
        for row in interactions
        if (row.mechanism_group, row.direction, row.strength) == ("CYP", Direction.PROLONG, "strong")
        and row.precipitant_code != CLASS_STRONG_CYP3A4
    }
    for row in interactions:
        if row.precipitant_code == CLASS_STRONG_CYP3A4:
            for member, name in strong.items():
                if (row.object_code, member) not in own_pairs:
                    table.setdefault(row.object_code, {})[member] = _as_member(row, member, name)
    return table


def effects_by_rule(interactions: list[Interaction]) -> dict[str, dict[RxNormCode, tuple[Interaction, ...]]]:
    """Return the other effects by the rule that reports them (PK-02, PK-03, IN-01) and by object code."""
    table: dict[str, dict[RxNormCode, tuple[Interaction, ...]]] = {}
    for row in interactions:
        if row.rule != NO_RULE and not row.prolongs and row.precipitant_code:
            objects = table.setdefault(row.rule, {})
            objects[row.object_code] = (*objects.get(row.object_code, ()), row)
    return table


def short_courses(interactions: list[Interaction]) -> dict[RxNormCode, frozenset[RxNormCode]]:
    """Return by inducer the object drugs on which, as a row states, a short course of it has no effect."""
    inducers = {(row.precipitant_code, row.object_code) for row in interactions if row.direction is Direction.SHORTEN}
    found: dict[RxNormCode, frozenset[RxNormCode]] = {}
    for row in interactions:
        if row.direction is Direction.NONE and (row.precipitant_code, row.object_code) in inducers:
            found[row.precipitant_code] = found.get(row.precipitant_code, frozenset()) | {row.object_code}
    return found


def _as_member(row: Interaction, member: RxNormCode, name: str) -> Interaction:
    return replace(row, precipitant_code=member, name=name)
