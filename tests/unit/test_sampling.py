"""The sampler against the lecture's loop written out plainly, and what it promises about randomness and mistakes."""

import random

import numpy as np
import pytest
import torch

from relab import gpt
from relab.errors import UserError
from relab.sampling import _Draw, sample, text_seed
from relab.settings.models import Architecture

VOCABULARY, WINDOW = 23, 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    settings = {"width": 12, "layers": 2, "heads": 3, "block": WINDOW, "dropout": 0.5, "tied": False}
    return gpt.build(Architecture(**settings, initializer_range=0.3), VOCABULARY).eval()


def lecture(model, prompt, length, seed, temperature=1.0, top_k=None):
    """One text by the loop of Karpathy's gpt.py: no cache, the last ``WINDOW`` tokens read anew for every token."""
    uniforms = ((np.random.Philox(key=seed).random_raw(length) >> np.uint64(11)) + 1) * 2.0**-53
    tokens, logprobs = list(prompt), []
    for uniform in uniforms:
        with torch.no_grad():
            logits = model(torch.tensor([tokens[-WINDOW:]])).logits[0, -1]
        scores = logits / temperature
        if top_k is not None:
            scores[scores < scores.topk(top_k).values[-1]] = -torch.inf
        cumulative = scores.softmax(0).double().cumsum(0)
        tokens.append(int((cumulative < uniform * cumulative[-1]).sum()))
        logprobs.append(logits.log_softmax(0)[tokens[-1]].item())
    return tokens[len(prompt) :], logprobs


@pytest.mark.parametrize("options", [{}, {"temperature": 0.6}, {"top_k": 4}, {"temperature": 2.0, "top_k": 7}])
@pytest.mark.parametrize("prompt", [[1], [2, 3, 5], list(range(WINDOW)), list(range(WINDOW + 5))])
def test_equals_the_lecture_inside_the_window_and_beyond(model, prompt, options):
    (found,) = sample(model, [prompt], length=3 * WINDOW, seeds=[7], **options)
    tokens, logprobs = lecture(model, prompt, 3 * WINDOW, 7, **options)
    assert found.token_ids == tokens
    assert found.logprobs == pytest.approx(logprobs, abs=1e-4)


def test_a_text_does_not_depend_on_its_company(model):
    prompts = [[index % VOCABULARY] if index % 3 else [index % VOCABULARY, 4, 5] for index in range(33)]
    seeds = [text_seed(1, index) for index in range(33)]
    together = sample(model, prompts, length=2 * WINDOW, seeds=seeds)
    for size in (1, 2, 7):
        apart = sample(model, prompts, length=2 * WINDOW, seeds=seeds, batch=size)
        assert [one.token_ids for one in apart] == [one.token_ids for one in together]
        for one, other in zip(apart, together, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
    backwards = sample(model, prompts[::-1], length=2 * WINDOW, seeds=seeds[::-1])
    assert [one.token_ids for one in backwards[::-1]] == [one.token_ids for one in together]


def test_seeds_and_lengths(model):
    one, again, other = sample(model, [[1]] * 3, length=20, seeds=[5, 5, 6])
    assert one == again
    assert one.token_ids != other.token_ids
    (longer,) = sample(model, [[1]], length=30, seeds=[5])
    assert longer.token_ids[:20] == one.token_ids


def test_text_seed_is_stable_and_tells_texts_apart():
    # pinned: a changed derivation would silently change every sampled text
    assert text_seed(0, 0) == 6113538345208582997
    assert text_seed(1, 100, 2) == 5482377679808455182
    seeds = {text_seed(*path) for path in [(0,), (0, 0), (1, 0), (0, 1), (0, 0, 0), (11, 1), (1, 11), (1, 1, 1)]}
    assert len(seeds) == 8 and all(0 <= seed < 2**64 for seed in seeds)


def test_draws_follow_the_distribution(model):
    with torch.no_grad():
        probabilities = (model(torch.tensor([[3]])).logits[0, -1] / 1.5).softmax(0)
    texts = sample(
        model, [[3]] * 4000, length=1, temperature=1.5, seeds=[text_seed(0, index) for index in range(4000)], batch=4000
    )
    found = np.bincount([text.token_ids[0] for text in texts], minlength=VOCABULARY) / 4000
    assert found == pytest.approx(probabilities.numpy(), abs=0.03)


def test_top_1_is_greedy(model):
    texts = sample(model, [[1], [2]], length=WINDOW - 1, top_k=1, temperature=3.0, seeds=[1, 2])
    for prompt, text in zip([1, 2], texts, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[prompt, *text.token_ids[:-1]]])).logits[0]
        assert text.token_ids == logits.argmax(-1).tolist()


def test_top_k_above_the_vocabulary_takes_all(model):
    plain = sample(model, [[1]], length=20, seeds=[1])
    assert sample(model, [[1]], length=20, seeds=[1], top_k=VOCABULARY) == plain
    assert sample(model, [[1]], length=20, seeds=[1], top_k=10**6) == plain


def test_exactly_k_tokens_where_scores_are_equal():
    uniforms = torch.linspace(0.001, 1, 200, dtype=torch.float64)[:, None]
    tokens, _ = _Draw(uniforms, 1.0, 3)(torch.zeros(200, 9), 0)
    assert tokens.unique().numel() == 3


def test_an_impossible_token_is_never_drawn():
    logits = torch.full((3, 5), -torch.inf)
    logits[:, 2:4] = 1.0
    uniforms = torch.tensor([[2.0**-53], [0.5], [1.0]], dtype=torch.float64)
    tokens, logprobs = _Draw(uniforms, 1.0, 5)(logits, 0)
    assert tokens.flatten().tolist() == [2, 2, 3]
    assert logprobs.flatten().tolist() == pytest.approx([np.log(0.5)] * 3)


def test_the_lowest_temperature_is_greedy(model):
    greedy = sample(model, [[1]], length=20, top_k=1, seeds=[1])
    assert sample(model, [[1]], length=20, temperature=5e-324, seeds=[1]) == greedy


def test_logprobs_are_those_of_the_untempered_model(model):
    (text,) = sample(model, [[1]], length=WINDOW - 1, temperature=0.3, top_k=5, seeds=[1])
    with torch.no_grad():
        logits = model(torch.tensor([[1, *text.token_ids]])).logits[0, :-1]
    expected = logits.log_softmax(-1).gather(1, torch.tensor(text.token_ids)[:, None]).flatten()
    assert text.logprobs == pytest.approx(expected.tolist(), abs=1e-5)


def test_random_states_and_modes_are_left_alone(model):
    model.train()
    model.transformer.drop.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    try:
        in_training = sample(model, [[1]], length=20, seeds=[1])
        assert {name: module.training for name, module in model.named_modules()} == modes
    finally:
        model.eval()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])
    assert in_training == sample(model, [[1]], length=20, seeds=[1])
    assert all(parameter.grad is None and not parameter.is_inference() for parameter in model.parameters())


def test_training_goes_on_after_sampling(model):
    sample(model, [[1]], length=20, seeds=[1])
    tokens = torch.tensor([[1, 2, 3]])
    model(tokens, labels=tokens).loss.backward()
    model.zero_grad()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature: expected a number above 0, found 0.0 .*top_k to 1"),
        ({"temperature": -1.0}, "temperature: expected a number above 0, found -1.0"),
        ({"temperature": float("nan")}, "temperature: expected a number above 0, found nan"),
        ({"temperature": float("inf")}, "temperature: expected a number above 0, found inf"),
        ({"top_k": 0}, "top_k: expected at least 1, found 0"),
        ({"length": 0}, "length: expected at least 1 token to sample, found 0"),
        ({"prompts": [[1], []], "seeds": [1, 2]}, "prompt 2 is empty"),
        ({"prompts": [[1, VOCABULARY]]}, f"prompt 1: expected token ids from 0 to {VOCABULARY - 1}, found {VOCABULARY}"),
        ({"prompts": [[-1]]}, "prompt 1: expected token ids from 0 to .*, found -1"),
    ],
)
def test_mistakes(model, options, message):
    with pytest.raises(UserError, match=message):
        sample(model, **{"prompts": [[1]], "length": 3, "seeds": [1], **options})


def test_a_model_that_gives_no_numbers(model):
    weight = model.lm_head.weight.data.clone()
    model.lm_head.weight.data[3] = torch.nan
    try:
        with pytest.raises(UserError, match="not numbers at token 1 of a text"):
            sample(model, [[1]], length=12, seeds=[1])
        assert not model.training
    finally:
        model.lm_head.weight.data = weight


def test_one_seed_for_each_prompt(model):
    with pytest.raises(ValueError, match="a seed for each of 2 prompts, found 1"):
        sample(model, [[1], [2]], length=3, seeds=[1])


def test_no_prompts(model):
    assert sample(model, [], length=3, seeds=[]) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
def test_on_a_card(model):
    on_cpu = sample(model, [[1], [2]], length=2 * WINDOW, seeds=[1, 2])
    try:
        on_card = sample(model.to("cuda"), [[1], [2]], length=2 * WINDOW, seeds=[1, 2])
    finally:
        model.to("cpu")
    assert [text.token_ids for text in on_card] == [text.token_ids for text in on_cpu]
