"""What may follow the beginning of a sentence, by the grammar and in a training text; the losses that need no training."""

from __future__ import annotations

import math

import pytest
import torch
from support.sentences import READER, TRAIN, corpus, tokenizer_of

from relab.errors import UserError
from relab.grammar import Grammar
from relab.rows.iteration_losses.baselines import evaluated_sentences
from relab.rows.shared.sentences import Continuations, Sentences
from relab.settings.corpora import GrammarReader
from relab.training.batches import Documents, evenly_spread_examples


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture
def sentences(tmp_path, tokenizer) -> Sentences:
    return Sentences.read(GrammarReader(**READER), corpus(tmp_path / "train.parquet"), tokenizer)


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
    probabilities = Grammar(GrammarReader(**READER)).sentences()
    ids = {text: tokenizer(text)["input_ids"] for text in probabilities}
    loss = sum(
        -probability * math.log(sentences.grammar.after(ids[text][:end])[ids[text][end]])
        for text, probability in probabilities.items()
        for end in range(1, len(ids[text]))
    )
    tokens = sum(probability * (len(ids[text]) - 1) for text, probability in probabilities.items())
    assert sentences.grammar.entropy() == pytest.approx(loss / tokens)
    assert sentences.corpus.entropy() != pytest.approx(loss / tokens)


def test_the_loss_on_some_sentences_is_that_of_their_tokens(sentences, tokenizer, tmp_path):
    """By hand: He or She, holds or rubs, "a" three times of four, dog or cat; the first token is not predicted."""
    held_out = ["He holds a dog.", "She rubs the cat.", "She rubs the cat."]
    path = corpus(tmp_path / "validation.parquet", held_out)
    ids = evaluated_sentences(path, tokenizer, 9, 32)
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
    path, encoded = corpus(tmp_path / "validation.parquet", texts), [tokenizer(text)["input_ids"] for text in texts]
    for number, block in ((3, 32), (99, 32), (4, 2)):
        ids = evaluated_sentences(path, tokenizer, number, block)
        documents = Documents(encoded.__getitem__, list(map(len, encoded)), block)
        batches = evenly_spread_examples(documents, count=number, batch=2, device=torch.device("cpu"))
        targets = [int(target) for batch in batches for target in batch.targets.flatten() if target != -100]
        assert [token for sentence in ids for token in sentence[1:]] == targets


def test_a_training_text_that_is_not_the_grammar_s_is_refused(tmp_path, tokenizer):
    path = corpus(tmp_path / "train.parquet", ["He holds a dog.", "he holds a dog."])
    with pytest.raises(UserError, match=r"train\.parquet: expected sentences of the grammar.*found 'he holds a dog\.'"):
        Sentences.read(GrammarReader(**READER), path, tokenizer)
