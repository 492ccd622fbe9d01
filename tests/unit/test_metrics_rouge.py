"""ROUGE: rouge-score's F measures, pair by pair, of the best reference."""

import math

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import ttest_1samp

from relab.metrics.rouge import ROUGE, TYPES, rouge, signature
from relab.statistics import difference, estimate

OUTPUTS = ["The cat was running.", "b c\na d", "", "Nothing of it"]
REFERENCES = [["The cat runs."], ["a d\nb c"], ["Something"], ["All the rest, wholly"]]


def values(found) -> dict:
    return {name: measured.sums.tolist() for name, measured in found.items()}


def test_by_hand():
    found = values(rouge(OUTPUTS, REFERENCES))
    # stems: the cat was run, the cat run; 3 words of 4 and 3, 1 pair of 3 and 2
    assert [scores[0] for scores in found.values()] == pytest.approx([6 / 7, 2 / 5, 6 / 7, 6 / 7])
    # two lines in another order: all words, two of three pairs ("c a" is not "d b"), half as one sequence, all line by line
    assert [scores[1] for scores in found.values()] == pytest.approx([1, 2 / 3, 1 / 2, 1])
    assert [scores[2:] for scores in found.values()] == [[0, 0]] * 4
    # without stems: 2 words of 4 and 3, 1 pair of 3 and 2
    found = values(rouge(OUTPUTS, REFERENCES, stemmer=False))
    assert [scores[0] for scores in found.values()] == pytest.approx([4 / 7, 2 / 5, 4 / 7, 4 / 7])
    assert "stemmer:porter" in signature() and "stemmer:no" in signature(False) and "0.0.4" in signature()


@pytest.mark.parametrize("stemmer", [True, False])
def test_values_are_those_of_rouge_score(stemmer):
    random = np.random.default_rng(0)
    nouns = ["dogs", "running", "the", "summaries", "of", "national", "a", "flies", "houses\n"]
    outputs, references = ([" ".join(random.choice(nouns, random.integers(1, 30))) for _ in range(40)] for _ in range(2))
    scorer = RougeScorer(list(TYPES.values()), use_stemmer=stemmer)
    expected = [scorer.score(reference, output) for output, reference in zip(outputs, references, strict=True)]
    found = rouge(outputs, [[reference] for reference in references], stemmer=stemmer)
    for name, kind in TYPES.items():
        measures = [scores[kind].fmeasure for scores in expected]
        assert found[name].sums.tolist() == measures and found[name].value == pytest.approx(np.mean(measures))
        interval, (_, low, high, n, *_) = ttest_1samp(measures, 0).confidence_interval(), estimate({0: found[name]})
        assert (low, high, n) == (pytest.approx(interval.low), pytest.approx(interval.high), 40)


def test_of_several_references_the_best_counts_for_each_type():
    outputs, several = ["a b c d"], ["d c b a", "a b x"]
    alone = [values(rouge(outputs, [[reference]])) for reference in several]
    both = values(rouge(outputs, [several]))
    assert both == {name: [max(alone[0][name][0], alone[1][name][0])] for name in TYPES}
    assert both["ROUGE-1"] == alone[0]["ROUGE-1"] != alone[1]["ROUGE-1"]
    assert both["ROUGE-2"] == alone[1]["ROUGE-2"] != alone[0]["ROUGE-2"]


def test_what_is_wholly_right_scores_one():
    assert {measured.value for measured in rouge(["It is so.", "Così è qui"], [["It is so"], ["Così è qui!"]]).values()} == {1}
    assert [measured.value for measured in rouge(["Yes."], [["Yes"]]).values()] == [1, 0, 1, 1]  # a word has no pair of words


@pytest.mark.parametrize(
    "output, reference, values",
    [
        ("Кот сидит.", "кот сидит", [1, 1, 1, 1]),
        ("кот спит", "кот сидит", [1 / 2, 0, 1 / 2, 1 / 2]),
        ("我的猫睡", "我的猫在睡觉", [4 / 5, 1 / 2, 4 / 5, 4 / 5]),
        ("猫はねる", "猫がねる", [3 / 4, 1 / 3, 3 / 4, 3 / 4]),
        ("แมวนอน", "แมวกิน", [8 / 11, 4 / 9, 8 / 11, 8 / 11]),
        ("पानी नहीं", "पानी है", [1 / 2, 0, 1 / 2, 1 / 2]),
        ("猫", "A text of letters", [0, 0, 0, 0]),
    ],
)
def test_references_in_other_scripts_have_words_or_characters_without_blanks(output, reference, values):
    assert [measured.value for measured in rouge([output], [[reference]]).values()] == pytest.approx(values)
    words = "tok:a-z0-9" if reference.startswith("A ") else "stemmer:no|case:lc|tok:words"
    assert words in signature(True, [[reference]])


def test_a_system_does_not_differ_from_itself():
    first, second = (rouge(OUTPUTS, REFERENCES, "pairs")["ROUGE-1"] for _ in range(2))
    assert difference({0: first}, {0: second})[:3] == (0, 0, 0)


def test_the_adapter_computes_the_same(tmp_path):
    adapter = ROUGE(keep_in_memory=True, cache_dir=str(tmp_path))
    found = adapter.compute(predictions=OUTPUTS, references=REFERENCES, items="x", stemmer=False)
    assert values(found) == values(rouge(OUTPUTS, REFERENCES, stemmer=False))
    assert all(measured.items == "x" and measured.unit == "pair" for measured in found.values())


def test_one_pair_has_no_interval():
    assert math.isnan(estimate({0: rouge(OUTPUTS[:1], REFERENCES[:1])["ROUGE-1"]}).low)
