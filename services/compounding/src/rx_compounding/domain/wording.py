"""Write a plan down: steps that a person can redo with paper and pencil, and cautions for a person to decide on."""

from decimal import Decimal

from rx_compounding.domain.figures import Figures
from rx_compounding.domain.plan import Batch, BatchPlan, blend_is_too_weak, to_tenth


def number(value: Decimal) -> str:
    """Return plain decimal text without trailing zeros: 1.0 is easily misread as 10."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def weight(value: Decimal) -> str:
    """Return a weight to 0.1 mg, as text without unit."""
    return number(to_tenth(value))


def steps(batch: Batch, plan: BatchPlan, figures: Figures) -> list[str]:
    """Return each step with its numbers, in the order of work."""
    strength, tablet = number(batch.strength_mg), number(figures.tablet_strength_mg.value)
    exact = number(plan.tablets_exact)
    widened = number(batch.quantity * (1 + batch.excess_pct / 100))
    low, high = figures.potency_low_pct.value, figures.potency_high_pct.value
    return [
        f"Need: {batch.quantity} capsules x {strength} mg = {number(plan.need_mg)} mg naltrexone hydrochloride.",
        (
            f"Batch: {batch.quantity} x (100 % + {number(batch.excess_pct)} %) = {widened}, up to whole:"
            f" {plan.batch_quantity} capsules of the same strength."
        ),
        f"Batch need: {plan.batch_quantity} x {strength} mg = {number(plan.batch_need_mg)} mg.",
        f"Tablets: {number(plan.batch_need_mg)} mg / {tablet} mg = {exact}, up to whole: crush {plan.tablets_whole}.",
        *_powder_steps(batch, plan),
        *_blend_steps(batch, plan),
        (
            f"Potency: a capsule passes from {number(plan.potency_low_mg)} mg to {number(plan.potency_high_mg)} mg"
            f" ({number(low)} % to {number(high)} % of {strength} mg, both included)."
        ),
    ]


def _powder_steps(batch: Batch, plan: BatchPlan) -> list[str]:
    if batch.mean_tablet_weight_mg is None or plan.powder_mg is None or plan.powder_waste_mg is None:
        return []
    mean, powder = number(batch.mean_tablet_weight_mg), weight(plan.powder_mg)
    each = weight(plan.powder_mg / plan.batch_quantity)
    return [
        f"Powder to weigh: {number(plan.tablets_exact)} tablets x {mean} mg = {powder} mg ({each} mg a capsule).",
        (
            f"Waste: {plan.tablets_whole} x {mean} mg - {powder} mg = {weight(plan.powder_waste_mg)} mg powder with"
            f" {weight(plan.waste_active_mg)} mg naltrexone hydrochloride. Record it."
        ),
    ]


def _blend_steps(batch: Batch, plan: BatchPlan) -> list[str]:
    if batch.fill_weight_mg is None or plan.blend_strength_pct is None:
        return []
    fill, strength = number(batch.fill_weight_mg), number(batch.strength_mg)
    blend = f"Blend strength: {strength} mg / {fill} mg = {number(plan.blend_strength_pct)} %."
    if plan.powder_mg is None or plan.filler_mg is None:
        return [blend]
    return [
        (
            f"Filler: {plan.batch_quantity} x {fill} mg - {weight(plan.powder_mg)} mg = {weight(plan.filler_mg)} mg"
            " microcrystalline cellulose. Dilute geometrically."
        ),
        blend,
    ]


def cautions(batch: Batch, figures: Figures) -> list[str]:
    """Return what a person must decide or check before the work begins; most urgent first."""
    floor = number(figures.direct_dilution_pct.value)
    found = []
    too_weak = blend_is_too_weak(batch, figures)
    if too_weak:
        found.append(
            f"Less than {floor} % active in the fill: direct dilution from tablets is poor practice."
            " Make a 1:10 trituration with microcrystalline cellulose first, and assay it."
        )
    if too_weak is None:
        found.append(
            "No fill weight: measure it with a packing test for this capsule size and filler lot."
            f" Below {floor} % active in the fill a 1:10 trituration comes first."
        )
    if batch.mean_tablet_weight_mg is None:
        found.append("No mean tablet weight: weigh the tablets to know the powder.")
    if batch.strength_mg < figures.ldn_from_mg.value:
        found.append(
            f"Below {number(figures.ldn_from_mg.value)} mg a capsule: an ultra-low dose. With any opioid on record the"
            " ultra-low-dose confirm path applies; read the dose back with its unit in words."
        )
    found.append(
        "Tablets bring their own excipients, among them lactose and dyes: check allergies. Record those and the shell."
    )
    return found


def sources(figures: Figures) -> list[str]:
    """Return the source keys of the figures used, sorted."""
    used = (
        figures.tablet_strength_mg,
        figures.potency_low_pct,
        figures.potency_high_pct,
        figures.direct_dilution_pct,
        figures.ldn_from_mg,
    )
    return sorted({key for figure in used for key in figure.sources})
