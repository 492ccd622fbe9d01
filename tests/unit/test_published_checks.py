"""What an import is refused for: each check finds the fault that it is there for, in a model that is sound without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import architectures, tiny_bert, tiny_gpt2
from transformers import AutoModelForCausalLM, BertModel, PreTrainedTokenizerFast

from relab.checkpoints import load_tokenizer
from relab.errors import UserError
from relab.published.checks.encoders import check_encoder
from relab.published.checks.language_models import check_language_model
from relab.published.checks.tokenizers import check_tokenizer

SOURCE = Path("asset")
TOKENIZER = tiny_gpt2.tokenizer()


@pytest.fixture
def model():
    model = architectures.build(AutoModelForCausalLM, "llama", architectures.CAUSAL["llama"])
    check_language_model(model, TOKENIZER, SOURCE)
    return model


def refused(check, subject, tokenizer, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        check(subject, tokenizer, SOURCE)
    assert "\n" not in str(error.value)


def replace_forward(model, change):
    forward = type(model).forward

    def changed(input_ids=None, past_key_values=None, attention_mask=None, **options):
        return change(forward, input_ids, {"past_key_values": past_key_values, "attention_mask": attention_mask, **options})

    model.forward = changed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_sound_model_passes_in_every_type_of_weights_and_stays_as_it_is(model, dtype):
    model.to(dtype)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    check_language_model(model, TOKENIZER, SOURCE)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_a_model_that_forgets_its_cache_is_refused(model):
    forgotten = {"past_key_values": None, "attention_mask": None, "position_ids": None}
    replace_forward(model, lambda forward, ids, options: forward(model, ids, **options | forgotten))
    refused(check_language_model, model, TOKENIZER, "asset: read token by token, texts have other values .* of the kind llama")


def test_a_model_that_reads_padding_is_refused(model):
    replace_forward(model, lambda forward, ids, options: forward(model, ids, **options | {"attention_mask": None}))
    refused(check_language_model, model, TOKENIZER, "asset: read token by token, texts have other values")


def test_a_model_whose_texts_depend_on_each_other_is_refused(model):
    def change(forward, ids, options):
        output = forward(model, ids, **options)
        output.logits[..., 0] += 0 if options.get("past_key_values") is not None else len(ids) - 1
        return output

    replace_forward(model, change)
    refused(check_language_model, model, TOKENIZER, "asset: read beside longer ones, texts have other values")


def test_weights_that_are_not_numbers_are_refused(model):
    model.model.norm.weight.data[0] = torch.nan
    refused(check_language_model, model, TOKENIZER, "asset: the model's logits are not numbers")


def test_a_network_that_cannot_be_run_is_refused_in_a_sentence(model):
    def fail(*arguments, **options):
        raise KeyError("pixel_values")

    model.forward = fail
    refused(check_language_model, model, TOKENIZER, "asset: a model of the kind llama cannot be run here .*pixel_values")


def test_an_encoder_that_reads_padding_is_refused(tmp_path):
    folder = tiny_bert.write(tmp_path)
    encoder, tokenizer = tiny_bert.model(BertModel), load_tokenizer(folder)
    check_encoder(encoder, tokenizer, SOURCE)
    replace_forward(encoder, lambda forward, ids, options: forward(encoder, ids, **options | {"attention_mask": None}))
    refused(check_encoder, encoder, tokenizer, "asset: read beside longer ones, texts have other values .* of the kind bert")


@pytest.mark.parametrize("tokenizer", [TOKENIZER, None], ids=["bytes", "words"])
def test_a_tokenizer_that_loses_its_words_is_refused(tokenizer, tmp_path):
    tokenizer = tokenizer or load_tokenizer(tiny_bert.write(tmp_path))
    check_tokenizer(tokenizer, SOURCE)
    backend = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    backend.model = type(backend.model)(vocab={"?": 0}, **({"merges": []} if tokenizer is TOKENIZER else {}), unk_token="?")
    other = PreTrainedTokenizerFast(tokenizer_object=backend)
    other.get_vocab = tokenizer.get_vocab  # that of another file
    other.decode = tokenizer.decode
    with pytest.raises(UserError, match="asset: of .* tokens of the tokenizer .* are not read as they are written, as "):
        check_tokenizer(other, SOURCE)
