"""How the next token is selected: which tokens each method leaves, and with which probabilities."""

import numpy as np
import pytest
import torch
from transformers import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from relab.sampling.token_selector import TokenSelector
from relab.settings.samplings import Decoding


def drawn(**options):
    return Decoding(do_sample=True, **options)


def choose(logits, uniforms, *methods, banned=(), tokens=None):
    """The tokens that some methods choose from the same logits, a row each."""
    rows = len(methods)
    uniforms = torch.as_tensor(uniforms, dtype=torch.float64).view(rows, -1)
    selector = TokenSelector(methods, tokens or [[0]] * rows, uniforms, banned)
    return selector(torch.as_tensor(logits).expand(rows, -1).log_softmax(-1), 0).flatten().tolist()


def test_exactly_k_tokens_where_scores_are_equal():
    found = choose(torch.zeros(9), np.linspace(0.001, 1, 200), *[drawn(top_k=3)] * 200)
    assert len(set(found)) == 3


def test_an_impossible_token_is_never_drawn():
    logits = torch.tensor([-torch.inf, -torch.inf, 1.0, 1.0, -torch.inf])
    assert choose(logits, [2.0**-53, 0.5, 1.0], *[drawn()] * 3) == [2, 2, 3]


def reached(method, logits):
    """The probability of each token under a method, by drawing with evenly spread numbers."""
    numbers = (np.arange(20000) + 0.5) / 20000
    return np.bincount(choose(logits, numbers, *[method] * 20000), minlength=len(logits)) / 20000


@pytest.mark.parametrize(
    ("method", "warpers"),
    [
        (drawn(temperature=0.7, top_k=5), [TemperatureLogitsWarper(0.7), TopKLogitsWarper(5)]),
        (drawn(top_p=0.8), [TopPLogitsWarper(0.8)]),
        (drawn(temperature=1.6, top_p=0.5), [TemperatureLogitsWarper(1.6), TopPLogitsWarper(0.5)]),
        (drawn(min_p=0.2), [MinPLogitsWarper(0.2)]),
        (
            drawn(temperature=2.0, top_k=8, top_p=0.9, min_p=0.1),
            [TemperatureLogitsWarper(2.0), TopKLogitsWarper(8), TopPLogitsWarper(0.9), MinPLogitsWarper(0.1)],
        ),
    ],
)
def test_methods_draw_from_what_transformers_leaves(method, warpers):
    logits = torch.linspace(-2, 3, 12)[torch.randperm(12, generator=torch.Generator().manual_seed(0))]
    scores = logits[None].log_softmax(-1)
    for warper in warpers:
        scores = warper(None, scores)
    assert reached(method, logits) == pytest.approx(scores.softmax(-1)[0].numpy(), abs=1e-3)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (drawn(temperature=0.5, temperature_rule="multiply"), drawn(temperature=2.0)),
        (drawn(temperature=0.5, temperature_rule="ignore"), drawn()),
    ],
)
def test_other_accounts_of_temperature(method, expected):
    logits = torch.linspace(-2, 3, 12)
    assert reached(method, logits) == pytest.approx(reached(expected, logits))
    assert reached(method, logits) != pytest.approx(reached(drawn(temperature=0.5), logits), abs=0.02)


def test_the_top_p_of_the_most_probable_token_alone_is_that_token():
    assert choose(torch.tensor([0.0, 4.0, 1.0]), [2.0**-53, 1.0], *[drawn(top_p=1e-9)] * 2) == [1, 1]


def test_banned_tokens_and_repeated_n_grams_are_never_chosen():
    logits = torch.arange(6.0)
    assert choose(logits, [1.0, 1.0], Decoding(), drawn(), banned=[5, 4]) == [3, 3]
    seen = [[1, 5, 2, 1], [1, 5, 2, 3]]
    assert choose(logits, [0.5, 0.5], *[Decoding(no_repeat_ngram_size=2)] * 2, tokens=seen) == [4, 5]
    assert choose(logits, [0.5], Decoding(no_repeat_ngram_size=1), tokens=[[5, 4]]) == [3]
    assert choose(logits, [0.5], Decoding(no_repeat_ngram_size=3), tokens=[[5]]) == [5]
