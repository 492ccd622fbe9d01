"""Importing published models: every format, every file that lacks or lies, and code that must never run."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import architectures, tiny_bert, tiny_gguf, tiny_gpt2
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel, GPT2Tokenizer

from relab.checkpoints import end_tokens, load_model, load_tokenizer, start_token
from relab.errors import UserError
from relab.published.model import FILES, import_model
from relab.sampling.loop import sample
from relab.sampling.prompts import LanguageModel
from relab.settings.asking import Asking

CPU = torch.device("cpu")
TEXT = "Antipholus of Syracuse, 1592:  12 marks"


@pytest.fixture
def asset(tmp_path):
    """The files of the miniature, to be changed."""
    shutil.copytree(tiny_gpt2.FOLDER, tmp_path / "asset")
    return tmp_path / "asset"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "tiny"


def imported(folder, target):
    return import_model(sorted(folder.iterdir()), target)


def logits(model, length=12):
    with torch.inference_mode():
        return model.eval()(torch.arange(length)[None]).logits


def change(path, **keys):
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def refused(folder, target, match):
    with pytest.raises(UserError, match=match) as error:
        imported(folder, target)
    assert not target.exists() or not list(target.iterdir())
    return str(error.value)


def test_the_miniature_still_loads_and_is_small():
    assert sorted(path.name for path in tiny_gpt2.FOLDER.iterdir()) == sorted(tiny_gpt2.FILES)
    assert sum(path.stat().st_size for path in tiny_gpt2.FOLDER.iterdir()) < 100_000
    tokenizer = GPT2Tokenizer.from_pretrained(tiny_gpt2.FOLDER)
    assert tokenizer.get_vocab() == tiny_gpt2.tokenizer().get_vocab()
    model, made = GPT2LMHeadModel.from_pretrained(tiny_gpt2.FOLDER), tiny_gpt2.model(tokenizer.eos_token_id)
    torch.testing.assert_close(model.state_dict(), made.state_dict())
    assert model.config.vocab_size == len(tokenizer) == tiny_gpt2.VOCABULARY
    assert logits(model)[0].argmax(-1).unique().numel() > 5  # contexts matter


def test_an_import_is_a_model_directory_with_the_same_logits(asset, target):
    told = imported(asset, target)
    assert told == {"format": "safetensors", "parameters": 9_456, "unused_weights": [], "tokens_beyond_vocabulary": {}}
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    assert torch.equal(logits(load_model(target, CPU)), logits(GPT2LMHeadModel.from_pretrained(tiny_gpt2.FOLDER)))
    tokenizer = load_tokenizer(target)
    assert tokenizer(TEXT).input_ids == GPT2Tokenizer.from_pretrained(tiny_gpt2.FOLDER)(TEXT).input_ids
    assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT


def test_the_same_files_give_the_same_bytes_wherever_they_lie(asset, tmp_path, target, monkeypatch):
    imported(asset, target)
    elsewhere = tmp_path / "another place"
    elsewhere.mkdir()
    for path in asset.iterdir():  # links into a cache, as downloads are
        (elsewhere / path.name).symlink_to(path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    imported(elsewhere, tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (target / name).read_bytes(), name


def test_weights_in_parts_become_one_file(asset, target):
    model = GPT2LMHeadModel.from_pretrained(asset)
    (asset / "model.safetensors").unlink()
    model.save_pretrained(asset, max_shard_size="10KB")
    assert len(list(asset.glob("*.safetensors"))) > 1
    imported(asset, target)
    assert torch.equal(logits(load_model(target, CPU)), logits(model))


def test_parts_need_their_index_and_all_of_them(asset, target):
    GPT2LMHeadModel.from_pretrained(asset).save_pretrained(asset, max_shard_size="10KB")
    (asset / "model.safetensors").unlink()
    part = sorted(asset.glob("*.safetensors"))[-1]
    part.rename(asset.parent / part.name)
    refused(asset, target, f"index.json: names {part.name}, which is not among")
    (asset.parent / part.name).rename(part)
    (asset / "model.safetensors.index.json").unlink()
    refused(asset, target, r"need one index \(model.safetensors.index.json\), found none")


def test_one_file_of_weights_may_have_any_name(asset, target):
    (asset / "model.safetensors").rename(asset / "weights-of-2019.safetensors")
    imported(asset, target)
    assert (target / "model.safetensors").is_file()


def test_a_pickle_of_weights_is_read_where_there_is_nothing_else(asset, target):
    torch.save(load_file(asset / "model.safetensors"), asset / "pytorch_model.bin")
    (asset / "model.safetensors").unlink()
    assert imported(asset, target)["format"] == "pickle"
    assert torch.equal(logits(load_model(target, CPU)), logits(GPT2LMHeadModel.from_pretrained(tiny_gpt2.FOLDER)))


class Payload:
    """What a pickle runs when it is opened without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_not_run(asset, target, tmp_path):
    torch.save({"transformer.wte.weight": Payload(tmp_path / "run")}, asset / "pytorch_model.bin")
    assert imported(asset, target)["format"] == "safetensors"  # nobody looks at it
    shutil.rmtree(target)
    (asset / "model.safetensors").unlink()
    told = refused(asset, target, "cannot be opened as a causal language model")
    assert "trust" not in told  # torch says how to run the code after all
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["tf_model.h5", "flax_model.msgpack", "model.pt", None])
def test_other_weights_are_refused_by_name(asset, target, name):
    (asset / "model.safetensors").unlink()
    if name:
        (asset / name).write_bytes(b"weights")
    found = refused(asset, target, "weights: found only .*expected one or more .safetensors, one .gguf, or pytorch_model.bin")
    assert name is None or name in found


CODE = (
    "import pathlib\npathlib.Path({path!r}).touch()\nfrom transformers import GPT2LMHeadModel as Own, GPT2Config as OwnConfig\n"
)
MAP = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"model_type": "own", "auto_map": MAP}, "model_type is 'own'.*code that comes with a model .* is never run"),
        ({"model_type": "t5"}, "model_type is 't5', expected a causal language model"),
        ({"architectures": ["OwnLMHeadModel"], "auto_map": MAP}, "architectures names OwnLMHeadModel.*is never run"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "its weights are quantized"),
    ],
)
def test_configurations_of_other_models_are_refused(asset, target, tmp_path, keys, told):
    (asset / "own.py").write_text(CODE.format(path=str(tmp_path / "run")))
    change(asset / "config.json", **keys)
    refused(asset, target, told)
    assert not (tmp_path / "run").exists()


def test_code_beside_a_known_architecture_never_runs(asset, target, tmp_path):
    (asset / "own.py").write_text(CODE.format(path=str(tmp_path / "run")))
    change(asset / "config.json", auto_map=MAP)
    imported(asset, target)
    load_model(target, CPU)
    assert not (tmp_path / "run").exists()
    assert "auto_map" not in json.loads((target / "config.json").read_text())
    assert not list(target.glob("*.py"))


def test_code_of_a_tokenizer_never_runs(asset, target, tmp_path):
    (asset / "own.py").write_text(CODE.format(path=str(tmp_path / "run")))
    told = {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (asset / "tokenizer_config.json").write_text(json.dumps(told))
    refused(asset, target, "cannot be opened as a tokenizer")
    assert not (tmp_path / "run").exists()


def without(weights: dict, *names: str) -> dict:
    return {name: weight for name, weight in weights.items() if name not in names}


def test_missing_weights_are_named(asset, target):
    weights = load_file(asset / "model.safetensors")
    save_file(without(weights, "transformer.h.0.mlp.c_fc.weight"), asset / "model.safetensors", {"format": "pt"})
    refused(asset, target, "1 weights of the model are missing, among them transformer.h.0.mlp.c_fc.weight")
    change(asset / "config.json", n_layer=3)
    refused(asset, target, "25 weights of the model are missing")


def test_weights_of_another_size_are_refused(asset, target):
    change(asset / "config.json", n_positions=65)
    refused(asset, target, "cannot be opened as a causal language model")


def test_weights_that_are_not_used_are_told(asset, target):
    weights = load_file(asset / "model.safetensors")
    save_file({**weights, "value_head.weight": torch.zeros(3)}, asset / "model.safetensors", {"format": "pt"})
    assert imported(asset, target)["unused_weights"] == ["value_head.weight"]


def test_damaged_files_are_told(asset, target):
    whole = (asset / "model.safetensors").read_bytes()
    (asset / "model.safetensors").write_bytes(whole[:1000])
    refused(asset, target, "cannot be opened as a causal language model")
    (asset / "model.safetensors").write_bytes(whole)
    (asset / "config.json").write_text("{")
    refused(asset, target, "config.json: not JSON")


def test_what_a_model_needs_beside_weights(asset, target):
    (asset / "merges.txt").unlink()
    refused(asset, target, "tokenizer: found only .*expected tokenizer.json, vocab.json and merges.txt")
    shutil.copy(tiny_gpt2.FOLDER / "merges.txt", asset)
    (asset / "config.json").unlink()
    refused(asset, target, "expected config.json beside the weights")


def test_a_tokenizer_of_another_model_is_refused(asset, target):
    vocabulary = json.loads((asset / "vocab.json").read_text())
    (asset / "vocab.json").write_text(json.dumps(vocabulary | {"more": len(vocabulary)}))
    refused(asset, target, "the tokenizer has the token id 320, but the model has embeddings for 320 tokens")


def test_settings_of_generation_are_kept(asset, target):
    (asset / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 7], "bos_token_id": 0}))
    imported(asset, target)
    model, tokenizer = load_model(target, CPU), load_tokenizer(target)
    assert end_tokens(model, tokenizer) == [0, 7]
    assert start_token(model, tokenizer) == 0


def test_half_precision_stays_as_it_is_stored(asset, target):
    GPT2LMHeadModel.from_pretrained(asset).to(torch.float16).save_pretrained(asset)
    imported(asset, target)
    assert {weight.dtype for weight in load_file(target / "model.safetensors").values()} == {torch.float16}
    assert load_model(target, CPU).dtype == torch.float32


# GGUF


@pytest.fixture
def gguf(tmp_path):
    folder = tmp_path / "asset_gguf"
    folder.mkdir()
    return folder


def test_a_gguf_file_holds_the_model_that_was_written(gguf, target):
    tiny_gguf.write(gguf / "model.gguf")
    told = imported(gguf, target)
    model = tiny_gguf.llama()
    assert told == {
        "format": "gguf",
        "parameters": model.num_parameters(),
        "unused_weights": [],
        "tokens_beyond_vocabulary": {},
    }
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    torch.testing.assert_close(logits(load_model(target, CPU)), logits(model))


@pytest.mark.parametrize("quantization", ["Q8_0", "Q4_1"])
def test_quantized_weights_are_what_transformers_makes_of_them(gguf, target, quantization):
    tiny_gguf.write(gguf / "model.gguf", quantization)
    imported(gguf, target)
    theirs = AutoModelForCausalLM.from_pretrained(gguf, gguf_file="model.gguf", dtype=torch.float32)
    ours = load_model(target, CPU)
    assert torch.equal(logits(ours), logits(theirs))
    assert not torch.equal(logits(ours), logits(tiny_gguf.llama()))
    assert {weight.dtype for weight in load_file(target / "model.safetensors").values()} == {torch.float32}


def test_the_tokenizer_of_a_gguf_file(gguf, target):
    tiny_gguf.write(gguf / "model.gguf", pre="gpt-2")
    imported(gguf, target)
    tokenizer = load_tokenizer(target)
    theirs = AutoTokenizer.from_pretrained(gguf, gguf_file="model.gguf")
    assert tokenizer(TEXT).input_ids == theirs(TEXT).input_ids
    assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT
    assert tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer("<|endoftext|>", split_special_tokens=False).input_ids == [tokenizer.eos_token_id]
    assert end_tokens(load_model(target, CPU), tokenizer) == [tokenizer.eos_token_id]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "hi"


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [
        ("gpt-2", ["a", "Ġ", "Ġ(", "12", "Ġb"]),
        ("smollm", ["a", "Ġ", "Ġ(", "1", "2", "Ġb"]),
        ("starcoder", ["a", "Ġ", "Ġ(", "1", "2", "Ġb"]),
        ("qwen2", ["a", "Ġ", "Ġ(", "1", "2", "Ġb"]),
        ("llama-bpe", ["a", "Ġ", "Ġ(", "12", "Ġb"]),
    ],
)
def test_texts_are_split_as_the_file_says(gguf, target, pre, pieces):
    tiny_gguf.write(gguf / "model.gguf", pre=pre)
    imported(gguf, target)
    found = load_tokenizer(target).backend_tokenizer.pre_tokenizer.pre_tokenize_str("a  (12 b")
    assert [piece for piece, _ in found] == pieces


@pytest.mark.parametrize("pre", ["an_unknown_one", "default", None])
def test_an_unknown_way_of_splitting_texts_is_refused_until_the_tokenizer_lies_beside_the_file(gguf, target, pre):
    tiny_gguf.write(gguf / "model.gguf", pre=pre)
    refused(
        gguf, target, rf"model.gguf: .* not known here \(tokenizer.ggml.pre is {pre!r}\); put the model's tokenizer.json among"
    )
    expected = tiny_gpt2.tokenizer()
    expected.backend_tokenizer.save(str(gguf / "tokenizer.json"))
    imported(gguf, target)
    assert load_tokenizer(target)(TEXT).input_ids == expected(TEXT).input_ids


def test_gguf_files_that_cannot_be_imported(gguf, target):
    one = tiny_gguf.write(gguf / "model.gguf", without="blk.1.ffn_up.weight")
    refused(gguf, target, "1 weights of the model are missing, among them model.layers.1.mlp.up_proj.weight")
    one.write_bytes(one.read_bytes()[:2000])
    refused(gguf, target, "model.gguf: cannot be opened as")
    one.write_bytes(b"no GGUF at all")
    refused(gguf, target, "model.gguf: cannot be opened as")
    tiny_gguf.write(one, architecture="rwkv6")
    refused(gguf, target, "model.gguf: cannot be opened as a language model in GGUF .*rwkv6")
    shutil.copy(one, gguf / "other.gguf")
    refused(gguf, target, "the GGUF files model.gguf, other.gguf, expected")


# what configurations and weights are called


def test_special_tokens_beyond_the_vocabulary_are_left_out_and_told(asset, target, tmp_path):
    change(asset / "config.json", bos_token_id=50256, eos_token_id=50256)
    (asset / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 320], "pad_token_id": 319}))
    record = imported(asset, target)
    assert record["tokens_beyond_vocabulary"] == {"bos_token_id": [50256], "eos_token_id": [320, 50256]}
    model, tokenizer = load_model(target, CPU), load_tokenizer(target)
    assert (model.config.eos_token_id, model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (
        None,
        [0],
        319,
    )
    assert (end_tokens(model, tokenizer), start_token(model, tokenizer)) == ([0], 0)
    sample(model, [[5]], length=3, seeds=[0], stop=end_tokens(model, tokenizer))
    change(asset / "config.json", eos_token_id=319)
    assert imported(asset, tmp_path / "again")["tokens_beyond_vocabulary"] == {"bos_token_id": [50256], "eos_token_id": [320]}


@pytest.mark.parametrize(
    "name", ["_orig_mod.transformer.", "transformer._orig_mod.", "module.transformer.", "module._orig_mod.transformer."]
)
def test_weights_of_a_wrapped_network_are_those_of_the_network(asset, target, name):
    """As torch.compile of the whole or a part of it, and data parallelism, name them."""
    weights = load_file(asset / "model.safetensors")
    renamed = {weight.replace("transformer.", name): value for weight, value in weights.items()}
    save_file(renamed, asset / "model.safetensors", {"format": "pt"})
    assert imported(asset, target)["unused_weights"] == []
    assert set(load_file(target / "model.safetensors")) == set(weights)
    assert torch.equal(logits(load_model(target, CPU)), logits(GPT2LMHeadModel.from_pretrained(tiny_gpt2.FOLDER)))


@pytest.mark.parametrize("tokenizer_class", [None, "BertTokenizer", "BertTokenizerFast"])
def test_a_gpt2_with_word_pieces(tmp_path, target, tokenizer_class):
    """As GPT-2s of Chinese are published: BERT's list of pieces, and GPT-2's special tokens in config.json."""
    model = architectures.build(AutoModelForCausalLM, "gpt2", architectures.CAUSAL["gpt2"])
    model.save_pretrained(tmp_path / "asset")
    (tmp_path / "asset" / "generation_config.json").unlink()
    (tmp_path / "asset" / "vocab.txt").write_text("\n".join(tiny_bert.VOCABULARY) + "\n")
    named = {} if tokenizer_class is None else {"tokenizer_class": tokenizer_class}
    change(tmp_path / "asset" / "config.json", bos_token_id=50256, eos_token_id=50256, **named)
    imported(tmp_path / "asset", target)
    tokenizer = load_tokenizer(target)
    ids = tokenizer("The cat sat").input_ids
    assert [tiny_bert.VOCABULARY[token] for token in ids] == ["[CLS]", "the", "cat", "sat", "[SEP]"]
    lm = LanguageModel(load_model(target, CPU), tokenizer)
    assert lm.ask("The cat", Asking(), "prompts.0", "method").token_ids == ids[:3]
    assert (lm.ask("", Asking(), "prompts.0", "method").token_ids, lm.ends()) == (ids[:1], [])
