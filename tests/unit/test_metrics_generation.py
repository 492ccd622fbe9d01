"""All metrics of a system by name: what outputs copy from their sources, how long they are, how often they repeat."""

import math

import numpy as np
import pytest

from relab.metrics import generation_names as names
from relab.metrics.abstraction import copied_words, longest_copied_run, novel_ngrams
from relab.metrics.generation import Outputs, length_ratio, measure
from relab.metrics.rouge import rouge
from relab.metrics.translation import BLEU
from relab.statistics import difference, estimate, units_digest

SOURCE = "The quick brown fox jumps over the lazy dog. It's the king’s dog."
TEXTS = ["The brown fox jumps high.", "", "THE LAZY DOG: it’s the king's dog!", "Ala ma kota"]


def outputs(**changed) -> Outputs:
    columns = {
        "texts": TEXTS,
        "references": [["A fox jumps."], ["Nothing."], ["The lazy dog", "A dog of a king"], ["Ala ma psa"]],
        "sources": [SOURCE] * 4,
        "cut": [False, True, False, False],
        "items": units_digest("four pairs"),
        "language": "en",
    }
    return Outputs(**columns | changed)


def test_novel_ngrams_by_hand():
    # the brown fox jumps high: one word is new, two of four pairs, two of three triples, both of four
    # the lazy dog it's the king's dog: nothing is new, whatever the case and the apostrophe; all three words of the last are
    expected = {1: ([1, 0, 0, 3], [5, 0, 7, 3]), 2: ([2, 0, 0, 2], [4, 0, 6, 2]), 3: ([2, 0, 0, 1], [3, 0, 5, 1])}
    expected[4] = ([2, 0, 0, 0], [2, 0, 4, 0])
    for size, (novel, totals) in expected.items():
        found = novel_ngrams(TEXTS, [SOURCE] * 4, size)
        assert (found.sums.tolist(), found.counts.tolist()) == (novel, totals)
        assert found.value == sum(novel) / sum(totals)


def test_copied_words_are_those_that_are_not_novel():
    found = copied_words(TEXTS, [SOURCE] * 4)
    assert found.sums.tolist() == [4, 0, 7, 0] and found.value == 11 / 15
    assert found.n == 3  # the empty output has no word


def test_the_longest_copied_run_is_unbroken():
    found = longest_copied_run(TEXTS, [SOURCE] * 4, "pairs")
    assert (found.sums.tolist(), found.value, found.items) == ([3, 0, 7, 0], 2.5, "pairs")


def test_a_copy_is_wholly_copied_and_another_language_is_not():
    copy, foreign = ([text] for text in (SOURCE, "Zażółć gęślą jaźń"))
    assert copied_words(copy, [SOURCE]).value == 1 and copied_words(foreign, [SOURCE]).value == 0
    assert {novel_ngrams(copy, [SOURCE], size).value for size in names.NOVEL} == {0}
    assert longest_copied_run(copy, [SOURCE]).value == 13 and longest_copied_run(foreign, [SOURCE]).value == 0


def test_each_source_is_that_of_its_pair():
    assert copied_words(["a b", "c d"], ["c d", "a b"]).value == 0


def test_lengths_are_compared_with_the_nearest_reference():
    found = length_ratio(["a b c", "a b c", "", "a"], [["a b", "a b c d e"], ["a b", "a b c d"], ["a b"], ["?!"]])
    assert (found.sums.tolist(), found.counts.tolist()) == ([3, 3, 0, 0], [2, 2, 2, 0])
    assert (found.value, found.n) == (1, 3)


def test_every_metric_is_measured_on_the_same_pairs():
    given = outputs()
    found = measure(given)
    assert list(found.scores) == list(found.per_pair) == list(names.ALL)
    for name, measured in found.scores.items():
        assert measured.items == given.items and measured.unit == "pair" and len(measured.sums) == 4, name
        itself = difference({0: measured}, {0: measured})
        assert itself.value == 0 and (itself.low <= 0 <= itself.high or math.isnan(itself.low)), name
        assert found.per_pair[name].shape == (4,)
    assert found.scores[names.BLEU].value == BLEU.measure(given.texts, given.references).score.value
    assert found.scores[names.ROUGE_2].value == rouge(given.texts, given.references)[names.ROUGE_2].value
    assert found.scores[names.CUT].value == 0.25
    assert set(names.LOWER_IS_BETTER) < set(found.scores)
    assert "tok:13a" in found.signatures[names.BLEU] and "porter" in found.signatures[names.ROUGE_L]
    assert names.EXACT_MATCH not in found.signatures


def test_values_of_each_pair_find_the_telling_ones():
    found = measure(outputs(), [names.COPIED, names.ROUGE_1, names.REPEATED])
    assert found.per_pair[names.COPIED] == pytest.approx([0.8, np.nan, 1, 0], nan_ok=True)
    assert found.per_pair[names.ROUGE_1].argmax() == 3
    assert np.isnan(found.per_pair[names.REPEATED][[1, 3]]).all()


def test_only_what_is_named_is_measured():
    found = measure(outputs(), [names.TOKEN_ERRORS, names.EXACT_MATCH])
    assert list(found.scores) == [names.TOKEN_ERRORS, names.EXACT_MATCH] and not found.signatures
    with pytest.raises(KeyError, match="METEOR"):
        measure(outputs(), ["METEOR"])


def test_repetition():
    found = measure(outputs(texts=["so it is so it is so", "a b c d", "", "no no no no no"]), [names.REPEATED])
    # "so it is so" twice among four, none of one, one of two
    assert found.scores[names.REPEATED].sums.tolist() == pytest.approx([1 / 4, 0, 0, 1 / 2])
    assert found.scores[names.REPEATED].n == 3


@pytest.mark.parametrize(
    "changed", [{"texts": TEXTS[:3]}, {"sources": []}, {"cut": [True]}, {"references": [["a"], [], ["b"], ["c"]]}]
)
def test_columns_have_to_fit(changed):
    with pytest.raises(ValueError):
        outputs(**changed)


def test_the_share_cut_by_the_limit_is_never_certain():
    found = estimate({0: measure(outputs(cut=[False] * 4), [names.CUT]).scores[names.CUT]})
    assert found.value == found.low == 0 and 0.5 < found.high < 0.7
