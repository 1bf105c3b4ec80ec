"""The worked examples of the compounding arithmetic, and what holds for every batch."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rx_clinical import load_catalogue
from rx_clinical.catalogue.tables import Tables
from rx_compounding.adapters.catalogue import shared_figures, shipped_figures
from rx_compounding.domain.figures import read_figures
from rx_compounding.domain.plan import Batch, compute_plan
from rx_compounding.handlers import plan_batch
from rx_runtime.errors import InvalidInput

FIGURES = shipped_figures()


def planned(strength, quantity, excess="0", tablet="", fill=""):
    return plan_batch(
        strength_mg=strength,
        quantity=quantity,
        excess_pct=excess,
        mean_tablet_weight_mg=tablet,
        fill_weight_mg=fill,
        figures=FIGURES,
    )


def test_90_capsules_of_4_5_mg_without_excess_need_9_whole_tablets():
    plan = planned("4.5", 90).plan

    assert (plan.need_mg, plan.tablets_exact, plan.tablets_whole) == (405, Decimal("8.1"), 9)


def test_90_capsules_of_4_5_mg_with_3_percent_excess():
    plan = planned("4.5", 90, "3", "170", "200").plan

    assert (plan.batch_quantity, plan.batch_need_mg) == (93, Decimal("418.5"))
    assert (plan.tablets_exact, plan.tablets_whole) == (Decimal("8.37"), 9)
    assert plan.powder_mg == Decimal("1422.9")
    assert (plan.powder_waste_mg, plan.waste_active_mg) == (Decimal("107.1"), Decimal("31.5"))
    assert plan.filler_mg == Decimal("17177.1")
    assert plan.blend_strength_pct == Decimal("2.25")
    assert (plan.potency_low_mg, plan.potency_high_mg) == (Decimal("4.05"), Decimal("4.95"))


def test_30_capsules_of_1_5_mg_with_5_percent_excess():
    plan = planned("1.5", 30, "5").plan

    assert plan.need_mg == 45
    assert (plan.batch_quantity, plan.batch_need_mg) == (32, 48)
    assert (plan.tablets_exact, plan.tablets_whole) == (Decimal("0.96"), 1)
    assert (plan.potency_low_mg, plan.potency_high_mg) == (Decimal("1.35"), Decimal("1.65"))
    assert (plan.powder_mg, plan.filler_mg, plan.blend_strength_pct) == (None, None, None)


def test_60_capsules_of_half_a_milligram_are_too_weak_for_direct_dilution_and_ultra_low():
    answer = planned("0.5", 60, "0", "170", "200")

    assert (answer.plan.need_mg, answer.plan.tablets_exact) == (30, Decimal("0.6"))
    assert (answer.plan.potency_low_mg, answer.plan.potency_high_mg) == (Decimal("0.45"), Decimal("0.55"))
    assert "1:10 trituration" in answer.cautions[0]
    assert any("ultra-low-dose confirm path" in caution for caution in answer.cautions)


@pytest.mark.parametrize(("fill", "weak"), [("449.9", False), ("450", False), ("450.1", True)])
def test_exactly_one_percent_active_may_be_diluted_directly(fill, weak):
    answer = planned("4.5", 90, "3", "170", fill)

    assert any("poor practice" in caution for caution in answer.cautions) is weak


def test_without_weights_the_plan_says_what_to_measure():
    cautions = " ".join(planned("4.5", 90).cautions)

    assert "packing test" in cautions
    assert "weigh the tablets" in cautions


def test_one_milligram_is_low_dose_and_not_ultra_low():
    assert not any("ultra-low" in caution for caution in planned("1", 30).cautions)


def test_the_steps_can_be_redone_by_a_person():
    assert planned("4.5", 90, "3", "170", "200").steps == [
        "Need: 90 capsules x 4.5 mg = 405 mg naltrexone hydrochloride.",
        "Batch: 90 x (100 % + 3 %) = 92.7, up to whole: 93 capsules of the same strength.",
        "Batch need: 93 x 4.5 mg = 418.5 mg.",
        "Tablets: 418.5 mg / 50 mg = 8.37, up to whole: crush 9.",
        "Powder to weigh: 8.37 tablets x 170 mg = 1422.9 mg (15.3 mg a capsule).",
        "Waste: 9 x 170 mg - 1422.9 mg = 107.1 mg powder with 31.5 mg naltrexone hydrochloride. Record it.",
        "Filler: 93 x 200 mg - 1422.9 mg = 17177.1 mg microcrystalline cellulose. Dilute geometrically.",
        "Blend strength: 4.5 mg / 200 mg = 2.25 %.",
        "Potency: a capsule passes from 4.05 mg to 4.95 mg (90 % to 110 % of 4.5 mg, both included).",
    ]


def test_no_dose_is_written_with_a_trailing_zero():
    words = " ".join(planned("1.50", 20, "0.0", "170.0", "200.00").steps)

    assert "1.5 mg" in words
    assert ".0" not in words
    assert "1.50" not in words


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"strength": ""}, "STRENGTH_MG_MISSING"),
        ({"strength": "0"}, "STRENGTH_MG_OUT_OF_RANGE"),
        ({"strength": "-1"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "NaN"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "1e1"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": ".5"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "0,5"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "4.5mg"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "٤"}, "STRENGTH_MG_NOT_A_NUMBER"),
        ({"strength": "450"}, "STRENGTH_MG_OUT_OF_RANGE"),
        ({"quantity": 0}, "QUANTITY_OUT_OF_RANGE"),
        ({"quantity": 100_001}, "QUANTITY_OUT_OF_RANGE"),
        ({"excess": "20.1"}, "EXCESS_PCT_OUT_OF_RANGE"),
        ({"excess": ""}, "EXCESS_PCT_MISSING"),
        ({"tablet": "0"}, "MEAN_TABLET_WEIGHT_MG_OUT_OF_RANGE"),
        ({"tablet": "50"}, "MEAN_TABLET_WEIGHT_TOO_SMALL"),
        ({"fill": "0"}, "FILL_WEIGHT_MG_OUT_OF_RANGE"),
        ({"tablet": "170", "fill": "15.2"}, "FILL_WEIGHT_TOO_SMALL"),
        ({"fill": "4.4"}, "FILL_WEIGHT_TOO_SMALL"),
    ],
)
def test_a_wrong_field_is_refused_with_its_own_code(fields, code):
    with pytest.raises(InvalidInput) as refused:
        planned(**{"strength": "4.5", "quantity": 90} | fields)

    assert refused.value.code == code


def test_a_capsule_that_is_filled_with_its_powder_alone_needs_no_filler():
    assert planned("4.5", 90, "3", "170", "15.3").plan.filler_mg == 0


TABLE = "name,value,unit,meaning,source\n"


@pytest.mark.parametrize(
    "rows", ["", "tablet_strength,50,mg,x,NTX3\n" * 2, "tablet_strength,50,mg,x,\n", "tablet_strength,-50,mg,x,NTX3\n"]
)
def test_a_table_with_a_missing_doubled_or_unsourced_figure_is_refused(rows):
    with pytest.raises(ValueError, match=r"arithmetic\.csv"):
        read_figures(TABLE + rows, {})


def test_a_figure_of_the_core_is_not_stated_again():
    with pytest.raises(ValueError, match="stated twice"):
        read_figures(TABLE + "tablet_strength,50,mg,x,NTX3\n", shared_figures(Tables()))


def test_tablet_and_potency_limits_are_those_of_the_core():
    policy = load_catalogue().policy
    shared = (FIGURES.tablet_strength_mg, FIGURES.potency_low_pct, FIGURES.potency_high_pct)

    assert [figure.value for figure in shared] == [policy.tablet_strength, policy.potency_low, policy.potency_high]
    assert [figure.sources for figure in shared] == [("NTX1",), ("STAB1",), ("STAB1",)]


def decimals(lowest, highest, places=4):
    return st.decimals(lowest, highest, places=places, allow_nan=False, allow_infinity=False)


UNHURRIED = settings(deadline=None)  # a loaded machine is no defect
BATCHES = st.builds(
    Batch,
    strength_mg=decimals("0.0001", 25),
    quantity=st.integers(1, 100_000),
    excess_pct=decimals(0, 20),
    mean_tablet_weight_mg=decimals("50.0001", 1000),
    fill_weight_mg=decimals(500, 1000),
)


@UNHURRIED
@given(BATCHES)
def test_every_capsule_of_a_batch_holds_its_strength_and_no_more(batch):
    made = compute_plan(batch, FIGURES)

    assert made.batch_need_mg == batch.strength_mg * made.batch_quantity
    assert made.batch_quantity >= batch.quantity


@UNHURRIED
@given(BATCHES, decimals(0, 20))
def test_more_excess_never_makes_fewer_or_stronger_capsules(batch, other_pct):
    assume(other_pct > batch.excess_pct)
    more = Batch(
        strength_mg=batch.strength_mg,
        quantity=batch.quantity,
        excess_pct=other_pct,
        mean_tablet_weight_mg=batch.mean_tablet_weight_mg,
        fill_weight_mg=batch.fill_weight_mg,
    )
    made, made_more = compute_plan(batch, FIGURES), compute_plan(more, FIGURES)

    assert made_more.batch_quantity >= made.batch_quantity
    assert made_more.blend_strength_pct == made.blend_strength_pct
    assert made_more.potency_high_mg == made.potency_high_mg


@UNHURRIED
@given(BATCHES)
def test_the_tablets_suffice_and_one_less_would_not(batch):
    made = compute_plan(batch, FIGURES)

    assert made.tablets_whole - 1 < made.tablets_exact <= made.tablets_whole
    assert made.tablets_whole * 50 - made.waste_active_mg == made.batch_need_mg


@UNHURRIED
@given(BATCHES)
def test_no_weight_is_lost_or_invented_beyond_the_balance(batch):
    made = compute_plan(batch, FIGURES)
    whole_tablets_mg = made.tablets_whole * batch.mean_tablet_weight_mg
    fills_mg = made.batch_quantity * batch.fill_weight_mg

    assert abs(made.powder_mg + made.powder_waste_mg - whole_tablets_mg) <= Decimal("0.05")
    assert abs(made.powder_mg + made.filler_mg - fills_mg) <= Decimal("0.05")
