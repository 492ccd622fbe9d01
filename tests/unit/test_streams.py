"""Random streams of keys: no two keys share one, and none is that of a key that NumPy completes with zeros."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pydantic import TypeAdapter
from support import sentences as grammar_sentences

from relab.datasets import draws, speeches
from relab.grammar import Grammar
from relab.sampling import text_seed
from relab.settings.corpora import GrammarReader
from relab.settings.datasets import AnyDataset
from relab.streams import stream_seed
from relab.training.draws import IndexSampler


def words(bits):
    return tuple(bits.random_raw(4).tolist())


@pytest.mark.parametrize("seed_of", [stream_seed, text_seed])
def test_no_two_keys_of_whatever_length_have_the_same_stream(seed_of):
    keys = [key for length in range(1, 5) for key in itertools.product((0, 1, 2, 11, 2**32), repeat=length)]
    for generator in (lambda seed: np.random.Philox(key=seed), np.random.PCG64):
        streams = {words(generator(seed_of(*key))) for key in keys}
        assert len(streams) == len(keys)


def used(monkeypatch, name, call):
    """The first words of each generator of a kind that a call makes."""
    made, kind = [], getattr(np.random, name)

    def spy(*args, **options):
        made.append(words(kind(*args, **options)))
        return kind(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(np.random, name, spy)
        call()
    return made


def test_the_questions_of_a_play_share_no_stream_with_the_draws_of_rows(monkeypatch):
    dataset = TypeAdapter(AnyDataset).validate_python({"kind": "next_speech", "title": "", "asset": "one"})
    play = [[f"this is speech number {number}" for number in range(12)]]
    questions = used(monkeypatch, "PCG64", lambda: [speeches.play_questions(play, dataset, number) for number in range(4)])
    of_rows = used(monkeypatch, "PCG64", lambda: [draws.random_keys(5, 0, stream) for stream in range(4)])
    assert len(questions) == 44 and len(of_rows) == 4
    assert len({*questions, *of_rows}) == 48


def test_the_sentences_of_a_grammar_share_no_stream_with_the_batches_that_read_them(monkeypatch):
    grammar = Grammar(GrammarReader(**grammar_sentences.READER))
    sentences = used(monkeypatch, "Philox", lambda: [list(grammar.draw(5, seed)) for seed in range(4)])
    samplers = [IndexSampler(9, 5, seed) for seed in range(4)]
    batches = used(monkeypatch, "Philox", lambda: [sampler.indices(step) for sampler in samplers for step in range(4)])
    assert len({*sentences, *batches}) == 20
