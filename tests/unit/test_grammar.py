"""Sentences of a grammar: exact probabilities, draws that follow them, mistakes told by their key."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter

import pytest
from pydantic import TypeAdapter

from relab import grammar
from relab.corpora import readers
from relab.errors import UserError
from relab.grammar import Grammar
from relab.settings.base import canonical, check
from relab.settings.corpora import AnyReader, GrammarReader
from relab.settings.grammars import LARGEST

SYMBOLS = {
    "sentence": {"{person} {act}.": 3, "I {act} and {act}.": 1},
    "person": ["He", "She"],
    "act": {"sing": 2, "{rare}": "1"},
    "rare": ["hum", "drum"],
}


def reader(symbols=SYMBOLS, **settings) -> GrammarReader:
    return GrammarReader(**{"kind": "grammar", "number": 10, "symbols": symbols, **settings})


def test_probabilities_are_those_computed_by_hand():
    found = Grammar(reader()).sentences()
    acts = {"sing": 2 / 3, "hum": 1 / 6, "drum": 1 / 6}
    expected = {f"{person} {act}.": 3 / 4 / 2 * acts[act] for person in ("He", "She") for act in acts}
    expected |= {f"I {one} and {other}.": acts[one] * acts[other] / 4 for one in acts for other in acts}
    assert found == pytest.approx(expected, rel=1e-12)
    assert list(found) == sorted(expected)


def test_a_sentence_that_can_be_made_in_several_ways_stands_once():
    found = Grammar(reader({"sentence": ["{a}{b}"], "a": ["", "x"], "b": ["x", "xx", ""]})).sentences()
    assert found == pytest.approx({"": 1 / 6, "x": 1 / 3, "xx": 1 / 3, "xxx": 1 / 6})


def test_neither_the_order_of_symbols_nor_that_of_their_texts_matters():
    symbols = {
        "sentence": {f"{letter}{{x}}": 0.1 * weight for weight, letter in enumerate("abcdefg", 1)},
        "x": {"": 0.3, "b": 0.1},
    }
    turned = {symbol: dict(reversed(texts.items())) for symbol, texts in reversed(symbols.items())}
    one, other = (list(Grammar(reader(way)).sentences().items()) for way in (symbols, turned))
    assert one == other
    assert math.fsum(share for _, share in one) == pytest.approx(1, abs=1e-15)
    handed_on = GrammarReader(**json.loads(canonical(reader().model_dump(mode="json"))))  # keys sorted, as jobs get them
    assert list(Grammar(handed_on).draw(50, 0)) == list(Grammar(reader()).draw(50, 0))


def test_the_start_symbol_is_the_settings():
    assert Grammar(reader(start="person")).sentences() == {"He": 0.5, "She": 0.5}


def test_what_is_handed_out_is_a_copy():
    made = Grammar(reader())
    made.sentences().clear()
    assert len(made.sentences()) == 15


def test_draws_follow_the_probabilities():
    made, number = Grammar(reader()), 20_000
    counts, sentences = Counter(made.draw(number, 3)), made.sentences()
    assert set(counts) == set(sentences)
    statistic = sum((counts[text] - number * share) ** 2 / (number * share) for text, share in sentences.items())
    assert statistic < 36.1  # chi-squared of 14 degrees of freedom: 0.1 %


def test_draws_depend_on_the_seed_alone_and_a_larger_number_begins_with_the_smaller(monkeypatch):
    made = Grammar(reader())
    first = list(made.draw(20, 0))
    assert first == list(made.draw(20, 0)) != list(made.draw(20, 1))
    monkeypatch.setattr(grammar, "_DRAWN", 7)
    assert list(made.draw(21, 0))[:20] == first
    assert list(itertools.islice(made.draw(10**12, 0), 20)) == first


def test_draws_are_the_same_on_every_platform_and_version():
    drawn = list(Grammar(reader({"sentence": list("abcdefgh")})).draw(12, 0))
    assert "".join(drawn) == "hchcabdbadab"


def test_the_reader_of_corpora_draws_as_many_as_the_settings_say():
    settings = TypeAdapter(AnyReader).validate_python(reader(number=7, seed=5).model_dump())
    tally = Counter()
    assert list(readers.read([], settings, tally)) == list(Grammar(settings).draw(7, 5))
    assert not tally


def test_the_largest_grammar_is_enumerated_and_a_larger_one_refused():
    digits = {"sentence": ["{d}{d}{d}{d}{d}"], "d": list("0123456789")}
    assert LARGEST == 10**5 == len(Grammar(reader(digits)).sentences())
    with pytest.raises(UserError, match=r"symbols\.sentence: expected at most 100000 texts .*, found 100001$"):
        check(
            GrammarReader, {**reader(digits).model_dump(), "symbols": {**digits, "sentence": [*digits["sentence"], "x"]}}, "r"
        )


@pytest.mark.parametrize(
    "symbols, sentence",
    [
        ({"start": ["a"]}, "start: 'sentence' is no symbol, expected one of start"),
        ({"sentence": []}, "symbols.sentence: expected at least one text, found none"),
        ({"sentence": ["a"], "object": {}}, "symbols.object: expected at least one text, found none"),
        ({"sentence": ["{a}{b}"], "a": [""]}, "symbols.sentence: {b} is no symbol, expected one of sentence, a"),
        ({"sentence": ["a {} b"]}, "symbols.sentence: {} is no symbol, expected one of sentence"),
        ({"sentence": {"a": 1, "b": 0}}, "symbols.sentence: expected weights above 0, found 0 for 'b'"),
        ({"sentence": {"a": -0.5}}, "symbols.sentence: expected weights above 0, found -0.5 for 'a'"),
        ({"sentence": ["{a"]}, "symbols.sentence: expected braces around symbols only, found one alone in '{a'"),
        (
            {"sentence": ["{{a}}"], "a": ["b"]},
            "symbols.sentence: expected braces around symbols only, found one alone in '{{a}}'",
        ),
        ({"sentence": ["a", "{sentence}"]}, "symbols.sentence: leads back to itself (sentence → sentence)"),
    ],
)
def test_mistakes_are_told_by_their_key(symbols, sentence):
    with pytest.raises(UserError) as caught:
        check(GrammarReader, {"kind": "grammar", "number": 10, "symbols": symbols}, "corpora.s.reader")
    assert str(caught.value) == f"corpora.s.reader: {sentence}"


def test_a_detour_back_to_a_symbol_is_found():
    with pytest.raises(UserError, match=r"symbols\.(\w): leads back to itself \(\1 → \w → \w → \1\)$"):
        check(
            GrammarReader,
            {"kind": "grammar", "number": 2, "symbols": {"sentence": ["a"], "a": ["{b}"], "b": ["{c}"], "c": ["{a}"]}},
            "r",
        )


@pytest.mark.parametrize(
    "texts, key", [("word", "symbols.sentence"), ({"a": True}, "symbols.sentence"), ({"a": ".inf"}, "symbols.sentence")]
)
def test_what_is_no_list_and_no_weight_is_refused(texts, key):
    with pytest.raises(UserError, match=rf"^r\.{key}"):
        check(GrammarReader, {"kind": "grammar", "number": 2, "symbols": {"sentence": texts}}, "r")
