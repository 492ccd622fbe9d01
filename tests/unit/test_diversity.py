"""Self-BLEU, distinct-2 and copied 8-grams of words; perplexities and bits per character with their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from relab.metrics.copying import CopiedEightGrams, eight_grams, found_in
from relab.metrics.diversity import SelfBLEU, distinct_two
from relab.metrics.perplexity import Perplexity, bits_per_character, corpus_perplexity, first_tokens, median_perplexity
from relab.metrics.words import words


def metric(kind, tmp_path):
    return kind(keep_in_memory=True, cache_dir=str(tmp_path))


def test_words_are_folded_and_keep_their_apostrophes():
    assert words("The END, the end! Don’t 'go' now_2 – e\u0301tude") == [
        "the",
        "end",
        "the",
        "end",
        "don't",
        "go",
        "now_2",
        "étude",
    ]


def test_self_bleu_of_texts_that_are_all_the_same_is_one_and_of_such_that_share_nothing_near_zero(tmp_path):
    same = metric(SelfBLEU, tmp_path).compute(predictions=["one two three four five"] * 3)
    assert (same["self_bleu"], same["n"]) == (pytest.approx(1), 3)
    other = metric(SelfBLEU, tmp_path).compute(predictions=["one two three four five", "six seven eight nine ten"])
    assert other["self_bleu"] < 0.1


def test_self_bleu_is_the_mean_of_sacrebleus_sentence_scores_beside_all_others(tmp_path):
    texts = ["the cat sat on the mat", "the cat sat on a rug", "a dog"]
    bleu = BLEU(effective_order=True)
    scores = [
        bleu.sentence_score(texts[0], [texts[1], texts[2]]).score,
        bleu.sentence_score(texts[1], [texts[0], texts[2]]).score,
        bleu.sentence_score(texts[2], [texts[0], texts[1]]).score,
    ]
    assert metric(SelfBLEU, tmp_path).compute(predictions=texts)["self_bleu"] == pytest.approx(sum(scores) / 300)


def test_one_text_has_no_self_bleu(tmp_path):
    found = metric(SelfBLEU, tmp_path).compute(predictions=["one two"])
    assert math.isnan(found["self_bleu"]) and found["n"] == 1


def test_distinct_bigrams_of_words_are_a_mean_over_texts():
    # the end, end the, the end: two of three; one of one; a text of one word has none
    mean, n, low, high = distinct_two(["The end the end", "so it", "it"])
    assert (mean, n) == (pytest.approx((2 / 3 + 1) / 2), 2) and low <= mean <= high


TEXT = "a b c d e f g h i"  # two 8-grams


def test_the_share_of_8_grams_that_stand_in_a_corpus(tmp_path):
    texts = [TEXT, "A b c, d e f g h!", "x " * 10, "too short"]
    found = found_in(iter(["0 a B c d e f g h 1", "b c d e f g h", "i a b"]), texts)
    assert found == {tuple("abcdefgh")}
    copied = metric(CopiedEightGrams, tmp_path).compute(predictions=texts, corpus=found)
    # 1 of 2, 1 of 1, 0 of 3
    assert (copied["share"], copied["n"]) == (pytest.approx(2 / 6), 3) and copied["low"] <= 1 / 3 <= copied["high"]


def test_no_8_gram_reaches_over_the_border_of_two_documents_and_the_corpus_is_read_once():
    read = []

    def documents():
        for document in ("a b c d", "e f g h i", "x"):
            read.append(document)
            yield document

    assert found_in(documents(), [TEXT]) == set() and len(read) == 3
    assert list(eight_grams("a b c")) == []


def test_texts_without_8_grams_have_no_share(tmp_path):
    copied = metric(CopiedEightGrams, tmp_path).compute(predictions=["a b", ""], corpus=set())
    assert math.isnan(copied["share"]) and copied["n"] == 0


HALF, EIGHTH = math.log(0.5), math.log(0.125)
#: Perplexities 2, 8 and 2 ** 1.5 by themselves; an empty text has none.
LOGPROBS = [[HALF] * 6, [EIGHTH] * 2, [HALF, HALF, EIGHTH, 0.0], []]


def test_perplexity_of_a_corpus_weighs_tokens_and_the_median_weighs_texts():
    corpus, median = corpus_perplexity(LOGPROBS), median_perplexity(LOGPROBS)
    assert (corpus.value, corpus.n) == (pytest.approx(2 ** ((6 + 6 + 5) / 12)), 3)
    assert (median.value, median.n) == (pytest.approx(2**1.25), 3)
    assert 1.99 < corpus.low < corpus.value < corpus.high < 8.01
    assert (median.low, median.high) == (pytest.approx(2), pytest.approx(8))


def test_bits_per_character_do_not_depend_on_how_a_text_is_cut_into_tokens():
    bits = bits_per_character(LOGPROBS, [12, 3, 10, 7])
    assert (bits.value, bits.n) == (pytest.approx(17 / 25), 3) and bits.low <= bits.value <= bits.high
    assert bits_per_character([[-2.0, -1.0]], [5]).value == bits_per_character([[-3.0]], [5]).value


def test_intervals_are_those_of_texts_drawn_with_replacement():
    rng = np.random.default_rng(1)
    lengths, losses = rng.integers(5, 50, 30), rng.gamma(4, 0.8, 30)
    logprobs = [[-loss] * length for loss, length in zip(losses, lengths, strict=True)]
    found = corpus_perplexity(logprobs)
    drawn = rng.integers(0, 30, (20000, 30))
    values = np.exp((losses * lengths)[drawn].sum(1) / lengths[drawn].sum(1))
    assert [found.low, found.high] == pytest.approx(np.quantile(values, [0.025, 0.975]), rel=0.05)
    assert found == corpus_perplexity(logprobs)


def test_one_text_has_no_interval_and_no_text_no_value():
    for figure in (corpus_perplexity([[HALF]]), median_perplexity([[HALF]])):
        assert (figure.value, figure.n) == (pytest.approx(2), 1) and math.isnan(figure.low) and math.isnan(figure.high)
    for figure in (corpus_perplexity([[]]), median_perplexity([[]]), bits_per_character([[]], [4]), corpus_perplexity([])):
        assert math.isnan(figure.value) and figure.n == 0


def test_equal_lengths_leave_out_texts_that_are_shorter():
    assert first_tokens(LOGPROBS, 3) == [[HALF] * 3, [HALF, HALF, EIGHTH]]
    assert corpus_perplexity(first_tokens(LOGPROBS, 3)).value == pytest.approx(2 ** (8 / 6))
    assert corpus_perplexity(first_tokens(LOGPROBS, 9)).n == 0


def test_the_metric_gives_all_three(tmp_path):
    found = metric(Perplexity, tmp_path).compute(predictions=LOGPROBS, characters=[12, 3, 10, 7])
    assert found == {
        "perplexity": corpus_perplexity(LOGPROBS),
        "median": median_perplexity(LOGPROBS),
        "bits": bits_per_character(LOGPROBS, [12, 3, 10, 7]),
    }
