"""Edits token by token, and outputs that are wholly right."""

import pytest
from scipy.stats import binomtest

from relab.metrics.error_rates import TokenErrorRate, exact_match, token_error_rate
from relab.statistics import estimate


@pytest.mark.parametrize(
    ("output", "references", "edits", "tokens"),
    [
        ("K AE T", ["K AE T"], 0, 3),
        ("K AE1 T", ["K AE T"], 1, 3),  # another stress is another phoneme
        ("", ["K AE T"], 3, 3),
        ("K AE T S S", ["K AE T"], 2, 3),
        ("T AE K", ["K AE T"], 2, 3),
        ("A B C D E F", ["X"], 6, 1),
        ("T AH M EY T OW", ["T AH M AA T OW Z", "T AH M EY T OW"], 0, 6),  # the second pronunciation
        ("K AE T", ["K AE T S", "K AH T"], 1, 4),  # both as near: the first
        ("K AE T", ["K AH T", "K AE T S"], 1, 3),
        ("ˈk æ t", ["ˈk æ t"], 0, 3),
    ],
)
def test_edits_of_the_nearest_reference(output, references, edits, tokens):
    found = token_error_rate([output], [references])
    assert (found.sums.tolist(), found.counts.tolist()) == ([edits], [tokens])


def test_the_rate_is_over_all_tokens_together(tmp_path):
    outputs, references = ["a b c d", "x"], [["a b c d"], ["y"]]
    found = token_error_rate(outputs, references, "pairs")
    assert (found.value, found.n, found.unit, found.items) == (1 / 5, 2, "pair", "pairs")
    adapter = TokenErrorRate(keep_in_memory=True, cache_dir=str(tmp_path))
    assert adapter.compute(predictions=outputs, references=references)["rate"].value == 1 / 5


def test_characters():
    assert token_error_rate(["kitten"], [["sitting"]], split=list).value == 3 / 7


@pytest.mark.parametrize(("outputs", "references"), [(["a"], [[" "]]), (["a"], [[]]), (["a"], ["a"]), (["a", "b"], [["a"]])])
def test_what_has_no_rate_is_refused(outputs, references):
    with pytest.raises(ValueError, match="reference"):
        token_error_rate(outputs, references)


def test_exact_matches():
    outputs = ["più  alto\n", "Yes.", "Yes.", "b", "", "K AE T"]
    references = [["pi\u0300u", "piu\u0300 alto"], ["yes."], ["Yes"], ["a", "b"], ["a"], ["K AE T"]]
    found = exact_match(outputs, references, "pairs")
    assert found.sums.tolist() == [1, 0, 0, 1, 0, 1]
    expected = binomtest(3, 6).proportion_ci(method="exact")
    assert estimate({0: found})[:4] == (0.5, pytest.approx(expected.low), pytest.approx(expected.high), 6)
