"""Repeated n-grams and distinct n-grams of texts, and the interval over prompts."""

import math

import numpy as np
import pytest

from relab.metrics.ngrams import distinct_share, repeated_share
from relab.metrics.overlap import RESAMPLES
from relab.metrics.repetition import DistinctTwoGrams, RepeatedFourGrams, mean_over_prompts


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
    repeated, distinct = (metric.compute(predictions=texts, prompts=[0, 0, 1, 1]) for metric in metrics)
    # long texts weigh no more than short ones: 0 of 2 and 6 of 7
    assert (repeated["value"], repeated["n"], repeated["short"]) == (pytest.approx(3 / 7), 2, 2)
    assert (distinct["value"], distinct["n"], distinct["short"]) == (pytest.approx((1 + 1 / 9 + 1) / 3), 3, 1)
    # only the first prompt has a text of four tokens
    assert math.isnan(repeated["low"]) and distinct["low"] < distinct["value"] < distinct["high"]


def test_texts_without_any_ngram_have_no_value(metrics):
    found = metrics[0].compute(predictions=[[1], []], prompts=[0, 1])
    assert math.isnan(found["value"]) and (found["n"], found["short"]) == (0, 2)


def test_the_interval_is_drawn_over_prompts_not_over_texts_and_repeats():
    levels = np.array([0.1, 0.9, 0.3, 0.7, 0.2, 0.6])
    values, prompts = np.repeat(levels, 50), np.repeat(np.arange(6), 50)  # the texts of a prompt are all alike
    mean, n, low, high = mean_over_prompts(values, prompts)
    assert (mean, n) == (pytest.approx(levels.mean()), 300)
    assert (mean, n, low, high) == mean_over_prompts(values, prompts)
    rng = np.random.default_rng(1)
    drawn = levels[rng.integers(0, 6, (20 * RESAMPLES, 6))].mean(axis=1)
    assert [low, high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)
    over_texts = 2 * 1.96 * values.std() / 300**0.5
    assert high - low > 4 * over_texts


def test_prompts_with_more_texts_weigh_more():
    mean, n, low, high = mean_over_prompts([0, 0, 0, 1], [5, 5, 5, 9])
    assert (mean, n, low, high) == (0.25, 4, 0, 1)


def test_one_prompt_has_no_interval():
    mean, n, low, high = mean_over_prompts([1.0, 2.0], [3, 3])
    assert (mean, n) == (1.5, 2) and math.isnan(low) and math.isnan(high)


def test_what_never_varies_has_an_interval_of_no_width():
    assert mean_over_prompts([1.0] * 6, range(6)) == (1, 6, 1, 1)
