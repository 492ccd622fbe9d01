"""The programs that import published models and tokenizers, run as their rules run them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
from support import tiny_gpt2
from support.runs import CHECKOUT
from transformers import AutoModelForCausalLM, AutoTokenizer

from relab import characters
from relab.published.model import FILES

SPEC = {"kind": "published", "asset": "tiny"}


def command(name, tmp_path, files):
    words = [CHECKOUT / "scripts" / f"{name}.py", "--files", *files, "--output-dir", tmp_path / "out"]
    words += ["--spec", json.dumps(SPEC), "--provenance", tmp_path / "provenance.json", "--inputs", *files]
    return [str(word) for word in words]


def run_here(monkeypatch, *words):
    """Run a program in this process, which has loaded its libraries already."""
    monkeypatch.setattr(sys, "argv", command(*words))
    monkeypatch.setenv("TQDM_DISABLE", "1")  # as the program sets it, but taken back
    runpy.run_path(sys.argv[0], run_name="__main__")


def test_a_model_is_imported(tmp_path):
    files = [tiny_gpt2.FOLDER / name for name in tiny_gpt2.FILES]
    words = [sys.executable, *command("import_model", tmp_path, files)]
    done = subprocess.run(words, capture_output=True, text=True)  # alone, to see that no library says anything
    assert (done.returncode, done.stdout, done.stderr) == (0, "9,456 parameters from safetensors\n", "")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").config.vocab_size == tiny_gpt2.VOCABULARY
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "<|endoftext|>"
    told = json.loads((tmp_path / "provenance.json").read_text())
    assert told["spec"] == SPEC
    assert (told["format"], told["parameters"], told["unused_weights"]) == ("safetensors", 9456, [])
    assert set(told["inputs"]) == {f"tests/data/tiny_gpt2/{name}" for name in tiny_gpt2.FILES}
    assert set(told["outputs"]) == {str(tmp_path / "out" / name) for name in FILES}


def test_a_tokenizer_is_imported(tmp_path, monkeypatch, capsys):
    run_here(monkeypatch, "import_tokenizer", tmp_path, [tiny_gpt2.FOLDER / name for name in ("vocab.json", "merges.txt")])
    assert capsys.readouterr().out == "320 tokens\n"
    told = json.loads((tmp_path / "provenance.json").read_text())
    assert set(told["outputs"]) == {str(tmp_path / "out" / name) for name in characters.FILES}
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "<|endoftext|>"


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        (
            "import_model",
            ["vocab.json"],
            "error: weights: found only vocab.json, expected one or more .safetensors, one .gguf, or ",
        ),
        ("import_tokenizer", ["config.json"], "error: tokenizer: found only config.json, expected tokenizer.json, "),
        ("import_model", ["nowhere.gguf"], f"error: {tiny_gpt2.FOLDER / 'nowhere.gguf'}: no such file"),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(tmp_path, monkeypatch, name, files, told):
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, name, tmp_path, [tiny_gpt2.FOLDER / file for file in files])
    assert stop.value.code.startswith(told) and "\n" not in stop.value.code
    assert not (tmp_path / "out").exists() and not (tmp_path / "provenance.json").exists()
