"""Shares of lines and words that stand in a corpus."""

import math

import numpy as np
import pytest

from relab.metrics.overlap import RESAMPLES, LineOverlap, WordOverlap, share_interval
from relab.metrics.pieces import lines_of, whole_lines, whole_words, words_of

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
    assert lines_of(CORPUS) == {"nel mezzo del cammin", "di nostra vita", "mi ritrovai per una selva oscura"}
    assert "vita" in words_of(CORPUS) and "oscura" in words_of(CORPUS)


def test_shares_count_whole_pieces_only(metrics):
    lines, words = metrics
    texts = ["DI NOSTRA  VITA\nnel mezzo xx\nmi", "mi ritrovai per una selva oscura\nxyz abc del"]
    found = lines.compute(predictions=texts, corpus=lines_of(CORPUS), prompt="\n")
    assert (found["share"], found["n"]) == (2 / 3, 3)
    found = words.compute(predictions=texts, corpus=words_of(CORPUS), prompt="\n")
    # first text: di nostra vita nel mezzo (20 letters) xx, "mi" is cut off; second: six words (27), xyz abc, "del" is cut off
    assert (found["share"], found["n"]) == (47 / (47 + 2 + 6), 14)


def test_the_corpus_itself_overlaps_wholly_and_noise_does_not(metrics):
    for metric, known in zip(metrics, (lines_of(CORPUS), words_of(CORPUS)), strict=True):
        texts = [document + "\n" for document in CORPUS]
        assert metric.compute(predictions=texts, corpus=known)["share"] == 1
        assert metric.compute(predictions=["qqq www\n", "zzz\n"], corpus=known)["share"] == 0


def test_nothing_to_count_is_missing_not_zero(metrics):
    for metric in metrics:
        found = metric.compute(predictions=["", "cutoff"], corpus={"cutoff"}, prompt="\n")
        assert found["n"] == 0
        assert math.isnan(found["share"]) and math.isnan(found["low"])


def test_the_interval_is_drawn_over_texts_and_repeats():
    hits, totals = np.array([9, 1, 8, 2, 7, 3]), np.full(6, 10)
    low, high = share_interval(hits, totals)
    assert (low, high) == share_interval(hits, totals)
    rng = np.random.default_rng(1)
    drawn = [hits[pick].sum() / 60 for pick in rng.integers(0, 6, (20 * RESAMPLES, 6))]
    assert [low, high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.04)
    assert low < 0.5 < high
    # words of one text depend on each other: the interval is much wider than that of 60 independent ones
    assert high - low > 2 * 1.96 * (0.25 / 60) ** 0.5


def test_one_text_has_no_interval():
    assert all(math.isnan(end) for end in share_interval(np.array([3, 0]), np.array([4, 0])))
