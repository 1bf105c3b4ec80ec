"""Doses as they are read back: digits one by one, the unit in words."""

from decimal import Decimal

import pytest
from rx_clinical.findings.wording import dose_in_words


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        ("0", "zero milligrams"),
        ("1.0", "one milligram"),
        ("4.5", "four milligrams and five tenths of one milligram"),
        ("15", "one-five milligrams"),
        ("50", "five-zero milligrams"),
        ("0.1", "one tenth of one milligram"),
        ("0.25", "two-five hundredths of one milligram"),
        ("0.125", "one-two-five thousandths of one milligram"),
        ("0.0625", "six-two-five ten-thousandths of one milligram"),
        ("0.00001", "one hundred-thousandth of one milligram"),
        ("0.000789", "seven-eight-nine millionths of one milligram"),
        ("0.0000003", "three digits 7 places behind the point of one milligram"),
    ],
)
def test_a_dose_is_read_back_with_its_unit_in_words(dose, words):
    assert dose_in_words(Decimal(dose)).partition(" mg ")[2] == f"({words})"
