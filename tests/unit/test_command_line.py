"""The command line that samples texts: its options, and what they mean."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import Literal

import pytest
from pydantic import Field
from support.runs import CHECKOUT

from relab import command_line
from relab.command_line import method, parser
from relab.errors import UserError
from relab.settings.base import Float, Int
from relab.settings.samplings import Method

GIVEN = ("--model", "DIR", "--prompt", "Once upon a time ")


def chosen(*options: str) -> Method:
    return method(parser().parse_args([*GIVEN, *options]))


def test_tokens_are_drawn_where_nothing_is_said():
    assert chosen() == Method(do_sample=True)


def test_each_option_sets_its_argument():
    assert chosen("--top-k", "2", "--temperature", "0.5", "--top-p", "0.9", "--min-p", "0.1") == Method(
        do_sample=True, top_k=2, temperature=0.5, top_p=0.9, min_p=0.1
    )
    assert chosen("--greedy", "--no-repeat-ngram-size", "3") == Method(no_repeat_ngram_size=3)
    assert chosen("--min-new-tokens", "7") == Method(do_sample=True, min_new_tokens=7)
    assert chosen("--num-beams", "4", "--early-stopping", "--length-penalty", "0.5") == Method(
        num_beams=4, early_stopping=True, length_penalty=0.5
    )


def test_every_argument_of_the_sampler_has_an_option():
    known = vars(parser().parse_args(GIVEN))
    assert set(Method.model_fields) - set(known) == {"do_sample", "temperature_rule"}


def test_a_new_setting_of_decoding_is_an_option(monkeypatch, capsys):
    class More(Method):
        typical_p: Float | None = Field(None, description="Draw among typical tokens of mass X. A second sentence.", lt=1)
        guard: Literal["soft", "hard"] = Field("soft", description="How it is kept.")
        watermark: bool = Field(False, description="Leave a trace.")
        window: Int = Field(7, description="Look back N tokens.", ge=1)

    monkeypatch.setattr(command_line, "Method", More)
    assert chosen("--typical-p", "0.5", "--guard", "hard", "--watermark", "--window", "8") == More(
        do_sample=True, typical_p=0.5, guard="hard", watermark=True, window=8
    )
    assert chosen() == More(do_sample=True)
    told = " ".join(parser().format_help().split())
    assert "--typical-p X draw among typical tokens of mass X --guard {soft,hard} how it is kept (default: soft)" in told
    assert "--window N look back N tokens (default: 7)" in told
    with pytest.raises(UserError, match="--typical-p: .*less than 1, found 2"):
        chosen("--typical-p", "2")
    with pytest.raises(SystemExit):
        chosen("--guard", "none")
    assert "--guard: invalid choice: 'none'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--greedy --num-beams 3", "--greedy and --num-beams 3: expected one of them"),
        ("--greedy --top-k 2", "--top-k: with --greedy nothing is drawn"),
        ("--greedy --temperature 0.5", "--temperature: with --greedy nothing is drawn"),
        ("--num-beams 3 --top-p 0.5", "--top-p: with --num-beams 3 nothing is drawn"),
        ("--greedy --min-p 0.5", "--min-p: with --greedy nothing is drawn"),
        ("--greedy --num-samples 2", "--num-samples 2: with --greedy a prompt has one continuation"),
        ("--early-stopping", "--early-stopping: it has a meaning with --num-beams above 1 only"),
        ("--greedy --length-penalty 2", "--length-penalty: it has a meaning with --num-beams above 1 only"),
        ("--temperature 0", "--temperature: .*greater than 0, found 0"),
        ("--temperature nan", "--temperature: .*finite"),
        ("--top-k 0", "--top-k: .*, found 0"),
        ("--top-p 1.5", "--top-p: .*, found 1.5"),
        ("--num-beams 0", "--num-beams: .*, found 0"),
        ("--no-repeat-ngram-size -1", "--no-repeat-ngram-size: .*, found -1"),
        ("--min-new-tokens 9 --length 8", "--min-new-tokens 9: expected at most --length, which is 8"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        chosen(*options.split())


@pytest.mark.parametrize("options", ["--num-samples 0", "--length 0", "--seed -1", "--batch 0", "--threads 0", "--seed 9e9"])
def test_counts_out_of_bounds_are_refused(options, capsys):
    with pytest.raises(SystemExit) as ended:
        chosen(*options.split())
    assert ended.value.code == 2
    assert re.search(rf"argument {options.split()[0]}: expected a whole number of at least \d", capsys.readouterr().err)


def test_prompts_are_taken_as_they_are():
    args = parser().parse_args(["--model", "DIR", "--prompt", " a ", "--prompt", ""])
    assert args.prompt == [" a ", ""]
    with pytest.raises(SystemExit):
        parser().parse_args(["--model", "DIR"])


def test_help_tells_defaults_and_examples_that_parse():
    told = parser().format_help()
    assert "(default: 1.0)" in told
    assert "None" not in told and "SUPPRESS" not in told and "False" not in told
    examples = re.findall(r"relab generate((?:.*\\\n)*.*)", told.partition("examples:")[2])
    assert len(examples) == 4
    for example in examples:
        method(parser().parse_args(shlex.split(example.replace("\\\n", " "))))


def test_the_options_come_without_heavy_imports():
    code = "import sys; from relab.command_line import parser; parser(); print('torch' in sys.modules, 'pandas' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False", "False"]
