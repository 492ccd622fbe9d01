"""Self-BLEU, distinct-2 and copied 8-grams of words; perplexities and bits per character with their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sacrebleu.metrics import BLEU
from scipy.stats import binom, ttest_1samp

from relab.metrics.copying import CopiedEightGrams, copied_eight_grams, eight_grams
from relab.metrics.diversity import SelfBLEU, distinct_two
from relab.metrics.perplexity import Perplexity, bits_per_character, corpus_perplexity, first_tokens, median_perplexity
from relab.metrics.words import words
from relab.statistics import estimate


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


def test_texts_without_blanks_are_alike_in_their_characters(tmp_path):
    texts = ["我的猫在睡觉", "我的狗在睡觉", "你好吗"]
    alike = metric(SelfBLEU, tmp_path).compute(predictions=texts[:2])["self_bleu"]
    assert alike > 0.3 > metric(SelfBLEU, tmp_path).compute(predictions=texts[1:])["self_bleu"]


def test_one_text_has_no_self_bleu(tmp_path):
    found = metric(SelfBLEU, tmp_path).compute(predictions=["one two"])
    assert math.isnan(found["self_bleu"]) and found["n"] == 1


def test_distinct_bigrams_of_words_are_a_mean_over_texts():
    # the end, end the, the end: two of three; one of one; a text of one word has none
    found = distinct_two(["The end the end", "so it", "it"])
    assert (found.value, found.n) == (pytest.approx((2 / 3 + 1) / 2), 2)
    # an interval of shares ends at 1
    assert ttest_1samp([2 / 3, 1], 0).confidence_interval().high > 1 == estimate({0: found}).high


TEXT = "a b c d e f g h i"  # two 8-grams


def test_the_share_of_8_grams_that_stand_in_a_corpus(tmp_path):
    texts = [TEXT, "A b c, d e f g h!", "x " * 10, "too short"]
    found = copied_eight_grams(iter(["0 a B c d e f g h 1", "b c d e f g h", "i a b"]), texts)
    assert found == {tuple("abcdefgh")}
    copied = metric(CopiedEightGrams, tmp_path).compute(predictions=texts, corpus=found)["share"]
    assert (copied.value, copied.sums.tolist(), copied.counts.tolist()) == (pytest.approx(2 / 6), [1, 1, 0, 0], [2, 1, 3, 0])
    assert (copied.n, copied.unit) == (3, "text")


def test_no_8_gram_reaches_over_the_border_of_two_documents_and_the_corpus_is_read_once():
    read = []

    def documents():
        for document in ("a b c d", "e f g h i", "x"):
            read.append(document)
            yield document

    assert copied_eight_grams(documents(), [TEXT]) == set() and len(read) == 3
    assert list(eight_grams("a b c")) == []


def test_texts_without_8_grams_have_no_share(tmp_path):
    copied = metric(CopiedEightGrams, tmp_path).compute(predictions=["a b", ""], corpus=set())["share"]
    assert math.isnan(copied.value) and copied.n == 0


HALF, EIGHTH = math.log(0.5), math.log(0.125)
#: Perplexities 2, 8 and 2 ** 1.5 by themselves; an empty text has none.
LOGPROBS = [[HALF] * 6, [EIGHTH] * 2, [HALF, HALF, EIGHTH, 0.0], []]


def test_perplexity_of_a_corpus_weighs_tokens_and_the_median_weighs_texts():
    corpus, median = corpus_perplexity(LOGPROBS), median_perplexity(LOGPROBS)
    assert (corpus.value, corpus.n) == (pytest.approx(2 ** ((6 + 6 + 5) / 12)), 3)
    assert (median.value, median.n) == (pytest.approx(2**1.25), 3)
    assert math.isnan(median.low) and math.isnan(median.high)  # three texts leave it open


def test_bits_per_character_do_not_depend_on_how_a_text_is_cut_into_tokens():
    bits = bits_per_character(LOGPROBS, [12, 3, 10, 7])
    assert (bits.value, bits.n) == (pytest.approx(17 / 25), 3)
    assert bits_per_character([[-2.0, -1.0]], [5]).value == bits_per_character([[-3.0]], [5]).value


def texts_of(losses, lengths):
    """Log-probabilities of texts of so many tokens that each have the same loss."""
    return [[-loss] * length for loss, length in zip(losses, lengths, strict=True)]


def test_the_interval_of_a_perplexity_is_that_of_the_loss_over_texts():
    losses = np.array([1.0, 3.0, 2.0, 2.5, 1.2])
    found = estimate({0: corpus_perplexity(texts_of(losses, [7] * 5))})
    expected = np.exp(ttest_1samp(losses, 0).confidence_interval())
    assert (found.value, found.n) == (pytest.approx(math.exp(losses.mean())), 5)
    assert [found.low, found.high] == pytest.approx(expected)


def test_intervals_are_those_of_texts_drawn_with_replacement():
    rng = np.random.default_rng(1)
    lengths = rng.integers(5, 50, 300)
    losses, characters = rng.gamma(4, 0.8, 300) + lengths / 25, 4 * lengths + rng.integers(0, 9, 300)
    drawn = rng.integers(0, 300, (10000, 300))
    totals = (losses * lengths)[drawn].sum(1)
    found = estimate({0: corpus_perplexity(texts_of(losses, lengths))})
    perplexities = np.exp(totals / lengths[drawn].sum(1))
    assert [found.low, found.high] == pytest.approx(np.quantile(perplexities, [0.025, 0.975]), rel=0.02)
    found = estimate({0: bits_per_character(texts_of(losses, lengths), characters)})
    bits = totals / math.log(2) / characters[drawn].sum(1)
    assert [found.low, found.high] == pytest.approx(np.quantile(bits, [0.025, 0.975]), rel=0.02)


def test_the_interval_of_a_median_lies_between_two_texts_and_holds_it_in_at_least_95_of_100_cases():
    losses = np.random.default_rng(2).gamma(4, 0.8, 30)
    found = median_perplexity(texts_of(losses, [3] * 30))
    ordered = np.exp(np.sort(losses))
    assert (found.value, found.n) == (pytest.approx(np.median(ordered)), 30)
    low, high = (int(np.argmin(np.abs(ordered - end))) for end in (found.low, found.high))
    assert [found.low, found.high] == pytest.approx([ordered[low], ordered[high]])
    # the median is below the text of index `low` where no more than so many are below the median, and likewise above
    assert binom.cdf(low, 30, 0.5) <= 0.025 < binom.cdf(low + 1, 30, 0.5)
    assert binom.sf(high, 30, 0.5) <= 0.025 < binom.sf(high - 1, 30, 0.5)


def test_one_text_has_no_interval_and_no_text_no_value():
    one = [[HALF]]
    for figure in (estimate({0: corpus_perplexity(one)}), median_perplexity(one)):
        assert (figure.value, figure.n) == (pytest.approx(2), 1) and math.isnan(figure.low) and math.isnan(figure.high)
    for figure in (corpus_perplexity([[]]), median_perplexity([[]]), bits_per_character([[]], [4]), corpus_perplexity([])):
        assert math.isnan(figure.value) and figure.n == 0


def test_equal_lengths_leave_out_texts_that_are_shorter():
    assert first_tokens(LOGPROBS, 3) == [[HALF] * 3, [HALF, HALF, EIGHTH]]
    assert corpus_perplexity(first_tokens(LOGPROBS, 3)).value == pytest.approx(2 ** (8 / 6))
    assert corpus_perplexity(first_tokens(LOGPROBS, 9)).n == 0


def test_the_metric_gives_all_three(tmp_path):
    found = metric(Perplexity, tmp_path).compute(predictions=LOGPROBS, characters=[12, 3, 10, 7])
    expected = {"perplexity": corpus_perplexity(LOGPROBS), "bits": bits_per_character(LOGPROBS, [12, 3, 10, 7])}
    assert {name: found[name].value for name in expected} == {name: one.value for name, one in expected.items()}
    assert found["median"][:1] == median_perplexity(LOGPROBS)[:1] and set(found) == {"perplexity", "median", "bits"}
