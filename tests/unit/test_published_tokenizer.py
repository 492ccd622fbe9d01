"""Importing published tokenizers: from every kind of file, alone or beside others."""

from __future__ import annotations

import json
import shutil

import pytest
import sentencepiece
from support import tiny_gguf, tiny_gpt2
from support.runs import CHECKOUT
from transformers import GPT2Tokenizer

from relab import characters
from relab.checkpoints import load_tokenizer
from relab.errors import UserError
from relab.published.tokenizer import import_tokenizer

TEXTS = ["Hello World", "  two  blanks ", "caffè ½\nline", "1592", "", "😀 marks"]


@pytest.fixture
def asset(tmp_path):
    folder = tmp_path / "asset"
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(tiny_gpt2.FOLDER / name, folder)
    return folder


def imported(folder, target):
    import_tokenizer(sorted(folder.iterdir()), target)
    assert sorted(path.name for path in target.iterdir()) == sorted(characters.FILES)
    return load_tokenizer(target)


def test_vocabulary_and_merges_alone_are_gpt_2_s(asset, tmp_path):
    tokenizer = imported(asset, tmp_path / "out")
    expected = tiny_gpt2.tokenizer()
    assert [tokenizer(text).input_ids for text in TEXTS] == [expected(text).input_ids for text in TEXTS]
    assert [tokenizer.decode(tokenizer(text).input_ids) for text in TEXTS] == TEXTS
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == 0
    assert tokenizer("a<|endoftext|>", split_special_tokens=False).input_ids[-1] == tokenizer.eos_token_id
    assert len(tokenizer) == tiny_gpt2.VOCABULARY


def test_bytes_repeat(asset, tmp_path, monkeypatch):
    imported(asset, tmp_path / "one")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    asset.rename(tmp_path / "moved")
    imported(tmp_path / "moved", tmp_path / "two")
    for name in characters.FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_vocabulary_must_say_what_it_is(asset, tmp_path):
    vocabulary = json.loads((asset / "vocab.json").read_text())
    vocabulary["</s>"] = vocabulary.pop("<|endoftext|>")
    (asset / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(UserError, match="vocab.json: has no <|endoftext|>.*tokenizer_config.json"):
        imported(asset, tmp_path / "out")
    told = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>"}
    (asset / "tokenizer_config.json").write_text(json.dumps(told))
    tokenizer = imported(asset, tmp_path / "out")
    assert (tokenizer.eos_token, tokenizer.eos_token_id, len(tokenizer)) == ("</s>", 0, tiny_gpt2.VOCABULARY)


@pytest.mark.parametrize("with_settings", [True, False])
def test_one_file_of_a_tokenizer(asset, tmp_path, with_settings):
    expected = GPT2Tokenizer.from_pretrained(asset)
    shutil.rmtree(asset)
    characters.save(expected, asset)
    if not with_settings:
        (asset / "tokenizer_config.json").unlink()
    tokenizer = imported(asset, tmp_path / "out")
    assert [tokenizer(text).input_ids for text in TEXTS] == [expected(text).input_ids for text in TEXTS]
    assert tokenizer.eos_token == ("<|endoftext|>" if with_settings else None)


def test_the_tokenizer_of_a_model_among_its_files(tmp_path):
    tokenizer = imported(tiny_gpt2.FOLDER, tmp_path / "out")
    assert tokenizer("Hello World").input_ids == tiny_gpt2.tokenizer()("Hello World").input_ids
    (tmp_path / "gguf").mkdir()
    tiny_gguf.write(tmp_path / "gguf" / "model.gguf", pre="gpt-2")
    tokenizer = imported(tmp_path / "gguf", tmp_path / "other")
    assert tokenizer("Hello World").input_ids == tiny_gpt2.tokenizer()("Hello World").input_ids


@pytest.fixture(scope="module")
def sentencepieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentencepiece")
    text = CHECKOUT / "tests" / "data" / "ruth_jonah_philemon.it.txt"
    for kind in ("unigram", "bpe"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / kind), vocab_size=300, model_type=kind, minloglevel=2
        )
    return folder


@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.model"])
def test_a_unigram_model_gives_the_ids_that_sentencepiece_gives(sentencepieces, tmp_path, name):
    (tmp_path / "asset").mkdir()
    shutil.copy(sentencepieces / "unigram.model", tmp_path / "asset" / name)
    tokenizer = imported(tmp_path / "asset", tmp_path / "out")
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(sentencepieces / "unigram.model"))
    texts = [*TEXTS, "E avvenne, al tempo", "ﬁne x² Ⅳ"]
    assert [tokenizer(text).input_ids for text in texts] == [theirs.encode(text) for text in texts]
    assert tokenizer.decode(tokenizer("E avvenne, al tempo").input_ids) == "E avvenne, al tempo"
    assert (tokenizer.eos_token, tokenizer.eos_token_id, tokenizer.unk_token_id) == ("</s>", 2, 0)


def test_other_sentencepiece_models_must_say_whose_they_are(sentencepieces, tmp_path):
    (tmp_path / "asset").mkdir()
    shutil.copy(sentencepieces / "bpe.model", tmp_path / "asset" / "tokenizer.model")
    with pytest.raises(UserError, match="tokenizer.model: is no unigram model; expected tokenizer_config.json"):
        imported(tmp_path / "asset", tmp_path / "out")


def test_what_is_no_tokenizer_is_refused(asset, tmp_path):
    (asset / "merges.txt").unlink()
    with pytest.raises(UserError, match="tokenizer: found only vocab.json, expected tokenizer.json, vocab.json and merges.txt"):
        imported(asset, tmp_path / "out")
    (asset / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="asset: cannot be opened as a tokenizer"):
        imported(asset, tmp_path / "out")
    with pytest.raises(UserError, match="nowhere.json: no such file"):
        import_tokenizer([asset / "nowhere.json"], tmp_path / "out")
    with pytest.raises(UserError, match="has the same name"):
        import_tokenizer([asset / "vocab.json", tiny_gpt2.FOLDER / "vocab.json"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
