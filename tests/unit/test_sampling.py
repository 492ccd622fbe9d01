"""The sampler against the lecture's loop written out plainly, and what it promises about randomness and mistakes."""

import random

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
)
from transformers.activations import NewGELUActivation

from relab import gpt
from relab.errors import UserError
from relab.sampling import sample, text_seed
from relab.settings.base import check
from relab.settings.models import Architecture
from relab.settings.samplings import Decoding

VOCABULARY, WINDOW = 23, 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    settings = {"width": 12, "layers": 2, "heads": 3, "block": WINDOW, "dropout": 0.5, "tied": False}
    return gpt.build(Architecture(**settings, initializer_range=0.3), VOCABULARY).eval()


def drawn(**options):
    return Decoding(do_sample=True, **options)


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
    (found,) = sample(model, [prompt], length=3 * WINDOW, seeds=[7], decoding=drawn(**options))
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
    seeds = [text_seed(0, index) for index in range(4000)]
    texts = sample(model, [[3]] * 4000, length=1, decoding=drawn(temperature=1.5), seeds=seeds, batch=4000)
    found = np.bincount([text.token_ids[0] for text in texts], minlength=VOCABULARY) / 4000
    assert found == pytest.approx(probabilities.numpy(), abs=0.03)


def test_top_1_is_greedy(model):
    texts = sample(model, [[1], [2]], length=WINDOW - 1, decoding=drawn(top_k=1, temperature=3.0), seeds=[1, 2])
    for prompt, text in zip([1, 2], texts, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[prompt, *text.token_ids[:-1]]])).logits[0]
        assert text.token_ids == logits.argmax(-1).tolist()


def test_top_k_above_the_vocabulary_takes_all(model):
    plain = sample(model, [[1]], length=20, seeds=[1])
    assert sample(model, [[1]], length=20, seeds=[1], decoding=drawn(top_k=VOCABULARY)) == plain
    assert sample(model, [[1]], length=20, seeds=[1], decoding=drawn(top_k=10**6)) == plain


@pytest.mark.parametrize("method", [{}, {"do_sample": True}, {"num_beams": 2}], ids=str)
@pytest.mark.parametrize("banned", [[], [0, 5]])
def test_a_text_without_a_token_that_is_not_blocked_is_told(model, method, banned):
    length = VOCABULARY - 2 - len(banned)
    with torch.random.fork_rng(devices=[]):  # a window that all of it fits
        torch.manual_seed(0)
        model = gpt.build(Architecture(width=12, layers=1, heads=2, block=32), VOCABULARY).eval()
    options = {"seeds": [3], "decoding": Decoding(no_repeat_ngram_size=1, **method), "banned": banned}
    (text,) = sample(model, [[1, 2]], length=length, **options)
    assert sorted([1, 2, *text.token_ids, *banned]) == list(range(VOCABULARY))
    with pytest.raises(UserError, match=f"no_repeat_ngram_size is 1: behind {length} tokens of a text every token") as error:
        sample(model, [[1, 2]], length=length + 1, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_n_gram_occurs_twice(model, size):
    for method in (Decoding(no_repeat_ngram_size=size), drawn(temperature=0.5, no_repeat_ngram_size=size)):
        (text,) = sample(model, [[1, 2]], length=20, seeds=[3], decoding=method)
        whole = [1, 2, *text.token_ids]
        grams = [tuple(whole[place : place + size]) for place in range(len(whole) - size + 1)]
        assert len(set(grams)) == len(grams)


MIXED = [
    Decoding(),
    drawn(),
    drawn(temperature=0.5),
    drawn(top_k=3),
    drawn(top_k=9, temperature=2.0),
    drawn(top_p=0.7),
    drawn(min_p=0.3),
    Decoding(no_repeat_ngram_size=2),
    Decoding(num_beams=3),
    drawn(temperature=0.7, temperature_rule="multiply"),
]


@pytest.mark.parametrize("implementation", ["relab", "sdpa", "eager"])
def test_methods_and_prompts_of_all_lengths_share_batches_and_change_nothing(model, implementation):
    model.set_attn_implementation(implementation)
    prompts = [list(range(1, 2 + number % 4)) for number in range(len(MIXED))]
    seeds = [text_seed(2, number) for number in range(len(MIXED))]
    settings = {"length": WINDOW - 4, "stop": [4], "alternatives": 3}
    together = sample(model, prompts, seeds=seeds, decoding=MIXED, **settings)
    apart = [
        sample(model, [prompt], seeds=[seed], decoding=method, **settings)[0]
        for prompt, seed, method in zip(prompts, seeds, MIXED, strict=True)
    ]
    assert model.config._attn_implementation == implementation
    model.set_attn_implementation("relab")
    assert [one.token_ids for one in together] == [one.token_ids for one in apart]
    assert [one.ended for one in together] == [one.ended for one in apart]
    for one, other in zip(together, apart, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert [[token for token, _ in step] for step in one.alternatives] == [
            [token for token, _ in step] for step in other.alternatives
        ]


@pytest.mark.parametrize("prompts", [[[1], [2]], [[1, 2, 3, 4, 5], [2], [3, 4]]])
def test_padding_changes_nothing_beyond_the_window_either(model, prompts):
    texts = sample(model, prompts, length=2 * WINDOW, seeds=range(len(prompts)))
    for seed, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        tokens, logprobs = lecture(model, prompt, 2 * WINDOW, seed)
        assert text.token_ids == tokens
        assert text.logprobs == pytest.approx(logprobs, abs=1e-4)


def test_heads_that_share_keys_attend_as_in_transformers():
    """A model with grouped heads and rotary positions: the cached path against full re-computation by torch's attention."""
    torch.manual_seed(0)
    shape = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 64}
    llama = LlamaForCausalLM(
        LlamaConfig(vocab_size=VOCABULARY, num_attention_heads=6, num_key_value_heads=2, initializer_range=0.5, **shape)
    ).eval()
    texts = sample(llama, [[1, 2, 3], [4], [5, 6]], length=20, seeds=[1, 2, 3])
    for prompt, text in zip([[1, 2, 3], [4], [5, 6]], texts, strict=True):
        with torch.no_grad():
            logits = llama(torch.tensor([[*prompt, *text.token_ids[:-1]]])).logits[0, len(prompt) - 1 :]
        expected = logits.log_softmax(-1).gather(1, torch.tensor(text.token_ids)[:, None]).flatten()
        assert text.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_activation_is_one_operation_while_a_model_samples_and_its_own_afterwards(model, monkeypatch):
    calls = []
    monkeypatch.setattr(NewGELUActivation, "forward", lambda self, values: calls.append(1) or functional.gelu(values))
    activations = [layer.mlp.act for layer in model.transformer.h]
    assert all(isinstance(activation, NewGELUActivation) for activation in activations)
    sample(model, [[1]], length=4, seeds=[1])
    assert not calls
    with pytest.raises(UserError):
        sample(model, [[1]], length=4, seeds=[1], decoding=Decoding(no_repeat_ngram_size=1), banned=range(1, VOCABULARY))
    assert [layer.mlp.act for layer in model.transformer.h] == activations


def test_a_text_ends_at_a_stop_token_and_is_the_beginning_of_the_longer_one(model):
    seeds = list(range(40))
    free = sample(model, [[1]] * 40, length=30, seeds=seeds)
    stopped = sample(model, [[1]] * 40, length=30, seeds=seeds, stop=[3, 4])
    for one, other in zip(stopped, free, strict=True):
        assert other.token_ids[: len(one.token_ids)] == one.token_ids
        assert one.logprobs == pytest.approx(other.logprobs[: len(one.logprobs)], abs=1e-5)
        assert one.ended == (one.token_ids[-1] in (3, 4)) and not set(one.token_ids[:-1]) & {3, 4}
    assert {True, False} == {one.ended for one in stopped}
    assert not any(one.ended for one in free)


def test_banned_tokens_are_in_no_text(model):
    for method in (Decoding(), drawn(), Decoding(num_beams=2)):
        (text,) = sample(model, [[1]], length=WINDOW - 1, seeds=[1], decoding=method, banned=[3, 4, 5])
        assert not set(text.token_ids) & {3, 4, 5}


def test_alternatives_are_the_most_probable_tokens(model):
    (text,) = sample(model, [[1, 2]], length=5, seeds=[1], alternatives=4)
    with torch.no_grad():
        steps = model(torch.tensor([[1, 2, *text.token_ids[:-1]]])).logits[0, 1:].log_softmax(-1)
    for step, found in zip(steps, text.alternatives, strict=True):
        values, tokens = step.topk(4)
        assert [token for token, _ in found] == tokens.tolist()
        assert [value for _, value in found] == pytest.approx(values.tolist(), abs=1e-5)


def test_beam_search_finds_the_most_probable_text_where_the_beams_are_many(model):
    """With as many beams as there are texts of two tokens, the search is exhaustive."""
    with torch.no_grad():
        first = model(torch.tensor([[1]])).logits[0, -1].log_softmax(-1)
        second = model(torch.tensor([[1, token] for token in range(VOCABULARY)])).logits[:, -1].log_softmax(-1)
    best = (first[:, None] + second).flatten().argmax().item()
    (text,) = sample(model, [[1]], length=2, seeds=[0], decoding=Decoding(num_beams=VOCABULARY))
    assert text.token_ids == [best // VOCABULARY, best % VOCABULARY]
    (greedy,) = sample(model, [[1]], length=2, seeds=[0], decoding=Decoding())
    assert sum(text.logprobs) >= sum(greedy.logprobs)


def test_a_models_own_generation_settings_change_nothing(model):
    plain = sample(model, [[1]], length=6, seeds=[0], decoding=Decoding(num_beams=2))
    own = model.generation_config
    model.generation_config = GenerationConfig(do_sample=True, top_k=2, eos_token_id=3, repetition_penalty=5.0, min_length=3)
    try:
        assert sample(model, [[1]], length=6, seeds=[0], decoding=Decoding(num_beams=2)) == plain
    finally:
        model.generation_config = own


def test_the_lowest_temperature_is_greedy(model):
    greedy = sample(model, [[1]], length=20, decoding=Decoding(), seeds=[1])
    assert sample(model, [[1]], length=20, decoding=drawn(top_k=1), seeds=[1]) == greedy
    for temperature in (5e-324, 1e-40, 1e-6):
        assert sample(model, [[1]], length=20, decoding=drawn(temperature=temperature), seeds=[1]) == greedy


def test_logprobs_are_those_of_the_untempered_model(model):
    (text,) = sample(model, [[1]], length=WINDOW - 1, decoding=drawn(temperature=0.3, top_k=5), seeds=[1])
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
        ({"length": 0}, "length: expected at least 1 token to sample, found 0"),
        ({"prompts": [[1], []], "seeds": [1, 2]}, "prompt 2 is empty"),
        ({"prompts": [[1, VOCABULARY]]}, f"prompt 1: expected token ids from 0 to {VOCABULARY - 1}, found {VOCABULARY}"),
        ({"stop": [VOCABULARY]}, f"stop: expected token ids from 0 to {VOCABULARY - 1}, found {VOCABULARY}"),
        (
            {"decoding": Decoding(num_beams=2), "length": WINDOW},
            f"context of {WINDOW} tokens, but a prompt of 1",
        ),
        ({"prompts": [[-1]]}, "prompt 1: expected token ids from 0 to .*, found -1"),
    ],
)
def test_mistakes(model, options, message):
    with pytest.raises(UserError, match=message):
        sample(model, **{"prompts": [[1]], "length": 3, "seeds": [1], **options})


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_p": 0},
        {"top_p": 1.5},
        {"min_p": 0},
        {"num_beams": 2},
    ],
)
def test_methods_that_mean_nothing_are_refused(options):
    with pytest.raises(UserError, match=next(iter(options))):
        check(Decoding, {"do_sample": True, **options}, "")


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
    with pytest.raises(ValueError, match="a seed and a method for each of 2 prompts, found 1, 2"):
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
