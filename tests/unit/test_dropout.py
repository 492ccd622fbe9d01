"""Our way of drawing dropout masks: the right rate, the right expectation, independent elements, nothing in evaluation."""

import pytest
import torch
from torch import nn
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from relab import dropout
from relab.dropout import Dropout


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.999])
def test_rate_and_scale(rate):
    values = torch.ones(1000, 1001)
    found = Dropout(rate)(values)
    assert found.unique().numel() == 2
    assert (found == 0).float().mean().item() == pytest.approx(rate, abs=2e-3)
    assert found.mean(dtype=torch.float64).item() == pytest.approx(1, abs=0.1 if rate > 0.9 else 5e-3)


def test_elements_are_dropped_independently():
    kept = Dropout(0.2)(torch.ones(400_000)) != 0
    for distance in (1, 2, 3, 4, 5, 64):
        both = (kept[distance:] & kept[:-distance]).double().mean().item()
        assert both == pytest.approx(0.64, abs=4e-3)
    assert not torch.equal(kept, Dropout(0.2)(torch.ones(400_000)) != 0)


def test_gradient_flows_through_what_is_kept():
    values = torch.randn(7, 11, requires_grad=True)
    found = Dropout(0.3)(values)
    found.sum().backward()
    assert torch.equal(values.grad == 0, found == 0)
    torch.testing.assert_close(values.grad * values, found)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (5, 0), (3, 5, 7)])
def test_any_shape(shape):
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_masks_come_from_the_generator_of_torch():
    state = torch.get_rng_state()
    first = Dropout(0.5)(torch.ones(999))
    torch.set_rng_state(state)
    assert torch.equal(Dropout(0.5)(torch.ones(999)), first)


def test_no_dropout_in_evaluation_or_at_rate_0():
    values = torch.randn(50)
    state = torch.get_rng_state()
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values
    assert torch.equal(torch.get_rng_state(), state)


def tensors(queries=9, keys=9):
    return torch.randn(2, 3, queries, 4), torch.randn(2, 3, keys, 4), torch.randn(2, 3, keys, 4)


@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (1, 9), (4, 9)])
def test_mean_over_masks_is_attention_without_dropout(queries, keys):
    query, key, value = tensors(queries, keys)
    plain, _ = dropout.attention(nn.Module(), query, key, value, None, 0.0, 0.5)
    mean = sum(dropout.attention(nn.Module(), query, key, value, None, 0.3, 0.5)[0] for _ in range(4000)) / 4000
    torch.testing.assert_close(mean, plain, atol=0.08, rtol=0)


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_attention_is_causal(rate):
    query, key, value = tensors()
    value.requires_grad_()
    found, weights = dropout.attention(nn.Module(), query, key, value, None, rate, 0.5)
    assert found.shape == (2, 9, 3, 4) and weights is None
    found[:, 4].sum().backward()
    assert value.grad[:, :, :5].abs().sum() > 0
    assert value.grad[:, :, 5:].abs().max() == 0


def stock_and_ours(rate):
    rates = {"embd_pdrop": rate, "attn_pdrop": rate, "resid_pdrop": rate}
    config = GPT2Config(vocab_size=30, n_positions=16, n_embd=12, n_layer=2, n_head=3, **rates)
    stock, ours = GPT2LMHeadModel(config), GPT2LMHeadModel(config)
    ours.load_state_dict(stock.state_dict())
    dropout.install(ours)
    return stock, ours


def test_installed_model_computes_what_the_stock_one_does():
    stock, ours = stock_and_ours(0.4)
    tokens = torch.randint(30, (2, 12))
    torch.testing.assert_close(ours.eval()(tokens).logits, stock.eval()(tokens).logits)
    cache = DynamicCache(config=ours.config)
    parts = [ours(part, past_key_values=cache, use_cache=True).logits for part in tokens.split([5, 4, 2, 1], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), stock(tokens).logits)


def test_every_dropout_of_the_model_is_replaced():
    _, ours = stock_and_ours(0.4)
    assert not any(isinstance(module, nn.Dropout) for module in ours.modules())
    assert sum(isinstance(module, Dropout) for module in ours.modules()) == 1 + 3 * 2
    tokens = torch.randint(30, (2, 12))
    assert not torch.equal(ours(tokens).logits, ours(tokens).logits)


def test_gradients_of_the_stock_model():
    stock, ours = stock_and_ours(0.0)
    tokens = torch.randint(30, (2, 12))
    for model in (stock, ours):
        model(tokens, labels=tokens).loss.backward()
    for one, other in zip(stock.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_gradients_of_attention_with_dropout():
    query, key, value = (tensor.double().requires_grad_() for tensor in tensors(4, 6))

    def attend(*inputs):
        torch.manual_seed(1)  # the same mask for every evaluation
        return dropout.attention(nn.Module(), *inputs, None, 0.3, 0.5)[0]

    assert torch.autograd.gradcheck(attend, (query, key, value))
