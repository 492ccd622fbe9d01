"""BLEU, chrF and TER: sacrebleu's values for all pairs and for each, with intervals over pairs."""

import math

import numpy as np
import pytest
import sacrebleu

from relab.metrics.translation import BLEU, TER, ChrF
from relab.statistics import difference, estimate

REFERENCE = {BLEU: sacrebleu.BLEU, ChrF: sacrebleu.CHRF, TER: sacrebleu.TER}
ALL = pytest.mark.parametrize("metric", REFERENCE)

OUTPUTS = ["The cat sat on the mat .", "", "Zażółć gęślą jaźń, proszę!", "one two three four five", "日本 語 です", "yes"]
FIRST = ["The cat sat on a mat.", "Hello there.", "Zażółć gęślą jaźń, proszę!", "one two four three five", "日本 語", "no"]
SECOND = ["A cat sat on the mat.", "Hi.", "Proszę!", "one, two, three", "日本 語 です", "yes, yes"]
REFERENCES = {
    "one reference": [[first] for first in FIRST],
    "two references": [list(both) for both in zip(FIRST, SECOND, strict=True)],
    "some have two": [[first, second][: 1 + pair % 2] for pair, (first, second) in enumerate(zip(FIRST, SECOND, strict=True))],
}
SEVERAL = pytest.mark.parametrize("references", REFERENCES.values(), ids=REFERENCES)


def streams(references):
    """References as sacrebleu wants them."""
    return [[texts[number] if number < len(texts) else None for texts in references] for number in range(2)][
        : max(map(len, references))
    ]


@ALL
@SEVERAL
def test_values_and_signatures_are_sacrebleus(metric, references):
    official = REFERENCE[metric]()
    value = official.corpus_score(OUTPUTS, streams(references)).score / 100
    found = metric.measure(OUTPUTS, references)
    assert found.score.value == pytest.approx(value, abs=1e-12)
    assert found.signature == str(official.get_signature())
    assert 0 < found.score.value < 1 and found.score.n == len(OUTPUTS)


@ALL
@SEVERAL
def test_each_pair_by_itself_has_sacrebleus_value_of_a_sentence(metric, references):
    official = sacrebleu.BLEU(effective_order=True) if metric is BLEU else REFERENCE[metric]()
    expected = [official.sentence_score(*pair).score / 100 for pair in zip(OUTPUTS, references, strict=True)]
    assert metric.measure(OUTPUTS, references).per_pair == pytest.approx(expected)


@pytest.mark.parametrize(
    "text, words",
    [
        ("我的猫在睡觉。", "tok:zh|"),
        ("猫が寝ています", "tok:char|"),
        ("แมวกินปลา", "tok:char|"),
        ("кот и пёс сидят на окне", "tok:13a|"),
        ("é a o di che più", "tok:13a|"),
    ],
)
def test_where_no_blanks_divide_words_bleu_counts_characters_and_says_so(text, words):
    """A text without blanks would be one word, wrong as a whole where a character is."""
    scored = BLEU.measure([text[:-1] + "x", text], [[text], [text]])
    assert words in scored.signature and 0.5 < scored.score.value < 1 and scored.per_pair[1] == 1
    assert BLEU.measure([text], [[text]], tokenize="intl").signature.count("tok:intl") == 1


def test_edits_are_of_characters_where_no_blanks_divide_words():
    thai = TER.measure(["แมวกินปลา"], [["แมวกินนก"]])  # a vowel above its consonant is no character by itself
    assert thai.score.value == pytest.approx(3 / 7) and thai.signature.endswith("characters:apart")
    assert TER.measure(["我的狗在睡觉"], [["我的猫在睡觉"]]).score.value == pytest.approx(1 / 6)
    assert TER.measure(["猫を見る"], [["犬を見る"]]).score.value == pytest.approx(1 / 4)


def test_bleu_by_hand():
    # of 1, 2, 3, 4 words: 4 + 1 of 5 + 1 stand in the reference, 3 of 4, 2 of 3, 1 of 2; 6 words for 8
    found = BLEU.measure(["a b c d e", "x"], [["a b c d f"], ["x y z"]])
    assert found.score.value == pytest.approx(math.exp(1 - 8 / 6) * (5 / 6 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert found.per_pair[0] == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_the_nearest_length_is_not_penalised():
    assert BLEU.measure(["a b c d"], [["a b c d e f", "a b c d"]]).score.value == 1


def test_chrf_by_hand():
    # of one character: all two of the output are right, half of the reference; recall counts twice
    found = ChrF.measure(["ab"], [["abcd"]], char_order=1)
    assert found.score.value == pytest.approx(5 * 1 * 0.5 / (4 * 1 + 0.5))
    assert "nc:1" in found.signature


def test_ter_by_hand():
    # "d" is shifted in the first; two words are put in and one is wrong in the second
    found = TER.measure(["d a b c", "a x"], [["a b c d"], ["a b c d"]])
    assert found.per_pair == pytest.approx([1 / 4, 3 / 4])
    assert found.score.value == pytest.approx(4 / 8)
    assert TER.measure(["a b c d e f"], [["x"]]).score.value == 6


@ALL
def test_what_is_wholly_right_scores_one_and_is_not_certain(metric):
    found = metric.measure(FIRST, [[text] for text in FIRST])
    if metric is TER:
        assert found.score.value == 0 and not found.per_pair.any()
    else:
        estimated = estimate({0: found.score})
        assert found.score.value == estimated.high == 1 and found.per_pair == pytest.approx(np.ones(6))
        assert 0.5 < estimated.low < 0.6


@ALL
def test_empty_outputs_have_a_value(metric):
    found = metric.measure(["", ""], [["a b"], ["c"]])
    assert found.score.value == (1 if metric is TER else 0)


@ALL
def test_one_pair_has_no_interval(metric):
    found = estimate({0: metric.measure(OUTPUTS[:1], REFERENCES["one reference"][:1]).score})
    assert 0 < found.value < 1 and math.isnan(found.low) and math.isnan(found.high)


def garbled(random, texts, share):
    """Texts of which each word is another one with some probability."""
    return [" ".join(word if random.random() > share else "wrong" for word in text.split()) for text in texts]


def made_up(random, pairs: int) -> list[str]:
    return [" ".join(f"w{word}" for word in random.integers(0, 300, random.integers(6, 25))) for _ in range(pairs)]


@ALL
def test_the_interval_is_that_of_resampled_pairs(metric):
    random = np.random.default_rng(0)
    texts = made_up(random, 80)
    outputs = [garbled(random, [text], share)[0] for text, share in zip(texts, random.uniform(0, 0.6, 80), strict=True)]
    found = estimate({0: metric.measure(outputs, [[text] for text in texts]).score})
    official, resampled = REFERENCE[metric](), []
    for _ in range(150):
        picks = random.integers(0, 80, 80)
        chosen, right = [outputs[pick] for pick in picks], [texts[pick] for pick in picks]
        resampled.append(official.corpus_score(chosen, [right]).score / 100)
    low, high = np.mean(resampled) + np.array([-1.99, 1.99]) * np.std(resampled)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.25 * (high - low))


@ALL
def test_two_systems_are_compared_pair_by_pair(metric):
    random = np.random.default_rng(1)
    texts = made_up(random, 60)
    references = [[text] for text in texts]
    worse = garbled(random, texts, 0.3)
    better = [text if pair % 3 else output for pair, (text, output) in enumerate(zip(texts, worse, strict=True))]
    first, second = (metric.measure(outputs, references, "pairs").score for outputs in (better, worse))
    apart = difference({0: first}, {0: second})
    assert apart.high < 0 if metric is TER else apart.low > 0
    itself = difference({0: second}, {0: second})
    assert itself.low <= 0 <= itself.high and itself.unit == "pair"


def test_equal_systems_differ_in_five_of_a_hundred_cases_at_most():
    random = np.random.default_rng(2)
    apart, rounds = 0, 150
    for _ in range(rounds):
        texts = made_up(random, 30)
        first, second = (BLEU.measure(garbled(random, texts, 0.3), [[text] for text in texts], "pairs").score for _ in "ab")
        found = difference({0: first}, {0: second})
        apart += not found.low <= 0 <= found.high
    assert apart / rounds <= 0.05 + 3 * (0.05 * 0.95 / rounds) ** 0.5


@ALL
def test_the_adapter_computes_the_same(metric, tmp_path):
    adapter = metric(keep_in_memory=True, cache_dir=str(tmp_path))
    options = {"case_sensitive": True} if metric is TER else {"lowercase": True}
    references = REFERENCES["some have two"]
    found = adapter.compute(predictions=OUTPUTS, references=references, items="x", options=options)
    expected = metric.measure(OUTPUTS, references, "x", **options)
    assert found["score"].value == expected.score.value and found["score"].items == "x"
    assert found["signature"] == expected.signature != metric.measure(OUTPUTS, references).signature
    assert found["per_pair"].tolist() == expected.per_pair.tolist()


@pytest.mark.parametrize("references", [[["a"]], [["a"], []], [["a"], "b"], []])
def test_pairs_without_references_are_refused(references):
    with pytest.raises(ValueError, match="expected"):
        BLEU.measure(["a", "b"], references)
    with pytest.raises(ValueError, match="expected"):
        BLEU.measure([], [])


def test_outputs_that_end_in_tokenised_stops_are_no_reason_to_warn(caplog):
    BLEU.measure(["a b ."] * 150, [["a b."]] * 150)
    assert not caplog.records
