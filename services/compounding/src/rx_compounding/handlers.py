"""Handlers as plain functions: check the fields, compute the plan, write it down."""

from dataclasses import dataclass
from decimal import Decimal

from rx_runtime.errors import InvalidInput

from rx_compounding.domain.fields import decimal_field, optional_decimal_field
from rx_compounding.domain.figures import Figures
from rx_compounding.domain.plan import Batch, BatchPlan, ImpossibleBatch, compute_plan
from rx_compounding.domain.wording import cautions, sources, steps


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSheet:
    """A plan with what a person needs to redo and to judge it."""

    plan: BatchPlan
    steps: list[str]
    cautions: list[str]
    sources: list[str]


def plan_batch(
    *,
    strength_mg: str,
    quantity: int,
    excess_pct: str,
    mean_tablet_weight_mg: str,
    fill_weight_mg: str,
    figures: Figures,
) -> PlanSheet:
    """Plan a batch given as text; an empty weight is one that is not measured yet.

    Raises InvalidInput: QUANTITY_OUT_OF_RANGE, the codes of `decimal_field`, or those of `compute_plan`.
    """
    highest_count, weight = figures.quantity_highest_count.value, figures.weight_highest_mg.value
    if not 1 <= quantity <= highest_count:
        raise InvalidInput("QUANTITY_OUT_OF_RANGE", f"quantity: 1 to {highest_count}")
    batch = Batch(
        strength_mg=decimal_field(
            "strength_mg", strength_mg, above=Decimal(0), highest=figures.strength_highest_mg.value
        ),
        quantity=quantity,
        excess_pct=decimal_field("excess_pct", excess_pct, lowest=Decimal(0), highest=figures.excess_highest_pct.value),
        mean_tablet_weight_mg=optional_decimal_field("mean_tablet_weight_mg", mean_tablet_weight_mg, highest=weight),
        fill_weight_mg=optional_decimal_field("fill_weight_mg", fill_weight_mg, highest=weight),
    )
    try:
        planned = compute_plan(batch, figures)
    except ImpossibleBatch as error:
        raise InvalidInput(error.code, error.message) from error
    return PlanSheet(
        plan=planned,
        steps=steps(batch, planned, figures),
        cautions=cautions(batch, figures),
        sources=sources(figures),
    )
