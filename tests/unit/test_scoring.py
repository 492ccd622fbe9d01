"""Log-probabilities of given texts."""

from __future__ import annotations

import pytest
import torch

from relab import gpt, scoring
from relab.errors import UserError
from relab.settings.models import Architecture

WINDOW = 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return gpt.build(Architecture(width=12, layers=2, heads=3, block=WINDOW, initializer_range=0.3), 23).eval()


def alone(model, prompt, continuation):
    """One text by itself, a pass for every token."""
    found = []
    for place, token in enumerate(continuation):
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *continuation[:place]]])).logits[0, -1]
        found.append(logits.log_softmax(-1)[token].item())
    return found


@pytest.mark.parametrize("tokens", [1, 20, 512])
def test_texts_of_all_lengths_are_scored_as_each_alone(model, monkeypatch, tokens):
    monkeypatch.setattr(scoring, "BATCH_TOKENS", tokens)
    texts = [([1], [2, 3, 4]), ([5, 6, 7], [8]), ([1, 2], []), ([3], [4, 5, 6, 7, 8, 9, 10, 11]), ([9, 9], [9, 9, 1])]
    found = scoring.logprobs(model, texts)
    assert [len(one) for one in found] == [3, 1, 0, 8, 3]
    for (prompt, continuation), one in zip(texts, found, strict=True):
        assert one == pytest.approx(alone(model, prompt, continuation), abs=1e-5)


def test_distributions_of_the_next_token(model):
    found = scoring.next_token_logprobs(model, [1, 2, 3])
    with torch.no_grad():
        logits = model(torch.tensor([[1, 2, 3]])).logits[0]
    assert torch.allclose(found, logits.log_softmax(-1), atol=1e-6)
    assert found.exp().sum(-1).tolist() == pytest.approx([1, 1, 1])


def test_a_text_longer_than_the_context_is_refused(model):
    scoring.next_token_logprobs(model, [1] * WINDOW)
    with pytest.raises(UserError, match="a text of 9 tokens is longer than the model's context of 8"):
        scoring.next_token_logprobs(model, [1] * (WINDOW + 1))
    assert len(scoring.logprobs(model, [([1], [2] * WINDOW)])[0]) == WINDOW
    with pytest.raises(UserError, match="longer than the model's context"):
        scoring.logprobs(model, [([1], [2] * (WINDOW + 1))])
