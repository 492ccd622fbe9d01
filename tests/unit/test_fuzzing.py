"""Files and settings that nobody foresaw are read right, or told in one sentence; ``benchmarks/fuzzing.py`` tries more."""

from __future__ import annotations

import pytest
from support.fuzzing import PROPERTIES, check_property

#: Examples of all properties together.
EXAMPLES = 200


@pytest.mark.parametrize("prop", PROPERTIES)
def test_right_or_told_in_one_sentence(prop):
    check_property(prop, EXAMPLES // len(PROPERTIES))
