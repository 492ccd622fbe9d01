"""Shares of lines and words that stand in a corpus."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from relab.metrics.overlap import LineOverlap, WordOverlap
from relab.metrics.pieces import corpus_lines, corpus_words, whole_lines, whole_words
from relab.statistics import estimate

CORPUS = ["Nel mezzo del cammin\ndi nostra vita", "mi ritrovai  per una\tselva oscura"]


@pytest.fixture
def metrics(tmp_path):
    return [metric(keep_in_memory=True, cache_dir=str(tmp_path)) for metric in (LineOverlap, WordOverlap)]


@pytest.mark.parametrize(
    ("text", "prompt", "lines"),
    [
        ("one\ntwo\nthr", "\n", ["one", "two"]),  # the last line goes on
        ("one\ntwo\n", "\n", ["one", "two"]),  # the last line is over
        ("one\ntwo\n", "begun ", ["two"]),  # the first line began in the prompt
        ("one\ntwo\n", "", ["one", "two"]),  # nothing stood before
        ("\n\n  \none\n", "\n", ["one"]),  # empty lines are no lines
        ("  A  b\tC \n", "\n", ["a b c"]),
        ("cut off", "\n", []),
        ("", "\n", []),
        ("one\u2028still one\n", "\n", ["one still one"]),  # only a line feed ends a line
    ],
)
def test_whole_lines(text, prompt, lines):
    assert whole_lines(text, prompt) == lines


@pytest.mark.parametrize(
    ("text", "prompt", "words"),
    [
        ("the cat sa", "\n", ["the", "cat"]),
        ("the cat sat.", "\n", ["the", "cat", "sat"]),
        ("he cat sat.", "T", ["cat", "sat"]),  # the first word began in the prompt
        ("ch'i' vidi, 3 volte_su ", "\n", ["ch", "i", "vidi", "volte", "su"]),
        ("piu\u0300 PIÙ ", "\n", ["più", "più"]),  # composed, case folded
        ("12 34 ", "\n", []),
    ],
)
def test_whole_words(text, prompt, words):
    assert whole_words(text, prompt) == words


def test_a_document_ends_its_last_line_and_word():
    assert corpus_lines(CORPUS) == {"nel mezzo del cammin", "di nostra vita", "mi ritrovai per una selva oscura"}
    assert "vita" in corpus_words(CORPUS) and "oscura" in corpus_words(CORPUS)


def test_shares_count_whole_pieces_only(metrics):
    lines, words = metrics
    texts = ["DI NOSTRA  VITA\nnel mezzo xx\nmi", "mi ritrovai per una selva oscura\nxyz abc del"]
    found = lines.compute(predictions=texts, corpus=corpus_lines(CORPUS), prompt="\n")["share"]
    assert (found.value, found.counts.tolist(), found.n, found.unit) == (2 / 3, [2, 1], 2, "text")
    found = words.compute(predictions=texts, corpus=corpus_words(CORPUS), prompt="\n")["share"]
    # first text: di nostra vita nel mezzo (20 letters) xx, "mi" is cut off; second: six words (27), xyz abc, "del" is cut off
    assert (found.value, found.counts.tolist()) == (47 / (47 + 2 + 6), [22, 33])


def test_the_corpus_itself_overlaps_wholly_and_noise_does_not(metrics):
    for metric, known in zip(metrics, (corpus_lines(CORPUS), corpus_words(CORPUS)), strict=True):
        texts = [document + "\n" for document in CORPUS]
        assert metric.compute(predictions=texts, corpus=known)["share"].value == 1
        assert metric.compute(predictions=["qqq www\n", "zzz\n"], corpus=known)["share"].value == 0


def test_nothing_to_count_is_missing_not_zero(metrics):
    for metric in metrics:
        share = metric.compute(predictions=["", "cutoff"], corpus={"cutoff"}, prompt="\n")["share"]
        assert share.n == 0
        assert math.isnan(share.value) and math.isnan(estimate({0: share}).low)


def overlap(metrics, hits, totals):
    """The share of lines of texts that have so many, of which so many stand in the corpus, with its interval."""
    texts = ["known\n" * hit + "unknown\n" * (total - hit) for hit, total in zip(hits, totals, strict=True)]
    return estimate({0: metrics[0].compute(predictions=texts, corpus={"known"})["share"]})


def test_the_interval_is_over_texts(metrics):
    hits = np.array([9, 1, 8, 2, 7, 3])
    found = overlap(metrics, hits, [10] * 6)
    expected = ttest_1samp(hits / 10, 0).confidence_interval()
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    # lines of one text depend on each other: the interval is much wider than that of 60 independent ones
    independent = binomtest(int(hits.sum()), 60).proportion_ci(method="exact")
    assert found.high - found.low > 2 * (independent.high - independent.low)


def test_texts_with_more_lines_weigh_more(metrics):
    rng = np.random.default_rng(1)
    totals = rng.integers(1, 40, 300)
    hits = rng.binomial(totals, 0.8 - 0.015 * totals)  # long texts have fewer known lines
    found = overlap(metrics, hits, totals)
    assert found.value == pytest.approx(hits.sum() / totals.sum())
    drawn = rng.integers(0, 300, (10000, 300))
    shares = hits[drawn].sum(1) / totals[drawn].sum(1)
    assert [found.low, found.high] == pytest.approx(np.quantile(shares, [0.025, 0.975]), abs=0.006)


def test_an_interval_of_shares_ends_at_none_and_all(metrics):
    found = overlap(metrics, [10, 10, 9, 1], [10] * 4)
    assert ttest_1samp([1, 1, 0.9, 0.1], 0).confidence_interval().high > 1
    assert found.value < found.high == 1


def test_one_text_has_no_interval(metrics):
    found = overlap(metrics, [3, 0], [4, 0])  # the second one has no line
    assert (found.value, found.n) == (0.75, 1) and math.isnan(found.low) and math.isnan(found.high)
