"""The program that makes a tokenizer, run as its rule runs it."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from relab import characters
from relab.corpora.storage import Writer

PROGRAM = Path(__file__).resolve().parents[2] / "scripts" / "train_tokenizer.py"
SPEC = {"kind": "character", "corpus": "tiny", "separator": "\n§\n"}


@pytest.fixture
def corpus(tmp_path):
    """A corpus whose validation text has characters that its training text lacks."""
    write(tmp_path / "train.parquet", "città", "a b")
    write(tmp_path / "validation.parquet", "zèbre 😀")
    return tmp_path


def write(path, *texts):
    with Writer(path) as writer:
        for text in texts:
            writer.add(text)


def command(folder, spec):
    words = [PROGRAM, "--train", folder / "train.parquet", "--validation", folder / "validation.parquet"]
    words += ["--output-dir", folder / "tokenizer", "--spec", json.dumps(spec), "--provenance", folder / "provenance.json"]
    words += ["--inputs", *(folder / f"{split}.parquet" for split in ("train", "validation"))]
    return [str(word) for word in words]


def run_here(monkeypatch, folder, spec=SPEC):
    """Run the program in this process, which has loaded its libraries already."""
    monkeypatch.setattr(sys, "argv", command(folder, spec))
    runpy.run_path(str(PROGRAM), run_name="__main__")


def test_vocabulary_is_that_of_both_splits_and_the_separator(corpus):
    done = subprocess.run([sys.executable, *command(corpus, SPEC)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "14 characters\n", "")
    tokenizer = AutoTokenizer.from_pretrained(corpus / "tokenizer")
    assert set(tokenizer.get_vocab()) == set("cittàa bzèbre 😀\n§")
    assert sorted(path.name for path in (corpus / "tokenizer").iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    provenance = json.loads((corpus / "provenance.json").read_text())
    assert provenance["spec"] == SPEC
    assert set(provenance["inputs"]) == {str(corpus / f"{split}.parquet") for split in ("train", "validation")}
    assert set(provenance["outputs"]) == {str(corpus / "tokenizer" / name) for name in characters.FILES}


BYTE_PAIRS = {"kind": "byte_pair", "corpus": "tiny", "vocab_size": 259}


def test_sentencepiece_is_trained_on_some_of_the_training_text(tmp_path, capsys, monkeypatch):
    write(tmp_path / "train.parquet", *(f"{word} {word}" for word in ("one", "two", "six", "ten")))
    write(tmp_path / "validation.parquet", "zebra")
    told = {"kind": "sentencepiece", "corpus": "tiny", "vocab_size": 11, "documents": 2, "character_coverage": 1}
    run_here(monkeypatch, tmp_path, told)
    assert capsys.readouterr().out == "11 tokens\n"
    known = set("".join(AutoTokenizer.from_pretrained(tmp_path / "tokenizer").get_vocab()))
    assert set("onesix") <= known and not set("twzr") & known  # the first and the third document


def test_byte_pairs_are_learned_from_the_training_text_alone(corpus, capsys, monkeypatch):
    write(corpus / "train.parquet", "abab abab ", "abab c")
    write(corpus / "validation.parquet", "xyxyxyxy " * 99)
    run_here(monkeypatch, corpus, BYTE_PAIRS)
    assert capsys.readouterr().out == "259 tokens\n"
    tokenizer = AutoTokenizer.from_pretrained(corpus / "tokenizer")
    assert tokenizer.tokenize("abab xy") == ["abab", "Ġ", "x", "y"]
    assert tokenizer.eos_token == "<|endoftext|>"
    first = [(corpus / "tokenizer" / name).read_bytes() for name in characters.FILES]
    write(corpus / "validation.parquet", "other text")
    run_here(monkeypatch, corpus, BYTE_PAIRS)
    assert [(corpus / "tokenizer" / name).read_bytes() for name in characters.FILES] == first


def test_a_vocabulary_that_the_text_does_not_fill(corpus, monkeypatch):
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, corpus, BYTE_PAIRS)
    assert stop.value.code.startswith(
        f"error: {corpus / 'train.parquet'}: its pairs of tokens make a vocabulary of 257, expected"
    )
    assert not (corpus / "tokenizer").exists() and not (corpus / "provenance.json").exists()


@pytest.mark.parametrize("kind", ["published", None])
def test_other_kinds_are_not_made_here(corpus, monkeypatch, kind):
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, corpus, {**SPEC, "kind": kind})
    assert stop.value.code == f"error: --spec.kind: expected one of character, byte_pair, sentencepiece, found {kind}"


def test_line_end_is_always_a_token_and_bytes_repeat(corpus, monkeypatch):
    run_here(monkeypatch, corpus, {**SPEC, "separator": ""})
    characters.save(characters.build("\n abceirtzàè😀"), corpus / "expected")
    for name in characters.FILES:
        assert (corpus / "tokenizer" / name).read_bytes() == (corpus / "expected" / name).read_bytes()


def test_unknown_key(corpus, monkeypatch):
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, corpus, {**SPEC, "seperator": ""})
    assert stop.value.code == "error: --spec.seperator: unknown key; did you mean separator?"
    assert not (corpus / "tokenizer").exists()


def test_empty_corpus(corpus, monkeypatch):
    write(corpus / "train.parquet")
    write(corpus / "validation.parquet")
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, corpus)
    assert stop.value.code.startswith(f"error: {corpus / 'train.parquet'}: no text")
    assert not (corpus / "tokenizer").exists() and not (corpus / "provenance.json").exists()
