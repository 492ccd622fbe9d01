"""What was learnt by heart, and what Python's parser accepts."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from relab.metrics.memorisation import longest_copied
from relab.metrics.parsing import ParsedShare, parses, without_last_line
from relab.statistics import estimate

SOURCES = ["the cat sat on the mat", "a dog lay there"]


@pytest.mark.parametrize(
    "text, length",
    [("and the cat sat down", len("the cat sat ")), ("xqz", 0), ("", 0), ("a dog lay there", 15), ("mata dog", len("a dog"))],
)
def test_the_longest_run_stands_unbroken_in_one_source(text, length):
    assert longest_copied(text, SOURCES) == length


def test_runs_of_tokens_are_counted_as_those_of_characters():
    assert longest_copied([5, 1, 2, 3, 9], [[1, 2, 3, 4], [3, 9]]) == 3
    assert longest_copied([1, 1, 1, 1], [[1, 1]]) == 2
    assert longest_copied([1], []) == 0


def test_frequent_characters_are_no_junk():
    """difflib leaves out what stands often in a long sequence unless it is told not to."""
    assert longest_copied("e" * 400, ["e" * 300]) == 300


@pytest.mark.parametrize(
    "text, accepted",
    [
        ("def sum(a, b):\n    return a + b\n", True),
        ("def sum(a, b):", False),
        ("def sum(a, b):\n    return a +", False),
        ("def sum(a, b):\nreturn a", False),
        ("a = '\\d'\nassert a is 'b'", True),  # warnings are no errors
        ("a\0b", False),
        ("(" * 5000 + ")" * 5000, False),
        ("", True),
    ],
)
def test_what_the_parser_accepts(text, accepted):
    assert parses(text) is accepted


def test_the_unfinished_last_line_can_be_left_out():
    cut = "def sum(a, b):\n    return a + b\n\ndef pro"
    assert not parses(cut) and parses(without_last_line(cut))
    assert without_last_line("def") == "def"  # nothing at all would parse


def test_the_share_has_an_interval_over_texts(tmp_path):
    metric = ParsedShare(keep_in_memory=True, cache_dir=str(tmp_path))
    found = estimate({0: metric.compute(predictions=["a = 1", "a =", "b", "b b"])["share"]})
    assert (found.value, found.n, found.unit) == (0.5, 4, "text")
    expected = binomtest(2, 4).proportion_ci(method="exact")
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
