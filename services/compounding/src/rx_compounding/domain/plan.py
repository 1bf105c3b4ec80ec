"""Compute the weights of a capsule batch made from commercial tablets, in exact decimals.

need = strength x quantity; batch quantity = ceil(quantity x (1 + excess)); batch need = strength x batch quantity;
tablets = ceil(batch need / tablet strength); powder = batch need / tablet strength x mean tablet weight, weighed to
0.1 mg; waste = tablets x mean tablet weight - powder; filler = batch quantity x fill weight - powder.
Excess makes more capsules of the same strength, never stronger ones.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext

from rx_compounding.domain.figures import Figures

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
"""Raises instead of rounding: every product and quotient here is finite, as divisors have the prime factors 2 and 5."""

_TENTH = Decimal("0.1")
_TEN_THOUSANDTH = Decimal("0.0001")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A requested batch. `quantity` counts capsules; a weight is None before it is measured."""

    strength_mg: Decimal
    quantity: int
    excess_pct: Decimal
    mean_tablet_weight_mg: Decimal | None = None
    fill_weight_mg: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """Weights of a batch. None where a weight is not measured yet. Exact, but for the powder and the blend strength."""

    need_mg: Decimal
    batch_quantity: int
    batch_need_mg: Decimal
    tablets_exact: Decimal
    tablets_whole: int
    powder_mg: Decimal | None  # to 0.1 mg, as a balance shows it; waste and filler are computed from it
    powder_waste_mg: Decimal | None
    waste_active_mg: Decimal
    filler_mg: Decimal | None
    blend_strength_pct: Decimal | None  # to 4 places: the only quotient that may not terminate
    potency_low_mg: Decimal
    potency_high_mg: Decimal


class ImpossibleBatch(ValueError):  # noqa: N818  # a refusal, not a defect
    """The batch cannot be made from the weights measured. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def compute_plan(batch: Batch, figures: Figures) -> BatchPlan:
    """Compute the plan of a batch whose fields are within their ranges.

    Raises ImpossibleBatch MEAN_TABLET_WEIGHT_TOO_SMALL if a tablet would weigh no more than its active,
    FILL_WEIGHT_TOO_SMALL if the powder of one capsule does not fit its fill.
    """
    with localcontext(_EXACT):
        tablet_mg = figures.tablet_strength_mg.value
        _refuse_impossible(batch, tablet_mg)
        batch_quantity = _ceiling(batch.quantity * (1 + batch.excess_pct / _HUNDRED))
        batch_need_mg = batch.strength_mg * batch_quantity
        tablets_exact = batch_need_mg / tablet_mg
        tablets_whole = _ceiling(tablets_exact)
        exact_powder_mg = _times(tablets_exact, batch.mean_tablet_weight_mg)
        powder_mg = None if exact_powder_mg is None else to_tenth(exact_powder_mg)
        return BatchPlan(
            need_mg=batch.strength_mg * batch.quantity,
            batch_quantity=batch_quantity,
            batch_need_mg=batch_need_mg,
            tablets_exact=tablets_exact,
            tablets_whole=tablets_whole,
            powder_mg=powder_mg,
            powder_waste_mg=_rest(_times(tablets_whole, batch.mean_tablet_weight_mg), powder_mg),
            waste_active_mg=tablets_whole * tablet_mg - batch_need_mg,
            filler_mg=_rest(_times(batch_quantity, batch.fill_weight_mg), powder_mg),
            blend_strength_pct=blend_strength(batch),
            potency_low_mg=batch.strength_mg * figures.potency_low_pct.value / _HUNDRED,
            potency_high_mg=batch.strength_mg * figures.potency_high_pct.value / _HUNDRED,
        )


def blend_is_too_weak(batch: Batch, figures: Figures) -> bool | None:
    """Return True if the unrounded active share of the fill is too low to dilute directly; None if not weighed."""
    if batch.fill_weight_mg is None:
        return None
    with localcontext(_EXACT):
        return batch.strength_mg * _HUNDRED < figures.direct_dilution_pct.value * batch.fill_weight_mg


def blend_strength(batch: Batch) -> Decimal | None:
    """Return the active share of the fill in per cent, to 4 places; None without a fill weight."""
    if batch.fill_weight_mg is None:
        return None
    with localcontext(Context(prec=80)):
        share_pct = batch.strength_mg * _HUNDRED / batch.fill_weight_mg
        return share_pct.quantize(_TEN_THOUSANDTH, ROUND_HALF_UP)


def to_tenth(weight_mg: Decimal) -> Decimal:
    """Round a weight to 0.1 mg, as a balance shows it; halves up."""
    with localcontext(Context(prec=80)):
        return weight_mg.quantize(_TENTH, ROUND_HALF_UP)


def _ceiling(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


def _refuse_impossible(batch: Batch, tablet_mg: Decimal) -> None:
    """Compare unrounded weights; before the tablets are weighed, take the powder to weigh as much as its active."""
    mean_mg = tablet_mg if batch.mean_tablet_weight_mg is None else batch.mean_tablet_weight_mg
    if batch.mean_tablet_weight_mg is not None and mean_mg <= tablet_mg:
        raise ImpossibleBatch(
            "MEAN_TABLET_WEIGHT_TOO_SMALL",
            f"mean_tablet_weight_mg: a tablet with {tablet_mg} mg of active weighs more than that",
        )
    if batch.fill_weight_mg is not None and batch.strength_mg / tablet_mg * mean_mg > batch.fill_weight_mg:
        raise ImpossibleBatch(
            "FILL_WEIGHT_TOO_SMALL", "fill_weight_mg: the powder of one capsule weighs more than its fill"
        )


def _rest(whole_mg: Decimal | None, powder_mg: Decimal | None) -> Decimal | None:
    """Return the weight that is not powder, at least 0: the powder may have been rounded up by up to 0.05 mg."""
    if whole_mg is None or powder_mg is None:
        return None
    return max(Decimal(0), whole_mg - powder_mg)


def _times(count: Decimal | int, weight_mg: Decimal | None) -> Decimal | None:
    return None if weight_mg is None else count * weight_mg
