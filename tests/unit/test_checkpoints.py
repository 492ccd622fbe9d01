"""Opening model and tokenizer directories, and what their special tokens are."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import torch
from support import tiny_gpt2
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from relab import bytepair, characters, gpt
from relab.checkpoints import end_tokens, load_model, load_tokenizer, start_text, start_token, without_progress_bar
from relab.errors import UserError
from relab.published.model import import_model
from relab.settings.models import Architecture

CPU = torch.device("cpu")


@pytest.fixture
def published(tmp_path):
    import_model([tiny_gpt2.FOLDER / name for name in tiny_gpt2.FILES], tmp_path / "published")
    return tmp_path / "published"


@pytest.fixture
def trained(tmp_path):
    """A model of characters as the training job leaves it."""
    characters.save(characters.build("ab\n"), tmp_path / "characters")
    model = gpt.build(Architecture(width=4, layers=1, heads=1, block=8, dropout=0.5), 3)
    gpt.save(model, tmp_path / "characters", tmp_path / "trained")
    return tmp_path / "trained"


def test_a_model_is_opened_to_be_used(published, trained):
    for directory in (published, trained):
        model = load_model(directory, CPU)
        assert not model.training
        assert (model.dtype, model.device) == (torch.float32, CPU)


def test_a_published_model_knows_where_texts_start_and_end(published):
    model, tokenizer = load_model(published, CPU), load_tokenizer(published)
    assert end_tokens(model, tokenizer) == [tokenizer.convert_tokens_to_ids("<|endoftext|>")]
    assert start_token(model, tokenizer) == tokenizer.convert_tokens_to_ids("<|endoftext|>")


#: The marks of tokenizers in the shape of published ones: what they are told to be, those that are special, the mark before
#: every text, the token that a text starts from.
SHAPES = {
    "SmolLM2": ({"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, ["<|endoftext|>"], None, "<|endoftext|>"),
    "GPT-2": ({"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, [], None, "<|endoftext|>"),
    "Qwen": ({"eos_token": "<|im_end|>"}, ["<|endoftext|>", "<|im_start|>"], None, "<|endoftext|>"),
    "Llama": ({"bos_token": "<s>", "eos_token": "</s>"}, [], "<s>", "<s>"),
    "Llama without its template": ({"bos_token": "<s>", "eos_token": "</s>"}, [], None, "<s>"),
    "OPT": ({"bos_token": "</s>", "eos_token": "</s>"}, [], "</s>", "</s>"),
    "Phi-3": ({"bos_token": "<s>", "eos_token": "<|endoftext|>"}, [], "<s>", "<s>"),
    "BERT": ({"cls_token": "[CLS]", "sep_token": "[SEP]"}, [], "[CLS]", "[CLS]"),
    "no mark": ({}, [], None, None),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_token_that_a_text_starts_from(shape):
    told, special, before, expected = SHAPES[shape]
    # the mark is a plain entry of every vocabulary, as of OPT's, where it stood between no texts
    vocabulary = {"a": 0, "?": 1, "<|endoftext|>": 2}
    marks = [*dict.fromkeys([*told.values(), *special])]
    vocabulary |= {mark: 3 + number for number, mark in enumerate(marks) if mark not in vocabulary}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if before:
        pairs = [(before, vocabulary[before])]
        backend.post_processor = processors.TemplateProcessing(single=f"{before} $A", special_tokens=pairs)
    more = {"additional_special_tokens": special} if special else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?", **told, **more)
    unsaid = SimpleNamespace(bos_token_id=None)
    model = SimpleNamespace(generation_config=unsaid, config=unsaid)
    assert start_text(model, tokenizer) == expected
    assert start_token(model, tokenizer) == (None if expected is None else vocabulary[expected])


def test_a_model_may_name_the_start_that_its_tokenizer_does_not(trained):
    model, tokenizer = load_model(trained, CPU), load_tokenizer(trained)
    model.config.bos_token_id = 2
    assert (start_token(model, tokenizer), start_text(model, tokenizer)) == (2, "b")


def test_ends_are_those_of_the_model_and_of_the_tokenizer(published):
    model, tokenizer = load_model(published, CPU), load_tokenizer(published)
    model.generation_config.eos_token_id = [9, 3]
    model.config.eos_token_id = 5
    assert end_tokens(model, tokenizer) == [0, 3, 5, 9]


def test_the_mark_between_texts_ends_one_where_answers_end_otherwise(published):
    """As in a model that was tuned to chat."""
    model, tokenizer = load_model(published, CPU), load_tokenizer(published)
    model.generation_config.eos_token_id = model.config.eos_token_id = 9
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(9)
    assert end_tokens(model, tokenizer) == [0, 9]


def test_a_model_of_characters_has_neither_start_nor_end(trained):
    model, tokenizer = load_model(trained, CPU), load_tokenizer(trained)
    assert end_tokens(model, tokenizer) == []
    assert start_token(model, tokenizer) is None
    assert tokenizer("ab\n").input_ids == [1, 2, 0]


def test_byte_pairs_end_at_the_end_of_text(tmp_path):
    characters.save(bytepair.train(["abab " * 9], 259, "text"), tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    model = gpt.build(Architecture(width=4, layers=1, heads=1, block=8), len(tokenizer))
    assert end_tokens(model, tokenizer) == [tokenizer.convert_tokens_to_ids("<|endoftext|>")]


def test_what_is_no_model_is_refused(published, tmp_path):
    with pytest.raises(UserError, match=r"config.json and model.safetensors not found, expected a model directory"):
        load_model(tmp_path, CPU)
    (published / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="published: cannot be opened as a language model"):
        load_model(published, CPU)
    (published / "model.safetensors").unlink()
    with pytest.raises(UserError, match="published: model.safetensors not found, expected a model directory"):
        load_model(published, CPU)


def test_what_is_no_tokenizer_is_refused(published):
    shutil.copy(published / "config.json", published / "tokenizer.json")
    with pytest.raises(UserError, match="published: cannot be opened as a tokenizer"):
        load_tokenizer(published)
    (published / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="published: tokenizer.json not found, expected a tokenizer"):
        load_tokenizer(published)


def test_opening_shows_no_bar_and_leaves_the_setting_alone(published, capfd):
    assert logging.is_progress_bar_enabled()
    load_model(published, CPU)
    assert capfd.readouterr().err == ""
    assert logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with without_progress_bar():
            pass
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()
