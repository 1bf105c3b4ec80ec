"""The weights of a capsule batch made from commercial tablets, in exact decimals.

need = strength x quantity; batch quantity = ceil(quantity x (1 + excess)); batch need = strength x batch quantity;
tablets = ceil(batch need / tablet strength); powder = batch need / tablet strength x mean tablet weight, weighed to
0.1 mg; waste = tablets x mean tablet weight - powder; filler = batch quantity x fill weight - powder.
Excess makes more capsules of the same strength, never stronger ones.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext

from rx_compounding.domain.figures import Figures

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
"""Refuses to round: every product and quotient here ends, as tablet strengths and hundreds divide by 2 and 5 only."""

_TENTH = Decimal("0.1")
_TEN_THOUSANDTH = Decimal("0.0001")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is wanted and what was measured; weights are None before they are measured."""

    strength_mg: Decimal
    quantity: int
    excess_pct: Decimal
    mean_tablet_weight_mg: Decimal | None = None
    fill_weight_mg: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What needs a weight that is not measured yet is None. All but the powder and the blend strength are exact."""

    need_mg: Decimal
    batch_quantity: int
    batch_need_mg: Decimal
    tablets_exact: Decimal
    tablets_whole: int
    powder_mg: Decimal | None  # to 0.1 mg, as a balance shows it; waste and filler follow from it
    powder_waste_mg: Decimal | None
    waste_active_mg: Decimal
    filler_mg: Decimal | None
    blend_strength_pct: Decimal | None  # to 4 places: the only figure that may not end
    potency_low_mg: Decimal
    potency_high_mg: Decimal


class Impossible(ValueError):  # noqa: N818  # said of a batch
    """A batch that cannot be made from what was measured. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def plan(batch: Batch, figures: Figures) -> Plan:
    """The plan of a batch whose fields are within their ranges.

    Raises Impossible MEAN_TABLET_WEIGHT_TOO_SMALL if a tablet would weigh no more than its active,
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
        return Plan(
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
    """Whether the unrounded active share of the fill is below direct dilution; None without the fill weight."""
    if batch.fill_weight_mg is None:
        return None
    with localcontext(_EXACT):
        return batch.strength_mg * _HUNDRED < figures.direct_dilution_pct.value * batch.fill_weight_mg


def blend_strength(batch: Batch) -> Decimal | None:
    """Active in the fill in percent, to 4 places; None without the fill weight."""
    if batch.fill_weight_mg is None:
        return None
    with localcontext(Context(prec=80)):
        share_pct = batch.strength_mg * _HUNDRED / batch.fill_weight_mg
        return share_pct.quantize(_TEN_THOUSANDTH, ROUND_HALF_UP)


def to_tenth(weight_mg: Decimal) -> Decimal:
    """A weight as a balance shows it, to 0.1 mg; halves go up."""
    with localcontext(Context(prec=80)):
        return weight_mg.quantize(_TENTH, ROUND_HALF_UP)


def _ceiling(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


def _refuse_impossible(batch: Batch, tablet_mg: Decimal) -> None:
    """Unrounded weights are compared; before the tablets are weighed the powder is at least its active."""
    mean_mg = tablet_mg if batch.mean_tablet_weight_mg is None else batch.mean_tablet_weight_mg
    if batch.mean_tablet_weight_mg is not None and mean_mg <= tablet_mg:
        raise Impossible(
            "MEAN_TABLET_WEIGHT_TOO_SMALL",
            f"mean_tablet_weight_mg: a tablet with {tablet_mg} mg of active weighs more than that",
        )
    if batch.fill_weight_mg is not None and batch.strength_mg / tablet_mg * mean_mg > batch.fill_weight_mg:
        raise Impossible("FILL_WEIGHT_TOO_SMALL", "fill_weight_mg: the powder of one capsule weighs more than its fill")


def _rest(whole_mg: Decimal | None, powder_mg: Decimal | None) -> Decimal | None:
    """What is left beside the powder. Powder rounded up by less than 0.05 mg leaves nothing, not less than nothing."""
    if whole_mg is None or powder_mg is None:
        return None
    return max(Decimal(0), whole_mg - powder_mg)


def _times(count: Decimal | int, weight_mg: Decimal | None) -> Decimal | None:
    return None if weight_mg is None else count * weight_mg
