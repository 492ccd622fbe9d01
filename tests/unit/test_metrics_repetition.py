"""Repeated n-grams and distinct n-grams of texts, and the interval over prompts."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from relab.metrics.ngrams import distinct_share, repeated_share
from relab.metrics.repetition import DistinctTwoGrams, RepeatedFourGrams
from relab.statistics import estimate


@pytest.fixture
def metrics(tmp_path):
    return [metric(keep_in_memory=True, cache_dir=str(tmp_path)) for metric in (RepeatedFourGrams, DistinctTwoGrams)]


@pytest.mark.parametrize(
    ("tokens", "size", "repeated"),
    [
        ([1, 2, 3, 4], 4, 0),
        ([1, 2, 3, 4, 1, 2, 3, 4], 4, 1 / 5),  # 1234 twice among five
        ([7] * 10, 4, 6 / 7),
        ([1, 2, 1, 2, 1], 2, 2 / 4),  # 12 21 12 21
        ([1, 2, 1, 2, 1], 1, 3 / 5),
    ],
)
def test_shares_of_ngrams(tokens, size, repeated):
    assert repeated_share(tokens, size) == pytest.approx(repeated)
    assert distinct_share(tokens, size) == pytest.approx(1 - repeated)


@pytest.mark.parametrize("tokens", [[], [1], [1, 2, 3]])
def test_a_text_shorter_than_one_ngram_has_no_share(tokens):
    assert math.isnan(repeated_share(tokens, 4)) and math.isnan(distinct_share(tokens, 4))


def test_metrics_are_means_over_texts_and_count_what_they_leave_out(metrics):
    texts = [[1, 2, 3, 4, 5], [7] * 10, [1, 2], []]
    repeated, distinct = (metric.compute(predictions=texts, prompts=[0, 0, 1, 1])["share"] for metric in metrics)
    # long texts weigh no more than short ones: 0 of 2 and 6 of 7
    assert (repeated.value, repeated.n, repeated.counts.tolist()) == (pytest.approx(3 / 7), 1, [2, 0])
    assert (distinct.value, distinct.n, distinct.counts.tolist()) == (pytest.approx((1 + 1 / 9 + 1) / 3), 2, [2, 1])
    # only the first prompt has a text of four tokens
    assert math.isnan(estimate({0: repeated}).low)


def test_texts_without_any_ngram_have_no_value(metrics):
    found = metrics[0].compute(predictions=[[1], []], prompts=[0, 1])["share"]
    assert math.isnan(found.value) and found.n == 0


def distinct_of(metrics, tenths, prompts):
    """Distinct-2 of texts of ten bigrams, of which so many are distinct, with its interval."""
    texts = [[*range(number), *[number - 1] * (11 - number)] for number in tenths]
    return estimate({0: metrics[1].compute(predictions=texts, prompts=prompts)["share"]})


def test_the_interval_is_over_prompts_not_over_texts(metrics):
    tenths = np.array([1, 9, 3, 7, 2, 6])
    found = distinct_of(metrics, np.repeat(tenths, 50), np.repeat(np.arange(6), 50))  # the texts of a prompt are all alike
    expected = ttest_1samp(tenths / 10, 0).confidence_interval()
    assert (found.value, found.n, found.unit) == (pytest.approx(tenths.mean() / 10), 6, "prompt")
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_prompts_with_more_texts_weigh_more(metrics):
    found = distinct_of(metrics, [4, 4, 4, 8], [5, 5, 5, 9])
    assert (found.value, found.n) == (pytest.approx(0.5), 2)


def test_one_prompt_has_no_interval(metrics):
    found = distinct_of(metrics, [2, 4], [3, 3])
    assert (found.value, found.n) == (pytest.approx(0.3), 1) and math.isnan(found.low) and math.isnan(found.high)


def test_what_never_happened_may_happen_yet(metrics):
    found = estimate({0: metrics[0].compute(predictions=[[1, 2, 3, 4]] * 6, prompts=range(6))["share"]})
    expected = binomtest(0, 6).proportion_ci(method="exact")
    assert (found.value, found.low, found.high) == (0, 0, pytest.approx(expected.high))
