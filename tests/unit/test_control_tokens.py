"""A text is text in every stage: control tokens that are written in it are read as characters, and only what a template, a
separator or a chat puts there is a control token.
"""

from __future__ import annotations

import pytest
from support import tiny_gpt2
from tokenizers import processors
from transformers import AutoModelForCausalLM, AutoTokenizer

from relab import characters
from relab.checkpoints import load_tokenizer
from relab.classifiers.texts import encode_texts
from relab.corpora.storage import Writer
from relab.encoding import encode, encode_documents
from relab.features.encode import tokenize as feature_tokens
from relab.judging.judge import judged
from relab.sampling.prompts import LanguageModel, target_behind
from relab.settings.asking import Asking
from relab.tokens.store import Tokens
from relab.tokens.tokenize import tokenize

MARK = "<|endoftext|>"
TEXT = f"A story.{MARK}Another one."
CHAT = f"{{% for message in messages %}}{MARK}{{{{ message.role }}}}: {{{{ message.content | trim }}}}\n{{% endfor %}}"


@pytest.fixture
def folder(tmp_path):
    """The tokenizer of the tests' GPT-2 with a chat template, which puts its end-of-text token before every text."""
    tokenizer = tiny_gpt2.tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{MARK} $A", special_tokens=[(MARK, tokenizer.eos_token_id)]
    )
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(tmp_path / "tokenizer", save_jinja_files=False)
    return tmp_path / "tokenizer"


@pytest.fixture
def tokenizer(folder):
    return load_tokenizer(folder)


@pytest.fixture
def lm(tokenizer):
    return LanguageModel(AutoModelForCausalLM.from_pretrained(tiny_gpt2.FOLDER), tokenizer)


@pytest.fixture
def written(tokenizer):
    """The ids of the text as it is written, by the merges alone."""
    backend = tokenizer.backend_tokenizer
    ids = [backend.token_to_id(token.value) for piece in pieces(backend, TEXT) for token in backend.model.tokenize(piece)]
    assert tokenizer.eos_token_id not in ids and tokenizer.decode(ids) == TEXT
    return ids


def pieces(backend, text):
    return [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(text)]


def test_a_text_alone(tokenizer, written):
    assert encode(tokenizer, TEXT, "a text").tolist() == written
    assert encode_documents(tokenizer, [TEXT]) == [[tokenizer.eos_token_id, *written]]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_training_stream(folder, tokenizer, written, tmp_path, monkeypatch, processes):
    monkeypatch.setattr("relab.tokens.tokenize.ONE_PROCESS_BYTES", 0)
    with Writer(tmp_path / "train.parquet") as file:
        file.add(TEXT)
        file.add(TEXT)
    tokenize(tmp_path / "train.parquet", folder, f"\n{MARK}", tmp_path / "train.arrow", processes)
    document, line_end = [tokenizer.eos_token_id, *written], encode(tokenizer, "\n", "a line end").tolist()
    tokens = Tokens(tmp_path / "train.arrow")
    assert tokens.slice(0, tokens.size).tolist() == [*document, *line_end, tokenizer.eos_token_id, *document]


def test_prompts_and_targets(lm, tokenizer, written):
    assert lm.ask(TEXT, Asking(), "prompts.0", "methods.plain").token_ids == [tokenizer.eos_token_id, *written]
    assert lm.ask("", Asking(), "prompts.0", "methods.plain").token_ids == [tokenizer.eos_token_id]
    assert target_behind(tokenizer, "read ", False, TEXT, "a target") == written


def test_a_text_within_a_chat(lm, tokenizer):
    end = tokenizer.eos_token_id
    read = lm.ask(TEXT, Asking(chat=True, system=f"Be {MARK} brief."), "prompts.0", "methods.chat")
    turns = [f"system: Be {MARK} brief.\n", f"user: {TEXT}\n"]
    assert read.token_ids == [id for turn in turns for id in (end, *encode(tokenizer, turn, "a turn").tolist())]
    assert read.asked == "".join(MARK + turn for turn in turns)


def test_a_chat_without_control_tokens_in_its_texts_is_the_tokenizers_own(lm, folder):
    read = lm.ask("Hello, Duke.", Asking(chat=True), "prompts.0", "methods.chat")
    messages = [{"role": "user", "content": "Hello, Duke."}]
    assert read.token_ids == AutoTokenizer.from_pretrained(folder).apply_chat_template(messages, return_dict=False)


def test_judging(lm, tokenizer, written):
    (verdict,) = judged(lm.model.eval(), tokenizer, [("", TEXT)])
    assert (verdict.tokens, verdict.characters) == (len(written), len(TEXT))


def test_features_and_classifiers(tokenizer, written):
    expected = [[tokenizer.eos_token_id, *written]], 0
    assert feature_tokens(tokenizer, [TEXT], 100) == expected
    assert encode_texts([TEXT], tokenizer, 100, "rows") == expected


def test_a_saved_tokenizer_is_as_it_was(folder, tokenizer, tmp_path):
    tokenizer(TEXT)
    characters.save(tokenizer, tmp_path / "again")
    assert (tmp_path / "again" / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert "split_special_tokens" not in (tmp_path / "again" / "tokenizer_config.json").read_text()
