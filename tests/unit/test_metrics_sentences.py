"""The sentences of texts, what of them is copied whole, and the language that a text is in."""

from __future__ import annotations

import pytest

from relab.metrics import generation_names as names
from relab.metrics.generation import Outputs, measure
from relab.metrics.language import language_of, language_share
from relab.metrics.rouge import rouge
from relab.metrics.sentences import lead, sentences, verbatim_sentences

ARTICLE = """Dr. Smith came to
Washington at 5 p.m. on Monday. "I will stay," he said. The committee
(see Fig. 3) met him

Nobody else came!  It rained."""
SENTENCES = [
    "Dr. Smith came to Washington at 5 p.m. on Monday.",
    '"I will stay," he said.',
    "The committee (see Fig. 3) met him",
    "Nobody else came!",
    "It rained.",
]
LANGUAGES = {
    "en": "And he said unto them, Go into the village over against you.",
    "it": "Nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura.",
    "pl": "Litwo, ojczyzno moja, ty jesteś jak zdrowie, ile cię trzeba cenić.",
    "ru": "Все счастливые семьи похожи друг на друга.",
}


def test_sentences_end_at_marks_and_paragraphs_and_not_at_abbreviations_and_lines():
    assert sentences(ARTICLE) == SENTENCES
    assert sentences("") == sentences(" \n\n ") == []


def test_the_lead_is_the_first_sentences():
    assert lead(ARTICLE, 1) == SENTENCES[0]
    assert lead(ARTICLE, 3) == " ".join(SENTENCES[:3])
    assert lead(ARTICLE, 99) == " ".join(SENTENCES) and lead("", 3) == ""


def test_a_lead_is_verbatim():
    assert verbatim_sentences([lead(ARTICLE, 2), lead(ARTICLE, 5)], [ARTICLE] * 2).value == 1


def test_two_of_three_sentences_verbatim():
    output = f"{SENTENCES[4]} {SENTENCES[0]} It rained hard."
    found = verbatim_sentences([output, "", "It rained."], [ARTICLE, ARTICLE, "It snowed."], "pairs")
    assert (found.sums.tolist(), found.counts.tolist(), found.items) == ([2, 0, 0], [3, 0, 1], "pairs")
    assert (found.value, found.n, found.unit) == (0.5, 2, "pair")


def test_another_sign_is_another_sentence():
    assert verbatim_sentences(["It rained!", "it rained."], [ARTICLE] * 2).value == 0


def test_rouge_lsum_takes_sentences_in_any_order():
    first, second = "the cat sat on the mat.", "Dogs bark at night."
    found = rouge([f"{first} {second}"], [[f"{second} {first}"]])
    assert found[names.ROUGE_LSUM].value == 1 > found[names.ROUGE_L].value


@pytest.mark.parametrize(("language", "text"), LANGUAGES.items())
def test_the_language_of_a_text(language, text):
    assert language_of(text) == language
    assert [language_share([text], other).value for other in LANGUAGES] == [float(other == language) for other in LANGUAGES]


def test_the_share_of_a_language():
    found = language_share([*LANGUAGES.values(), "", "12 + 3?"], "pl", "pairs")
    assert found.sums.tolist() == [0, 0, 1, 0, 0, 0] and found.n == 6 and found.items == "pairs"
    assert language_of("12 + 3?") is None
    with pytest.raises(ValueError, match="expected one of .*, found 'polish'"):
        language_share(["a"], "polish")


def test_the_language_is_measured_where_it_is_said():
    outputs = {"texts": [LANGUAGES["it"]], "references": [["x"]], "sources": ["y"], "cut": [False]}
    assert names.LANGUAGE not in measure(Outputs(**outputs)).scores
    assert measure(Outputs(**outputs, language="it")).scores[names.LANGUAGE].value == 1
    assert measure(Outputs(**outputs, language="pl"), [names.LANGUAGE]).scores[names.LANGUAGE].value == 0
    with pytest.raises(ValueError, match="expected outputs with a language"):
        measure(Outputs(**outputs), [names.LANGUAGE])
