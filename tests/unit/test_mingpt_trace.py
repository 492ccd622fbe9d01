"""E2 and E3: what may follow the beginning of a sentence, and models followed word by word."""

from __future__ import annotations

import math

import pytest
import torch
from support import tiny_pieces
from support.mingpt import READER, TRAIN, corpus, model_of, tokenizer_of

from relab.chapters.mingpt import trace as tracing
from relab.chapters.mingpt.records import ALTERNATIVES, DRAWN, GREEDY, WORDS, by_model, of_table, read, write
from relab.chapters.mingpt.sentences import Continuations, Sentences, evaluated, total_variation
from relab.chapters.mingpt.settings import TraceSpec
from relab.chapters.mingpt.trace import Traced, trace
from relab.errors import UserError
from relab.grammar import Grammar
from relab.sampling import Generation
from relab.settings.corpora import GrammarReader
from relab.training.batches import Documents, evenly_spread_documents

SPEC = {
    "words": [{"prompt": "He", "temperature": 0.5}, {"prompt": "She rubs", "temperature": 2.0}],
    "alternatives": {"prompts": ["He holds", "She"], "number": 3},
    "length": 6,
    "reader": READER,
    "seed": 0,
    "threads": 1,
}


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture
def sentences(tmp_path, tokenizer) -> Sentences:
    return Sentences.read(GrammarReader(**READER), corpus(tmp_path / "train.parquet"), tokenizer)


def spec(**changes) -> TraceSpec:
    return TraceSpec.model_validate({**SPEC, **changes})


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

    monkeypatch.setattr(tracing, "next_token_logprobs", logprobs)
    monkeypatch.setattr(tracing, "sample", sample)


def test_what_follows_a_beginning_is_counted_from_the_start_of_sentences():
    counts = Continuations({(1, 2, 3): 2, (1, 2, 4): 1, (1, 5): 1, (6, 1, 2): 7})
    assert counts.after([1]) == {2: 0.75, 5: 0.25} and counts.weight([1]) == 4
    assert counts.after([1, 2]) == {3: pytest.approx(2 / 3), 4: pytest.approx(1 / 3)}
    for nothing in ([1, 2, 3], [2], [9], []):  # a sentence's end; its middle; unknown; its first token is not predicted
        assert counts.after(nothing) == {} and counts.weight(nothing) == 0


def test_the_entropy_is_that_of_predicted_tokens():
    # after 0: 1 (two of three) or 2; after 0 1: 3 always; after 5: nothing
    counts = Continuations({(0, 1, 3): 2, (0, 2): 1, (5,): 4})
    chance = math.log(3) * 1 / 3 + math.log(3 / 2) * 2 / 3
    assert counts.entropy() == pytest.approx(3 * chance / 5)  # five tokens are predicted, three of them by chance
    assert Continuations({(0, 1): 1}).entropy() == 0
    with pytest.raises(UserError, match="no sentence has two tokens"):
        Continuations({(0,): 1}).entropy()


def test_the_grammar_s_entropy_is_the_loss_of_who_knows_it(sentences, tokenizer):
    known = Grammar(GrammarReader(**READER)).sentences()
    ids = {text: tokenizer(text)["input_ids"] for text in known}
    loss = sum(
        -probability * math.log(sentences.grammar.after(ids[text][:end])[ids[text][end]])
        for text, probability in known.items()
        for end in range(1, len(ids[text]))
    )
    tokens = sum(probability * (len(ids[text]) - 1) for text, probability in known.items())
    assert sentences.grammar.entropy() == pytest.approx(loss / tokens)
    assert sentences.corpus.entropy() != pytest.approx(loss / tokens)


def test_the_loss_on_some_sentences_is_that_of_their_tokens(sentences, tokenizer, tmp_path):
    """By hand: He or She, holds or rubs, "a" three times of four, dog or cat; the first token is not predicted."""
    held_out = ["He holds a dog.", "She rubs the cat.", "She rubs the cat."]
    path = corpus(tmp_path / "validation.parquet", held_out)
    ids = evaluated(path, tokenizer, 9, 32)
    tokens = sum(len(tokenizer(text)["input_ids"]) - 1 for text in held_out)
    chance = 3 * (math.log(2) + math.log(2)) - math.log(3 / 4) - 2 * math.log(1 / 4)  # acts, animal, article
    assert sentences.grammar.loss(ids) == pytest.approx(chance / tokens)
    with pytest.raises(UserError, match="expected sentences of the grammar, found the token ids"):
        sentences.grammar.loss([*ids, ids[0][::-1]])
    with pytest.raises(UserError, match="no sentence has two tokens"):
        sentences.grammar.loss([ids[0][:1]])


def test_the_loss_on_many_drawn_sentences_is_the_entropy(sentences, tokenizer):
    grammar = Grammar(GrammarReader(**READER))
    ids = {text: tokenizer(text)["input_ids"] for text in grammar.sentences()}
    loss = sentences.grammar.loss([ids[text] for text in grammar.draw(20000, 0)])
    assert loss == pytest.approx(sentences.grammar.entropy(), abs=0.01)


def test_held_out_sentences_are_those_of_the_validation_loss(tokenizer, tmp_path):
    """The targets are those of the batches that training evaluates."""
    texts = ["He holds a dog.", "I", *TRAIN, "She rubs the cat."]
    path, each = corpus(tmp_path / "validation.parquet", texts), [tokenizer(text)["input_ids"] for text in texts]
    for number, block in ((3, 32), (99, 32), (4, 2)):
        ids = evaluated(path, tokenizer, number, block)
        documents = Documents(each.__getitem__, list(map(len, each)), block)
        batches = evenly_spread_documents(documents, number=number, batch=2, device=torch.device("cpu"))
        targets = [int(target) for _, batch in batches for row in batch for target in row if target != -100]
        assert [token for sentence in ids for token in sentence[1:]] == targets


def test_total_variation_distance():
    assert total_variation({1: 0.5, 2: 0.5}, {1: 0.25, 3: 0.75}) == 0.75
    assert total_variation({1: 1.0}, {2: 1.0}) == 1 and total_variation({1: 1.0}, {1: 1.0}) == 0


def test_a_training_text_that_is_not_the_grammar_s_is_refused(tmp_path, tokenizer):
    path = corpus(tmp_path / "train.parquet", ["He holds a dog.", "he holds a dog."])
    with pytest.raises(UserError, match=r"train\.parquet: expected sentences of the grammar.*found 'he holds a dog\.'"):
        Sentences.read(GrammarReader(**READER), path, tokenizer)


def test_a_trace_holds_what_the_model_says(sentences, tokenizer):
    model = model_of(tokenizer)
    texts = list(trace(spec(), Traced(model, tokenizer, sentences)))
    assert [(one.table, one.method, one.prompt) for one in texts] == [
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
                assert [one.id for one in step.alternatives] == plain.topk(3).indices.tolist()
                assert step.alternatives[0].id == step.id
            else:
                assert step.alternatives == []
            beginning.append(step.id)


def test_words_of_pieces_keep_the_blanks_between_them(tmp_path, monkeypatch):
    pieces = tiny_pieces.tokenizer()
    sentences = Sentences.read(GrammarReader(**READER), corpus(tmp_path / "train.parquet"), pieces)
    chosen = pieces(", the bird ran", add_special_tokens=False)["input_ids"][1:]
    know_the_grammar(monkeypatch, sentences, chosen, len(pieces))
    settings = spec(words=[{"prompt": "He", "temperature": 1.0}], length=len(chosen))
    text, *_ = trace(settings, Traced(model_of(pieces), pieces, sentences))
    assert "".join(step.word for step in text.steps) == ", the bird ran"


def test_the_temperature_changes_greedy_probabilities_and_drawn_words_only(sentences, tokenizer):
    traced = Traced(model_of(tokenizer), tokenizer, sentences)

    def words(temperature, method, **changes):
        settings = spec(words=[{"prompt": "He", "temperature": temperature}], **changes)
        return of_table(list(trace(settings, traced)), WORDS, method)[0]

    cold, hot = (words(temperature, GREEDY) for temperature in (0.5, 3.0))
    assert [step.id for step in cold.steps] == [step.id for step in hot.steps] == cold.greedy_ids == hot.greedy_ids
    assert all(one.probability > other.probability for one, other in zip(cold.steps, hot.steps, strict=True))
    assert [step.model_probability for step in cold.steps] == [step.model_probability for step in hot.steps]
    assert [step.id for step in words(0.5, DRAWN, length=20).steps] != [step.id for step in words(3.0, DRAWN, length=20).steps]


def test_drawn_words_depend_on_the_seed_and_repeat(sentences, tokenizer):
    traced = Traced(model_of(tokenizer), tokenizer, sentences)
    first, again, other = (list(trace(spec(seed=seed, length=20), traced)) for seed in (0, 0, 1))
    assert first == again
    drawn = [[step.id for text in of_table(texts, WORDS, DRAWN) for step in text.steps] for texts in (first, other)]
    assert drawn[0] != drawn[1]
    greedy = [[step.id for text in of_table(texts, WORDS) for step in text.steps] for texts in (first, other)]
    assert greedy[0] == greedy[1]


def test_who_knows_the_grammar_is_at_no_distance_from_it_until_a_sentence_ends(sentences, tokenizer, monkeypatch):
    chosen = tokenizer(" a dog. dog.")["input_ids"]
    sentence = tokenizer(" a dog.")["input_ids"]
    know_the_grammar(monkeypatch, sentences, chosen, len(tokenizer))
    model = model_of(tokenizer)
    text = of_table(list(trace(spec(length=len(chosen)), Traced(model, tokenizer, sentences))), ALTERNATIVES)[0]
    assert text.prompt == "He holds"
    for place, step in enumerate(text.steps):
        if place < len(sentence):
            assert step.total_variation == pytest.approx(0, abs=1e-6)
            assert step.grammar_probability == step.model_probability > 0
            assert step.sentences > 0 and step.corpus_total_variation is not None
        else:  # behind the full stop nothing was ever trained
            assert (step.grammar_probability, step.total_variation, step.corpus_total_variation) == (None, None, None)
            assert step.sentences == 0 and {one.corpus_frequency for one in step.alternatives} == {None}
    article = text.steps[0]
    assert [(one.word, one.grammar_probability) for one in article.alternatives[:2]] == [(" a", 0.75), (" the", 0.25)]
    assert article.alternatives[2].grammar_probability == 0
    # of the training sentences below, four begin with "He holds": three go on with "a"
    assert article.sentences == 4 and {one.word: one.corpus_frequency for one in article.alternatives}[" a"] == 0.75


def test_a_beginning_that_the_training_text_lacks_has_the_grammar_s_probabilities_only(tmp_path, tokenizer, monkeypatch):
    path = corpus(tmp_path / "train.parquet", ["She rubs a dog."])
    sentences = Sentences.read(GrammarReader(**READER), path, tokenizer)
    know_the_grammar(monkeypatch, sentences, tokenizer(" a dog.")["input_ids"], len(tokenizer))
    texts = list(trace(spec(length=2), Traced(model_of(tokenizer), tokenizer, sentences)))
    step = of_table(texts, ALTERNATIVES)[0].steps[0]
    assert (step.sentences, step.corpus_total_variation, step.grammar_probability) == (0, None, 0.75)
    assert step.alternatives[0].corpus_frequency is None


def test_a_text_that_does_not_fit_the_context_is_refused(sentences, tokenizer):
    with pytest.raises(UserError, match=r"chapters\.mingpt\.words\.0\.prompt: a prompt of .* and 40 more .*context of 32"):
        list(trace(spec(length=40), Traced(model_of(tokenizer), tokenizer, sentences)))


def test_a_trace_is_read_as_it_was_written(sentences, tokenizer, tmp_path):
    texts = list(trace(spec(), Traced(model_of(tokenizer), tokenizer, sentences)))
    write(tmp_path / "a.jsonl", texts)
    assert read(tmp_path / "a.jsonl") == texts
    assert by_model([tmp_path / "a.jsonl"], ["a"]) == {"a": tmp_path / "a.jsonl"}


def test_what_is_wrong_with_traces_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.jsonl: expected a traced text a line, found none"):
        read(path)
    path.write_text('\n{"table": "words"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.jsonl, line 2: expected a traced text \(prompt: "):
        read(path)
    with pytest.raises(UserError, match="--traces: no file of b"):
        by_model([path], ["a", "b"])
    with pytest.raises(UserError, match="--traces: not expected: a file of a"):
        by_model([path], [])
