"""`relab generate`: what it prints of a text that continues its prompt, and of one that answers it."""

from __future__ import annotations

import pytest
from support import encoder_decoders

from relab import characters, gpt
from relab.commands import generate
from relab.settings.models import Architecture

LETTERS = ("--prompt", "abc", "--greedy", "--length", "4")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Model directories of an encoder–decoder and of a language model."""
    folder, tokenizer = tmp_path_factory.mktemp("models"), encoder_decoders.tokenizer()
    characters.save(tokenizer, folder / "tokenizer")
    models = {
        "answers": encoder_decoders.build("marian"),
        "continues": gpt.build(Architecture(width=8, layers=1, heads=2, block=32), len(tokenizer)),
    }
    for name, model in models.items():
        gpt.save(model, folder / "tokenizer", folder / name)
    return folder


def test_an_answer_stands_alone_and_a_continuation_behind_its_prompt(folders, capsys):
    printed = {}
    for name in ("answers", "continues"):
        generate.main(["--model", str(folders / name), *LETTERS])
        printed[name] = capsys.readouterr().out
    assert printed["continues"].startswith("abc")
    assert printed["answers"].strip() and not printed["answers"].startswith("abc")


def test_a_template_stands_around_the_prompt_and_is_not_printed(folders, capsys, tmp_path):
    model = ["--model", str(folders / "continues")]
    generate.main([*model, *LETTERS, "--template", "de {source} fg"])
    templated = capsys.readouterr().out
    generate.main([*model, "--prompt", "de abc fg", *LETTERS[2:]])
    assert "de abc fg" + templated == capsys.readouterr().out
