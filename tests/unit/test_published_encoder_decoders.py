"""Importing published encoder–decoders: as directories that Transformers opens, under the kind that they are declared by."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from support import tiny_gpt2
from support.encoder_decoders import ARCHITECTURES, END, FORCED, PAD, VOCABULARY, build, tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, T5Tokenizer

from relab.checkpoints import load_model, load_tokenizer
from relab.encoded_sources import target_opening
from relab.errors import UserError
from relab.published.model import FILES, import_model
from relab.sampling import sample
from relab.settings.samplings import Decoding

CPU = torch.device("cpu")
TEXT = "a bad cab, a fed bee"


def tokenizer_of(kind):
    """Characters; for T5 as pieces of a unigram model, which alone it takes, with a sign before each word."""
    plain = tokenizer()
    if kind != "t5":
        return plain
    pieces = [piece.replace(" ", "▁") for piece, _ in sorted(plain.get_vocab().items(), key=lambda item: item[1])]
    return T5Tokenizer(vocab=[(piece, 0.0) for piece in pieces], extra_ids=0)


@pytest.fixture(params=ARCHITECTURES)
def asset(request, tmp_path):
    """The files of a published encoder–decoder: none has ``spiece.model``, a Marian with a ``.bin`` alone."""
    folder = tmp_path / "asset"
    model = build(request.param)
    model.save_pretrained(folder)
    tokenizer_of(request.param).save_pretrained(folder)
    assert not (folder / "spiece.model").exists()
    if request.param == "marian":
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "tiny"


def imported(folder, target, encoder_decoder=True):
    return import_model(sorted(folder.iterdir()), target, encoder_decoder=encoder_decoder)


def refused(folder, target, match, encoder_decoder=True):
    with pytest.raises(UserError, match=match) as error:
        imported(folder, target, encoder_decoder)
    assert "\n" not in str(error.value)
    assert not target.exists() or not list(target.iterdir())


def kind_of(folder):
    return json.loads((folder / "config.json").read_bytes())["model_type"]


def test_three_lines_of_transformers_open_what_was_published(asset, target):
    told = imported(asset, target)
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    model, opened = AutoModelForSeq2SeqLM.from_pretrained(target), AutoTokenizer.from_pretrained(target)
    inputs = opened([TEXT, "a cab"], return_tensors="pt", padding=True)
    written = opened.batch_decode(model.generate(**inputs, max_new_tokens=8), skip_special_tokens=True)
    published = build(kind_of(asset))
    expected = published.generate(**inputs, max_new_tokens=8)
    assert written == opened.batch_decode(expected, skip_special_tokens=True) and all(written)
    assert inputs["input_ids"][0].tolist() == tokenizer_of(kind_of(asset))(TEXT)["input_ids"]
    second, mask = inputs["input_ids"][1], inputs["attention_mask"][1].bool()
    assert second[mask][-1] == END and set(second[~mask].tolist()) == {PAD}
    assert opened.decode(second, skip_special_tokens=True) == "a cab"
    assert told["parameters"] == published.num_parameters() and told["unused_weights"] == []
    assert told["format"] == ("pickle" if kind_of(asset) == "marian" else "safetensors")


def test_the_pipeline_opens_it_as_what_it_is(asset, target):
    imported(asset, target)
    model = load_model(target, CPU)
    assert not model.training and model.config.model_type == kind_of(asset)
    source = load_tokenizer(target)(TEXT)["input_ids"]
    (text,) = sample(model, [source], length=8, seeds=[0], decoding=Decoding())
    opening = target_opening(build(kind_of(asset)))
    generated = model.generate(torch.tensor([source]), max_new_tokens=7 + len(opening), eos_token_id=None)[0].tolist()
    assert [*opening, *text.token_ids] == generated


def test_the_same_files_give_the_same_bytes_wherever_they_lie(asset, tmp_path, target):
    imported(asset, target)
    elsewhere = tmp_path / "another place"
    shutil.copytree(asset, elsewhere)
    imported(elsewhere, tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (target / name).read_bytes(), name


def test_declared_as_a_language_model_it_names_the_kind_that_it_is(asset, target):
    """Transformers has BART and Marian as language models, too: their decoders alone."""
    refused(asset, target, "kind: encoder_decoder", encoder_decoder=False)


def test_a_language_model_is_no_encoder_decoder(target):
    refused(tiny_gpt2.FOLDER, target, "model_type is 'gpt2', expected an encoder–decoder that Transformers knows")


def test_what_an_old_configuration_says_of_targets_is_kept(tmp_path, target):
    """Before there was ``generation_config.json``, the forced token and the beams stood in ``config.json``."""
    folder = tmp_path / "asset"
    build("bart").save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    config = json.loads((folder / "config.json").read_bytes())
    said = {"forced_bos_token_id": FORCED, "num_beams": 4, "no_repeat_ngram_size": 3, "min_length": 5}
    (folder / "config.json").write_text(json.dumps({**config, **said}))
    imported(folder, target)
    written = json.loads((target / "generation_config.json").read_bytes())
    assert {key: written[key] for key in said} == said
    assert target_opening(load_model(target, CPU)) == [END, FORCED]


def test_a_missing_weight_and_a_tokenizer_of_another_model_are_told(tmp_path, target):
    folder = tmp_path / "asset"
    build("t5").save_pretrained(folder)
    tokenizer(["abc" * 40]).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "num_layers": 3}))
    refused(folder, target, "weights of the model are missing, among them encoder.block.2")
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer(["".join(map(chr, range(97, 97 + VOCABULARY)))]).save_pretrained(folder)
    refused(folder, target, f"has the token id {VOCABULARY + 2}, but the model has embeddings for {VOCABULARY} tokens")


def test_a_gguf_file_holds_no_encoder_decoder(tmp_path, target):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(UserError, match=r"expected an encoder–decoder in \.safetensors or pytorch_model\.bin, found GGUF"):
        import_model([tmp_path / "model.gguf"], target, encoder_decoder=True)
