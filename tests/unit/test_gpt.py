"""GPT-2 from settings: what is built, what is saved, what Transformers opens again."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from relab import characters, gpt
from relab.settings.models import Architecture

VOCABULARY = 11
SETTINGS = {"width": 12, "layers": 2, "heads": 3, "block": 8, "dropout": 0.2}


def built(seed=0, **settings):
    torch.manual_seed(seed)
    return gpt.build(Architecture(**{**SETTINGS, **settings}), VOCABULARY)


@pytest.mark.parametrize("tied", [True, False])
def test_reloaded_model_gives_equal_logits(tmp_path, tied):
    model = built(tied=tied, activation="relu")
    gpt.save(model, None, tmp_path)
    reloaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokens = torch.randint(VOCABULARY, (3, 8))
    torch.testing.assert_close(reloaded(tokens).logits, model.eval()(tokens).logits)
    shared = reloaded.lm_head.weight.data_ptr() == reloaded.transformer.wte.weight.data_ptr()
    assert shared is tied is reloaded.config.tie_word_embeddings
    assert gpt.parameter_count(reloaded) == gpt.parameter_count(model)


def test_settings_reach_the_model():
    settings = {"activation": "relu", "initializer_range": 0.1, "tied": False}
    config = built(**settings).config
    assert (config.n_embd, config.n_layer, config.n_head, config.n_positions, config.vocab_size) == (12, 2, 3, 8, VOCABULARY)
    assert (config.embd_pdrop, config.attn_pdrop, config.resid_pdrop) == (0.2, 0.2, 0.2)
    assert (config.activation_function, config.initializer_range, config.tie_word_embeddings) == ("relu", 0.1, False)
    assert (config.bos_token_id, config.eos_token_id) == (None, None)


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_new"])
def test_activations_differ(activation):
    module = built(activation=activation).transformer.h[0].mlp.act
    values = torch.linspace(-2, 2, 9)
    expected = {
        "relu": torch.relu(values),
        "gelu": torch.nn.functional.gelu(values),
        "gelu_new": torch.nn.functional.gelu(values, approximate="tanh"),
    }
    torch.testing.assert_close(module(values), expected[activation])


@pytest.mark.parametrize("tied", [True, False])
def test_number_of_parameters(tied):
    width = SETTINGS["width"]
    block = (4 * width * width + 4 * width) + (8 * width * width + 5 * width) + 4 * width
    expected = (VOCABULARY + 8) * width + 2 * block + 2 * width + (0 if tied else VOCABULARY * width)
    assert gpt.parameter_count(built(tied=tied)) == expected


def test_initial_weights():
    torch.manual_seed(0)
    model = gpt.build(Architecture(width=128, layers=2, heads=4, block=64, initializer_range=0.05, tied=False), 100)
    block = model.transformer.h[1]
    for weight in (model.transformer.wte.weight, model.lm_head.weight, block.attn.c_attn.weight, block.mlp.c_fc.weight):
        assert weight.std().item() == pytest.approx(0.05, rel=0.05)
    for weight in (block.attn.c_proj.weight, block.mlp.c_proj.weight):
        assert weight.std().item() == pytest.approx(0.05 / math.sqrt(2 * 2), rel=0.05)
    assert block.attn.c_attn.bias.abs().max() == 0


def test_initial_weights_of_glorot_and_bengio():
    torch.manual_seed(0)
    settings = {"width": 64, "layers": 1, "heads": 4, "block": 32, "initialisation": "xavier", "tied": False}
    model = gpt.build(Architecture(**settings), 100)
    block = model.transformer.h[0]
    for weight in (model.transformer.wte.weight, model.lm_head.weight, block.mlp.c_fc.weight, block.mlp.c_proj.weight):
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.98 * bound < weight.abs().max().item() <= bound
    assert block.attn.c_attn.bias.abs().max() == 0 and (block.ln_1.weight == 1).all()


def test_seed_decides_the_weights():
    one, again, other = (built(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["transformer.wte.weight"], other["transformer.wte.weight"])


def test_dropout_acts_in_training_only():
    model = built()
    tokens = torch.randint(VOCABULARY, (2, 8))
    assert model.training
    assert not torch.equal(model(tokens).logits, model(tokens).logits)
    model.eval()
    assert torch.equal(model(tokens).logits, model(tokens).logits)


def test_saved_files(tmp_path, capfd):
    text = "hello world\n"
    tokenizer = characters.build(text)
    characters.save(tokenizer, tmp_path / "tokenizer")
    names = {"config.json", "generation_config.json", "model.safetensors"}
    tokenizer_names = {"tokenizer.json", "tokenizer_config.json"}
    for folder in ("one", "two"):
        paths = gpt.save(built(), tmp_path / "tokenizer", tmp_path / folder)
        assert {path.name for path in paths} == {path.name for path in (tmp_path / folder).iterdir()} == names | tokenizer_names
    assert capfd.readouterr() == ("", "")
    for name in names | tokenizer_names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert gpt.save(built(), None, tmp_path / "last") == [tmp_path / "last" / name for name in sorted(names)]
    assert AutoTokenizer.from_pretrained(tmp_path / "one")(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_saved_model_is_an_ordinary_one(tmp_path):
    gpt.save(built(), None, tmp_path)
    assert "relab" not in (tmp_path / "config.json").read_text()
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["GPT2LMHeadModel"]
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.float32}
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
