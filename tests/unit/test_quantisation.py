"""Models of fewer bits: how they open, what they compute, what their weights take, and what cannot be quantised."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from support.tiny_gpt2 import FOLDER
from transformers import LlamaConfig, LlamaForCausalLM

from relab import precision
from relab.adapters import Adapter
from relab.checkpoints import load_for_training, load_model
from relab.errors import UserError
from relab.precision import BITSANDBYTES, QUANTISED
from relab.published.model import import_model
from relab.quantisation import bitsandbytes_settings
from relab.rows.quantised.sizes import bytes_in_memory, bytes_on_disk
from relab.sampling import sample
from relab.scoring import logprobs, next_token_logprobs
from relab.settings.encoders import Encoder
from relab.settings.models import LoraAdaptation, PrefixAdaptation
from relab.settings.samplings import Decoding

CPU = torch.device("cpu")
IDS = [5, 17, 90, 3, 42, 99, 50, 7]
ADAPTATIONS = {"lora": LoraAdaptation(kind="lora", rank=2), "prefix": PrefixAdaptation(kind="prefix", tokens=3)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Model directories: a Llama with random weights, and two adapters of it that were drawn at random."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=100, max_position_embeddings=64, tie_word_embeddings=True, initializer_range=0.2, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder / "llama")
    for name, adaptation in ADAPTATIONS.items():
        adapter = Adapter(load_model(folder / "llama", CPU), adaptation, folder / "llama")
        with torch.no_grad():
            for parameter in adapter.model.parameters():
                if parameter.requires_grad:
                    parameter.normal_(0, 0.3)
        (folder / name).mkdir()
        adapter.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A GPT-2, whose layers are Conv1D."""
    directory = tmp_path_factory.mktemp("models") / "gpt2"
    import_model(sorted(FOLDER.glob("*.*")), directory)
    return directory


def distance(directory, asked) -> float:
    """The mean distance of log-probabilities from those of full precision."""
    expected, found = (next_token_logprobs(load_model(directory, CPU, form), IDS) for form in ("float32", asked))
    return float((expected - found).abs().mean())


@pytest.mark.parametrize("name", ["llama", *ADAPTATIONS])
@pytest.mark.parametrize("asked", QUANTISED)
def test_a_quantised_model_is_nearly_the_same(folder, name, asked):
    assert 0 < distance(folder / name, asked) < 0.7
    model = load_model(folder / name, CPU, asked)
    assert precision.used(model) == f"{asked} beside float32" and not model.training


def test_fewer_bits_are_less_exact(folder):
    eight, four = (distance(folder / "llama", asked) for asked in BITSANDBYTES)
    assert eight < four / 2


@pytest.mark.parametrize("name", ADAPTATIONS)
@pytest.mark.parametrize("asked", QUANTISED)
def test_an_adapter_acts_beside_a_quantised_base_with_its_own_weights(folder, name, asked):
    plain, adapted = (next_token_logprobs(load_model(folder / path, CPU, asked), IDS) for path in ("llama", name))
    assert (plain - adapted).abs().mean() > 1.5 * distance(folder / name, asked)
    stored = load_file(folder / name / "adapter_model.safetensors")
    held = [tensor for tensor in load_model(folder / name, CPU, asked).state_dict().values() if torch.is_tensor(tensor)]
    for value in stored.values() if name == "lora" else ():
        assert any(tensor.shape == value.shape and torch.equal(tensor, value) for tensor in held)


@pytest.mark.parametrize("asked", QUANTISED)
@pytest.mark.parametrize("method", [Decoding(), Decoding(num_beams=2)], ids=["best", "search"])
def test_sampling_gives_the_probabilities_that_scoring_gives(folder, asked, method):
    model = load_model(folder / "llama", CPU, asked)
    (text,) = sample(model, [IDS[:4]], length=8, seeds=[0], decoding=method)
    (scored,) = logprobs(model, [(IDS[:4], text.token_ids)])
    # PyTorch's scale of activations is that of all that is computed at once
    assert text.logprobs == pytest.approx(scored, abs=1.0 if asked == "dynamic_int8" else 0.1)


def test_sizes_are_those_of_the_numbers(folder):
    disk, memory = {}, {}
    for asked in ("float32", "bfloat16", *QUANTISED):
        model = load_model(folder / "llama", CPU, asked)
        disk[asked] = bytes_on_disk(model)
        next_token_logprobs(model, IDS)
        memory[asked] = bytes_in_memory(model)
    numbers = sum(value.numel() for value in load_file(folder / "llama" / "model.safetensors").values())
    assert disk["float32"] == 4 * numbers and disk["bfloat16"] == 2 * numbers
    rounded = 2 * (4 * 64 * 64 + 3 * 64 * 128)  # the numbers in linear layers; the others are as they were
    kept = 4 * (numbers - rounded)
    for asked, bytes_each in {"8bit": 1, "4bit": 0.5, "dynamic_int8": 1}.items():
        # and scales: one float32 for each row or each 64 numbers, and what says which format it is
        assert bytes_each * rounded + kept <= disk[asked] < (bytes_each + 0.2) * rounded + kept
        assert disk[asked] * 0.9 < memory[asked] < disk[asked] * 1.1
    assert memory["float32"] >= disk["float32"]


@pytest.mark.parametrize("asked", BITSANDBYTES)
def test_gradients_pass_a_quantised_base_after_an_evaluation_too(folder, asked):
    model = load_for_training(folder / "llama", CPU, torch.float32, bitsandbytes_settings(asked, CPU))
    adapted = Adapter(model, ADAPTATIONS["lora"], folder / "llama").model
    adapted.eval()
    with torch.no_grad():
        adapted(torch.tensor([IDS]))
    adapted.train()
    adapted(torch.tensor([IDS]), labels=torch.tensor([IDS])).loss.backward()
    trained = {name: weight for name, weight in adapted.named_parameters() if "lora_B" in name}
    assert len(trained) == 4 and all(weight.grad.abs().max() > 0 for weight in trained.values())


@pytest.mark.parametrize("asked", BITSANDBYTES)
def test_bitsandbytes_rounds_the_layers_of_a_gpt2_too(gpt2, asked):
    assert 0 < distance(gpt2, asked) < 0.5


def test_pytorch_finds_nothing_to_round_in_a_gpt2(gpt2):
    with pytest.raises(UserError, match="dynamic_int8 needs layers of torch.nn.Linear, found none beside the output layer"):
        load_model(gpt2, CPU, "dynamic_int8")


def test_pytorch_rounds_on_a_cpu_only(folder):
    with pytest.raises(UserError, match="dynamic_int8 runs on a CPU only, and this job runs on cuda"):
        load_model(folder / "llama", torch.device("cuda"), "dynamic_int8")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="precision: 4bit needs the package bitsandbytes, which is not installed here"):
        bitsandbytes_settings("4bit", CPU)


def test_quantised_models_open_without_a_word(folder, capfd, recwarn):
    for asked in QUANTISED:
        next_token_logprobs(load_model(folder / "llama", CPU, asked), IDS)
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_encoders_are_not_quantised():
    with pytest.raises(ValidationError, match="precision"):
        Encoder(model="minilm", precision="8bit")
