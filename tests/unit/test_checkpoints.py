"""Opening model and tokenizer directories, and what their special tokens are."""

from __future__ import annotations

import shutil

import pytest
import torch
from support import tiny_gpt2
from transformers.utils import logging

from relab import bytepair, characters, gpt
from relab.checkpoints import end_tokens, load_model, load_tokenizer, start_token, without_bar
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
        with without_bar():
            pass
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()
