"""Lengths of washout windows: exact hours, half-lives against the label, the ends of the calendar."""

from datetime import timedelta
from decimal import Decimal

from rx_clinical.model.washout import BEGINNING_OF_TIME, FOREVER, hours, later, window_lengths


def test_hours_are_exact_below_a_second_and_over_many_years():
    assert hours(timedelta(microseconds=3_600)) == Decimal("0.000001")
    assert hours(timedelta(days=100_000)) == Decimal(2_400_000)


def test_half_lives_that_equal_the_label_interval_do_not_set_the_window():
    lengths = {
        "half_life_high_h": Decimal(59),
        "multiplier": Decimal(1),
        "half_lives": 5,
        "floor": timedelta(hours=336),
    }

    assert not window_lengths(label_interval_h=Decimal(295), **lengths).by_half_lives
    assert window_lengths(label_interval_h=Decimal(294), **lengths).by_half_lives


def test_what_leaves_the_calendar_by_hours_has_no_end_or_lies_before_everything():
    assert later(FOREVER - timedelta(hours=1), timedelta(hours=2)) == FOREVER
    assert later(BEGINNING_OF_TIME + timedelta(hours=1), timedelta(hours=-2)) == BEGINNING_OF_TIME
