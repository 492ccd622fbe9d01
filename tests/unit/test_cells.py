"""Cells of tables."""

from __future__ import annotations

import math

import pytest

from relab.cells import format_fixed


@pytest.mark.parametrize(
    ("value", "cell"), [(-0.0, "0.00"), (-0.004, "0.00"), (-0.006, "-0.01"), (2, "2.00"), (math.nan, ""), (None, "")]
)
def test_a_number_has_fixed_decimals_and_a_zero_no_sign(value, cell):
    assert format_fixed(value, 2) == cell
