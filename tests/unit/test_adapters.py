"""Adapters in use: sampling, scoring and judging take them like any other model, whatever the base's architecture."""

from __future__ import annotations

import random

import pytest
import torch
from support.encoder_decoders import build
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig

from relab import characters
from relab.adapters import Adapter
from relab.checkpoints import load_model, load_tokenizer
from relab.errors import UserError
from relab.networks import context_length
from relab.sampling import sample
from relab.sampling.attention import NAME
from relab.scoring import logprobs, next_token_logprobs
from relab.settings.models import LoraAdaptation, PrefixAdaptation
from relab.settings.samplings import Decoding

VOCABULARY, CONTEXT, PREFIX = 23, 24, 5
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": VOCABULARY, "initializer_range": 0.4}
#: Learned positions; rotary ones with fewer keys than queries; learned ones that are counted from the padding mask.
ARCHITECTURES = {
    "gpt2": GPT2Config(n_embd=12, n_layer=2, n_head=2, n_positions=CONTEXT, vocab_size=VOCABULARY, initializer_range=0.4),
    "llama": LlamaConfig(
        **SMALL, intermediate_size=16, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=CONTEXT
    ),
    "opt": OPTConfig(
        **{**SMALL, "init_std": 0.4}, ffn_dim=16, num_attention_heads=2, max_position_embeddings=CONTEXT,
        word_embed_proj_dim=16,
    ),
}  # fmt: skip
ADAPTATIONS = {"lora": LoraAdaptation(kind="lora", rank=2), "prefix": PrefixAdaptation(kind="prefix", tokens=PREFIX)}


@pytest.fixture(params=[f"{one} {other}" for one in ARCHITECTURES for other in ADAPTATIONS])
def adapted(request, tmp_path):
    """A model with an adapter whose weights are drawn at random, and PEFT's own model of it."""
    architecture, adaptation = request.param.split()
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(ARCHITECTURES[architecture])
    base.save_pretrained(tmp_path / "base")
    made = Adapter(base, ADAPTATIONS[adaptation], tmp_path / "base")
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.7)
    return made.model.eval(), made._peft.eval()


def plain(model, prompt, length):
    """The most probable tokens, read anew for every token with no cache of ours, and their log-probabilities."""
    tokens, values = list(prompt), []
    for _ in range(length):
        with torch.no_grad():
            read = tokens[-context_length(model.get_base_model()) :]
            logits = model(input_ids=torch.tensor([read]), use_cache=False).logits[0, -1]
        tokens.append(int(logits.argmax()))
        values.append(logits.log_softmax(0)[tokens[-1]].item())
    return tokens[len(prompt) :], values


def restored(adapted):
    """PEFT's own forward, which puts the prefix where the cache would be."""
    model, peft = adapted
    model.__dict__.pop("forward", None)
    return peft


PROMPTS = [[1], [2, 3, 5, 8], [7, 7], list(range(6)), list(range(9))]


@pytest.mark.parametrize("length", [8, 2 * CONTEXT])
def test_sampling_gives_the_tokens_of_the_forward_pass_without_a_cache(adapted, length):
    """Inside the context and beyond it, alone and beside prompts of other lengths."""
    model, _ = adapted
    together = sample(model, PROMPTS, length=length, seeds=range(len(PROMPTS)), decoding=Decoding())
    alone = [sample(model, [prompt], length=length, seeds=[0], decoding=Decoding())[0] for prompt in PROMPTS]
    peft = restored(adapted)
    for prompt, one, other in zip(PROMPTS, together, alone, strict=True):
        tokens, values = plain(peft, prompt, length)
        assert one.token_ids == other.token_ids == tokens
        assert one.logprobs == pytest.approx(values, abs=1e-4) and other.logprobs == pytest.approx(values, abs=1e-4)


def test_texts_that_end_leave_the_others_as_they_are(adapted):
    model, _ = adapted
    prompts = [[token] for token in range(VOCABULARY)]
    drawn = {"length": 12, "seeds": range(VOCABULARY), "decoding": Decoding(do_sample=True)}
    whole, ended = sample(model, prompts, **drawn), sample(model, prompts, **drawn, stop=range(12))
    assert any(len(one.token_ids) < 12 for one in ended) and len({len(one.token_ids) for one in ended}) > 2
    for one, other in zip(whole, ended, strict=True):
        assert other.token_ids == one.token_ids[: len(other.token_ids)]


def test_beams_find_what_the_forward_pass_finds_likely(adapted):
    model, _ = adapted
    beams = sample(model, PROMPTS[:3], length=4, seeds=[0, 0, 0], decoding=Decoding(num_beams=VOCABULARY**2))
    peft = restored(adapted)
    for prompt, found in zip(PROMPTS[:3], beams, strict=True):
        with torch.no_grad():
            values = peft(input_ids=torch.tensor([[*prompt, *found.token_ids]])).logits[0].log_softmax(-1)
        scored = [float(values[len(prompt) - 1 + place, token]) for place, token in enumerate(found.token_ids)]
        assert found.logprobs == pytest.approx(scored, abs=1e-4)
        greedy = plain(peft, prompt, 4)[1]
        assert sum(found.logprobs) >= sum(greedy) - 1e-4


def test_scoring_gives_the_probabilities_of_the_forward_pass(adapted):
    model, _ = adapted
    draw = random.Random(0)
    texts = [([draw.randrange(VOCABULARY) for _ in range(1 + n % 3)], [draw.randrange(VOCABULARY) for _ in range(n)]) for n in
             range(1, 12)]  # fmt: skip
    found = logprobs(model, texts, tokens=40)
    distribution = next_token_logprobs(model, [1, 2, 3])
    peft = restored(adapted)
    for (prompt, text), values in zip(texts, found, strict=True):
        with torch.no_grad():
            expected = peft(input_ids=torch.tensor([[*prompt, *text]])).logits[0].log_softmax(-1)
        scored = [float(expected[len(prompt) - 1 + place, token]) for place, token in enumerate(text)]
        assert values == pytest.approx(scored, abs=1e-4)
    with torch.no_grad():
        expected = peft(input_ids=torch.tensor([[1, 2, 3]])).logits[0].log_softmax(-1)
    assert torch.allclose(distribution, expected, atol=1e-4)


def test_a_prefix_takes_its_positions_from_the_context(adapted):
    model, peft = adapted
    room = CONTEXT - (PREFIX if peft.active_peft_config.is_prompt_learning else 0)
    assert context_length(model) == room
    assert len(next_token_logprobs(model, [1] * room)) == room
    with pytest.raises(UserError, match=f"a text of {room + 1} tokens is longer than the model's context of {room} tokens"):
        next_token_logprobs(model, [1] * (room + 1))
    with pytest.raises(UserError, match=f"stays inside the context of {room} tokens"):
        sample(model, [[1]], length=room, seeds=[0], decoding=Decoding(num_beams=2))
    sample(model, [[1]], length=room - 1, seeds=[0], decoding=Decoding(num_beams=2))


def test_sampling_leaves_an_adapted_model_as_it_was(adapted):
    model, _ = adapted
    model.train()
    before = model.config._attn_implementation
    sample(model, [[1]], length=4, seeds=[0])
    assert model.training and model.config._attn_implementation == before != NAME


def test_an_untrained_adapter_changes_little_or_nothing(tmp_path):
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(ARCHITECTURES["gpt2"])
    base.save_pretrained(tmp_path / "base")
    base.eval()
    with torch.no_grad():
        before = base(torch.tensor([[1, 2, 3]])).logits
        after = Adapter(base, ADAPTATIONS["lora"], tmp_path / "base").model.eval()(torch.tensor([[1, 2, 3]])).logits
    assert torch.equal(before, after)


TEXT = "badge"


@pytest.fixture(params=ARCHITECTURES)
def directory(request, tmp_path):
    """The directory of a base whose tokens are letters."""
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(ARCHITECTURES[request.param]).save_pretrained(tmp_path / "base")
    characters.save(characters.build("abcdefghijklmnopqrstuvw"), tmp_path / "base")
    return tmp_path / "base"


def test_a_prefix_of_a_text_is_that_text_before_it_is_trained(directory):
    """Alone, in a padded batch, with a cache, and opened again."""
    base = load_model(directory, torch.device("cpu"))
    text = load_tokenizer(directory)(TEXT)["input_ids"]
    behind = [([*text, *prompt], [5, 6, 7]) for prompt in PROMPTS]
    expected = [next_token_logprobs(base, [*text, *prompt])[len(text) :] for prompt in PROMPTS]
    scores = logprobs(base, behind)
    greedy = sample(base, [prompt for prompt, _ in behind], length=6, seeds=range(5), decoding=Decoding())
    adapter = Adapter(base.train(), PrefixAdaptation(kind="prefix", text=TEXT), directory)
    (directory.parent / "adapter").mkdir()
    adapter.save_pretrained(directory.parent / "adapter")
    characters.save(load_tokenizer(directory), directory.parent / "adapter")
    for model in (adapter.model.eval(), load_model(directory.parent / "adapter", torch.device("cpu"))):
        assert context_length(model) == CONTEXT - len(text)
        for prompt, values in zip(PROMPTS, expected, strict=True):
            assert torch.allclose(next_token_logprobs(model, prompt), values, atol=1e-4)
        for score, value in zip(scores, logprobs(model, [(prompt, [5, 6, 7]) for prompt in PROMPTS]), strict=True):
            assert value == pytest.approx(score, abs=1e-4)
        found = sample(model, PROMPTS, length=6, seeds=range(5), decoding=Decoding())
        assert [one.token_ids for one in found] == [one.token_ids for one in greedy]


def test_a_prefix_of_a_text_is_trained_and_leaves_its_base(directory):
    base = load_model(directory, torch.device("cpu")).train()
    model = Adapter(base, PrefixAdaptation(kind="prefix", text=TEXT), directory).model
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert [parameter.shape[0] for parameter in trained.values()] == [len(TEXT)]
    model(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss.backward()
    (parameter,) = trained.values()
    assert (parameter.grad.abs().sum(1) > 0).all(), "every token of the prefix learns"


def test_a_text_as_long_as_the_context_is_no_prefix(directory):
    base = load_model(directory, torch.device("cpu"))
    longest = PrefixAdaptation(kind="prefix", text="ab" * (CONTEXT // 2))
    with pytest.raises(UserError, match=f"adaptation.text: expected fewer tokens than the context of .* has, {CONTEXT}, found"):
        Adapter(base, longest, directory)
    with pytest.raises(UserError, match="adaptation.text: .*'Z'"):
        Adapter(base, PrefixAdaptation(kind="prefix", text="abZ"), directory)


def test_a_prefix_of_an_encoder_decoder_is_refused(tmp_path):
    for settings in (PrefixAdaptation(kind="prefix", tokens=3), PrefixAdaptation(kind="prefix", text=TEXT)):
        with pytest.raises(UserError, match="a prefix does not reach the encoder of .*; expected full or lora, found prefix"):
            Adapter(build("t5"), settings, tmp_path)
