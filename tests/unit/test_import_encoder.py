"""Importing published encoders: the network without the heads it was trained with, and what is no encoder."""

from __future__ import annotations

import json
import runpy
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny_bert, tiny_gguf, tiny_gpt2
from support.runs import CHECKOUT
from transformers import BertForMaskedLM

from relab.checkpoints import load_encoder, load_tokenizer
from relab.errors import UserError
from relab.published.encoder import FILES, import_encoder

CPU = torch.device("cpu")
TEXT = "The cat sat on the mat, and then it was not seen again."


@pytest.fixture
def asset(tmp_path):
    """The files of the miniature, to be changed."""
    return tiny_bert.write(tmp_path / "asset")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "tiny"


def imported(folder, target):
    return import_encoder(sorted(folder.iterdir()), target)


def hidden(model):
    with torch.inference_mode():
        return model(input_ids=torch.arange(5, 17)[None]).last_hidden_state


def refused(folder, target, match):
    with pytest.raises(UserError, match=match) as error:
        imported(folder, target)
    assert not target.exists() or not list(target.iterdir())
    assert "\n" not in str(error.value)
    return str(error.value)


def change(path, **keys):
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def test_an_import_is_the_network_without_its_heads(asset, target):
    published = tiny_bert.model()
    told = imported(asset, target)
    heads = {name for name in load_file(asset / "model.safetensors") if name.startswith("cls.")}
    assert len(heads) == 7
    assert set(told["unused_weights"]) == heads
    assert told["format"] == "safetensors"
    assert told["parameters"] == sum(weight.numel() for weight in published.bert.parameters())
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    assert not any(name.startswith("cls.") for name in load_file(target / "model.safetensors"))
    assert torch.equal(hidden(load_encoder(target, CPU)), hidden(published.bert))


def test_its_tokenizer_comes_with_it(asset, target):
    imported(asset, target)
    words = "[CLS] the cat sat on the mat [UNK] and then it was not seen again [UNK] [SEP]"
    ids = [tiny_bert.VOCABULARY.index(word) for word in words.split()]
    assert load_tokenizer(target)(TEXT).input_ids == ids


def test_the_same_files_give_the_same_bytes(asset, tmp_path, target):
    imported(asset, target)
    shutil.copytree(asset, tmp_path / "another place")
    torch.manual_seed(1)
    imported(tmp_path / "another place", tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (target / name).read_bytes(), name


def test_a_pickle_of_weights_is_read_where_there_is_nothing_else(asset, target):
    torch.save(load_file(asset / "model.safetensors"), asset / "pytorch_model.bin")
    (asset / "model.safetensors").unlink()
    assert imported(asset, target)["format"] == "pickle"
    assert torch.equal(hidden(load_encoder(target, CPU)), hidden(tiny_bert.model().bert))


def test_a_masked_language_model_has_no_pooler(tmp_path, target):
    asset = tiny_bert.write(tmp_path / "masked", BertForMaskedLM)
    told = imported(asset, target)
    assert all(name.startswith("cls.predictions.") for name in told["unused_weights"])
    first = (target / "model.safetensors").read_bytes()
    assert torch.equal(hidden(load_encoder(target, CPU)), hidden(tiny_bert.model(BertForMaskedLM).bert))
    imported(asset, target)
    assert (target / "model.safetensors").read_bytes() == first


def test_missing_weights_are_named(asset, target):
    weights = load_file(asset / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, asset / "model.safetensors", {"format": "pt"})
    refused(asset, target, "1 weights of the model are missing, among them encoder.layer.1.output.dense.weight")


def test_what_is_no_encoder_is_refused(asset, tmp_path, target):
    shutil.copytree(tiny_gpt2.FOLDER, tmp_path / "gpt2")
    told = refused(tmp_path / "gpt2", target, "model_type is 'gpt2', expected an encoder")
    assert told.startswith(str(tmp_path / "gpt2" / "config.json"))
    (tmp_path / "gguf").mkdir()
    tiny_gguf.write(tmp_path / "gguf" / "model.gguf")
    refused(tmp_path / "gguf", target, r"model.gguf: expected an encoder .* in .safetensors or pytorch_model.bin, found GGUF")
    change(asset / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    refused(asset, target, "its weights are quantized")


def test_code_beside_an_encoder_never_runs(asset, tmp_path, target):
    mark = tmp_path / "run"
    (asset / "own.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nfrom transformers import BertModel as Own\n"
    )
    change(asset / "config.json", auto_map={"AutoModel": "own.Own"})
    imported(asset, target)
    load_encoder(target, CPU)
    assert not mark.exists()
    assert "auto_map" not in json.loads((target / "config.json").read_text())
    change(asset / "config.json", model_type="own")
    with pytest.raises(UserError, match="model_type is 'own'.*code that comes with a model .* is never run"):
        imported(asset, target)


def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(asset, target):
    told = json.loads((asset / "tokenizer.json").read_text())
    told["model"]["vocab"]["zebra"] = len(tiny_bert.VOCABULARY)
    (asset / "tokenizer.json").write_text(json.dumps(told))
    last = len(tiny_bert.VOCABULARY)
    refused(asset, target, f"the tokenizer has the token id {last}, but the model has embeddings for {last} tokens")


def run_here(monkeypatch, folder, target, record):
    words = ["--files", *sorted(map(str, folder.iterdir())), "--output-dir", str(target)]
    spec = json.dumps({"kind": "encoder", "asset": "tiny"})
    program = str(CHECKOUT / "scripts" / "import_encoder.py")
    monkeypatch.setattr(sys, "argv", [program, *words, "--spec", spec, "--provenance", str(record)])
    monkeypatch.setenv("TQDM_DISABLE", "1")  # as the program sets it, but taken back
    runpy.run_path(program, run_name="__main__")


def test_the_program_records_what_it_did(asset, target, tmp_path, monkeypatch, capsys):
    run_here(monkeypatch, asset, target, tmp_path / "provenance.json")
    parameters = sum(weight.numel() for weight in tiny_bert.model().bert.parameters())
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{parameters:,} parameters from safetensors"
    assert told[1].startswith("not used: cls.predictions.bias")
    told = json.loads((tmp_path / "provenance.json").read_text())
    assert (told["format"], told["parameters"]) == ("safetensors", parameters)
    assert set(told["outputs"]) == {str(target / name) for name in FILES}


def test_the_program_ends_on_an_error_in_one_sentence(asset, target, tmp_path, monkeypatch):
    (asset / "config.json").unlink()
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, asset, target, tmp_path / "provenance.json")
    assert stop.value.code.startswith("error: model: found only ") and "\n" not in stop.value.code
    assert not target.exists() and not (tmp_path / "provenance.json").exists()
