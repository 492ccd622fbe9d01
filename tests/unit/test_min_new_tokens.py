"""No text ends before its method's least number of tokens, whatever the way of choosing them."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from relab.sampling import sample
from relab.sampling.token_selector import TokenSelector
from relab.settings.samplings import Decoding

END, VOCABULARY = 3, 11


@pytest.fixture(scope="module")
def model():
    """A model that ends every text at once, if it may."""
    torch.manual_seed(0)
    ends = {"bos_token_id": END, "eos_token_id": END}
    model = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, n_positions=32, vocab_size=VOCABULARY, **ends))
    head = torch.nn.Linear(8, VOCABULARY)
    with torch.no_grad():
        head.weight.mul_(3)
        head.bias.zero_()[END] = 40.0
    model.set_output_embeddings(head)
    return model.eval()


@pytest.mark.parametrize("method", [{}, {"do_sample": True}, {"num_beams": 2}], ids=["best", "draw", "search"])
def test_no_text_ends_before_its_least_number_of_tokens(model, method):
    least = [0, 1, 3, 6, 8]
    methods = [Decoding(**method, min_new_tokens=number) for number in least]
    prompts, seeds = [[1], [2, 5], [1], [4], [7]], range(len(least))
    found = sample(model, prompts, length=8, seeds=seeds, decoding=methods, stop=[END])
    # a text of as many tokens as were asked for ends behind them, where there is room
    assert [len(text.token_ids) for text in found] == [1, 2, 4, 7, 8]
    assert [text.ended for text in found] == [True, True, True, True, False]
    for text in found:
        assert END not in text.token_ids[:-1]


def test_without_an_end_nothing_is_forbidden(model):
    free = sample(model, [[1]], length=8, seeds=[0], decoding=Decoding(), stop=[])
    assert sample(model, [[1]], length=8, seeds=[0], decoding=Decoding(min_new_tokens=4), stop=[]) == free


def test_each_text_of_a_batch_has_its_own_number_also_when_others_have_left_it():
    methods = [Decoding(min_new_tokens=2), Decoding(), Decoding(min_new_tokens=4)]
    uniforms = torch.ones(3, 6, dtype=torch.float64)
    selector = TokenSelector(methods, [[0]] * 3, uniforms, stop=[4, 5])
    logits = torch.arange(6.0).expand(3, -1).log_softmax(-1)
    assert [selector(logits, step).flatten().tolist() for step in range(3)] == [[3, 5, 3], [3, 5, 3], [5, 5, 3]]
    rest = selector.subset([2, 0], [[0], [0]])
    assert [rest(logits[:2], step).flatten().tolist() for step in (3, 4)] == [[3, 5], [5, 5]]
