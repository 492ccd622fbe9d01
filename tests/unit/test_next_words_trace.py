"""Models of sentences followed word by word: what a trace holds, and the file of traces."""

from __future__ import annotations

import pytest
import torch
from support import tiny_pieces
from support.sentences import READER, corpus, model_of, tokenizer_of

from relab import json_lines
from relab.errors import UserError
from relab.rows.next_words import measure as measuring
from relab.rows.next_words.measure import MeasureSpec, TracedModel, total_variation, trace
from relab.rows.next_words.traces import ALTERNATIVES, DRAWN, GREEDY, WORDS, Text, of_table, read
from relab.rows.shared.sentences import Sentences
from relab.sampling import Generation
from relab.settings.corpora import GrammarReader

SPEC = {
    "models": {"small-s0": 0},
    "words": [{"prompt": "He", "temperature": 0.5}, {"prompt": "She rubs", "temperature": 2.0}],
    "alternatives": {"prompts": ["He holds", "She"], "number": 3},
    "length": 6,
    "reader": READER,
    "precision": "auto",
    "threads": 1,
}


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture
def sentences(tmp_path, tokenizer) -> Sentences:
    return Sentences.read(GrammarReader(**READER), corpus(tmp_path / "train.parquet"), tokenizer)


def traced(tokenizer, sentences: Sentences, seed: int = 0, **changes) -> list[Text]:
    """The texts of a small model, with some settings changed; ``seed`` is that of what is drawn."""
    spec = MeasureSpec.model_validate({**SPEC, **changes})
    return list(trace(spec, TracedModel(f"small-s{seed}", seed, model_of(tokenizer), tokenizer, sentences)))


def know_the_grammar(monkeypatch, sentences: Sentences, chosen: list[int], vocabulary: int) -> None:
    """Let every model give the grammar's own probabilities where it has some, and take the tokens ``chosen``."""

    def logprobs(model, token_ids):
        rows = torch.full((len(token_ids), vocabulary), 1 / vocabulary)
        for end, row in enumerate(rows, start=1):
            known = sentences.grammar.after(token_ids[:end])
            if known:
                row.zero_()
                row[list(known)] = torch.tensor(list(known.values()))
        return rows.log()

    def sample(model, prompts, *, length, **rest):
        return [Generation(chosen[:length], [0.0] * length) for _ in prompts]

    monkeypatch.setattr(measuring, "next_token_logprobs", logprobs)
    monkeypatch.setattr(measuring, "sample", sample)


def test_total_variation_distance():
    assert total_variation({1: 0.5, 2: 0.5}, {1: 0.25, 3: 0.75}) == 0.75
    assert total_variation({1: 1.0}, {2: 1.0}) == 1 and total_variation({1: 1.0}, {1: 1.0}) == 0


def test_a_trace_holds_what_the_model_says(sentences, tokenizer):
    model = model_of(tokenizer)
    texts = traced(tokenizer, sentences)
    assert {(text.model, text.seed) for text in texts} == {("small-s0", 0)}
    assert [(text.table, text.method, text.prompt) for text in texts] == [
        *((WORDS, method, prompt) for prompt in ("He", "She rubs") for method in (GREEDY, DRAWN)),
        *((ALTERNATIVES, GREEDY, prompt) for prompt in ("He holds", "She")),
    ]
    for text in texts:
        assert len(text.steps) == len(text.greedy_ids) == 6
        beginning = list(text.prompt_ids)
        for step in text.steps:
            with torch.inference_mode():
                logits = model(torch.tensor([beginning])).logits[0, -1].double()
            plain, tempered = logits.softmax(-1), (logits / text.temperature).softmax(-1)
            assert step.model_probability == pytest.approx(float(plain[step.id]), abs=1e-5)
            assert step.probability == pytest.approx(float(tempered[step.id]), abs=1e-5)
            assert step.word == tokenizer.decode([step.id])
            assert text.method == DRAWN or step.id == int(plain.argmax())
            known = sentences.grammar.after(beginning)
            if known:
                distance = sum(abs(float(p) - known.get(token, 0)) for token, p in enumerate(plain)) / 2
                assert step.total_variation == pytest.approx(distance, abs=1e-5)
                assert step.grammar_probability == pytest.approx(known.get(step.id, 0), abs=1e-6)
            assert (step.total_variation is None) == (step.grammar_probability is None) == (not known)
            assert step.sentences == sentences.corpus.weight(beginning)
            if text.table == ALTERNATIVES:
                assert [alternative.id for alternative in step.alternatives] == plain.topk(3).indices.tolist()
                assert step.alternatives[0].id == step.id
            else:
                assert step.alternatives == []
            beginning.append(step.id)


def test_words_of_pieces_keep_the_blanks_between_them(tmp_path, monkeypatch):
    pieces = tiny_pieces.tokenizer()
    sentences = Sentences.read(GrammarReader(**READER), corpus(tmp_path / "train.parquet"), pieces)
    chosen = pieces(", the bird ran", add_special_tokens=False)["input_ids"][1:]
    know_the_grammar(monkeypatch, sentences, chosen, len(pieces))
    text, *_ = traced(pieces, sentences, words=[{"prompt": "He", "temperature": 1.0}], length=len(chosen))
    assert "".join(step.word for step in text.steps) == ", the bird ran"


def test_the_temperature_changes_greedy_probabilities_and_drawn_words_only(sentences, tokenizer):
    def words(temperature, method, **changes):
        texts = traced(tokenizer, sentences, words=[{"prompt": "He", "temperature": temperature}], **changes)
        return of_table(texts, WORDS, method)[0]

    cold, hot = (words(temperature, GREEDY) for temperature in (0.5, 3.0))
    assert [step.id for step in cold.steps] == [step.id for step in hot.steps] == cold.greedy_ids == hot.greedy_ids
    assert all(step.probability > warmer.probability for step, warmer in zip(cold.steps, hot.steps, strict=True))
    assert [step.model_probability for step in cold.steps] == [step.model_probability for step in hot.steps]
    assert [step.id for step in words(0.5, DRAWN, length=20).steps] != [step.id for step in words(3.0, DRAWN, length=20).steps]


def test_drawn_words_depend_on_the_seed_and_repeat(sentences, tokenizer):
    first, again, other = (traced(tokenizer, sentences, seed, length=20) for seed in (0, 0, 1))
    assert first == again
    drawn = [[step.id for text in of_table(texts, WORDS, DRAWN) for step in text.steps] for texts in (first, other)]
    assert drawn[0] != drawn[1]
    greedy = [[step.id for text in of_table(texts, WORDS) for step in text.steps] for texts in (first, other)]
    assert greedy[0] == greedy[1]


def test_who_knows_the_grammar_is_at_no_distance_from_it_until_a_sentence_ends(sentences, tokenizer, monkeypatch):
    chosen = tokenizer(" a dog. dog.")["input_ids"]
    sentence = tokenizer(" a dog.")["input_ids"]
    know_the_grammar(monkeypatch, sentences, chosen, len(tokenizer))
    text = of_table(traced(tokenizer, sentences, length=len(chosen)), ALTERNATIVES)[0]
    assert text.prompt == "He holds"
    for index, step in enumerate(text.steps):
        if index < len(sentence):
            assert step.total_variation == pytest.approx(0, abs=1e-6)
            assert step.grammar_probability == step.model_probability > 0
            assert step.sentences > 0 and step.corpus_total_variation is not None
        else:  # behind the full stop nothing was ever trained
            assert (step.grammar_probability, step.total_variation, step.corpus_total_variation) == (None, None, None)
            assert step.sentences == 0 and {alternative.corpus_frequency for alternative in step.alternatives} == {None}
    article = text.steps[0]
    best = [(alternative.word, alternative.grammar_probability) for alternative in article.alternatives]
    assert best[:2] == [(" a", 0.75), (" the", 0.25)] and best[2][1] == 0
    # of the training sentences, four begin with "He holds": three go on with "a"
    frequencies = {alternative.word: alternative.corpus_frequency for alternative in article.alternatives}
    assert article.sentences == 4 and frequencies[" a"] == 0.75


def test_a_beginning_that_the_training_text_lacks_has_the_grammar_s_probabilities_only(tmp_path, tokenizer, monkeypatch):
    path = corpus(tmp_path / "train.parquet", ["She rubs a dog."])
    sentences = Sentences.read(GrammarReader(**READER), path, tokenizer)
    know_the_grammar(monkeypatch, sentences, tokenizer(" a dog.")["input_ids"], len(tokenizer))
    step = of_table(traced(tokenizer, sentences, length=2), ALTERNATIVES)[0].steps[0]
    assert (step.sentences, step.corpus_total_variation, step.grammar_probability) == (0, None, 0.75)
    assert step.alternatives[0].corpus_frequency is None


def test_a_text_that_does_not_fit_the_context_is_refused(sentences, tokenizer):
    with pytest.raises(UserError, match=r"words\.0\.prompt: a prompt of .* and 40 more .*context of 32 tokens of small-s0"):
        traced(tokenizer, sentences, length=40)


def test_traces_are_read_as_they_were_written(sentences, tokenizer, tmp_path):
    texts = {model: traced(tokenizer, sentences, seed) for model, seed in (("small-s0", 0), ("small-s1", 1))}
    json_lines.write(tmp_path / "a.jsonl", [text for of_model in texts.values() for text in of_model])
    assert read(tmp_path / "a.jsonl", texts) == texts


def test_what_is_wrong_with_traces_is_named(sentences, tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.jsonl: no text of small-s0"):
        read(path, ["small-s0"])
    path.write_text('\n{"table": "words"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.jsonl, line 2: model: this key is required"):
        read(path, ["small-s0"])
    json_lines.write(path, traced(tokenizer, sentences))
    with pytest.raises(UserError, match=r"a\.jsonl: no text of small-s1"):
        read(path, ["small-s0", "small-s1"])
    with pytest.raises(UserError, match=r"a\.jsonl, line 1: not expected: a text of small-s0"):
        read(path, ["small-s1"])
