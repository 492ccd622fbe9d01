"""The command line that samples texts: its options, what they mean, and the table of them (D6)."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from support.runs import CHECKOUT

from relab.chapters.stories.command import COUNTERPARTS, command_table, values
from relab.command_line import decoding, parser
from relab.errors import UserError
from relab.files import read_csv
from relab.settings.base import canonical, spec
from relab.settings.samplings import Decoding, Sampling

GIVEN = ("--model", "DIR", "--prompt", "Once upon a time ")


def chosen(*options: str) -> Decoding:
    return decoding(parser().parse_args([*GIVEN, *options]))


def sampling(**changed) -> Sampling:
    """The write-up's own command."""
    told = {
        "model": "stories",
        "prompts": ["Once upon a time "],
        "length": 40,
        "number": 32,
        "methods": {"sampling": {"do_sample": True, "temperature": 0.5, "top_k": 2}},
    }
    return Sampling.model_validate({**told, **changed})


def test_tokens_are_drawn_where_nothing_is_said():
    assert chosen() == Decoding(do_sample=True)


def test_each_option_sets_its_argument():
    assert chosen("--top-k", "2", "--temperature", "0.5", "--top-p", "0.9", "--min-p", "0.1") == Decoding(
        do_sample=True, top_k=2, temperature=0.5, top_p=0.9, min_p=0.1
    )
    assert chosen("--greedy", "--no-repeat-ngram-size", "3") == Decoding(no_repeat_ngram_size=3)
    assert chosen("--num-beams", "4", "--early-stopping", "--length-penalty", "0.5") == Decoding(
        num_beams=4, early_stopping=True, length_penalty=0.5
    )


def test_every_argument_of_the_sampler_has_an_option():
    known = vars(parser().parse_args(GIVEN))
    assert set(Decoding.model_fields) - set(known) == {"do_sample", "temperature_rule"}


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
    examples = re.findall(r"generate\.py((?:.*\\\n)*.*)", told.partition("examples:")[2])
    assert len(examples) == 3
    for example in examples:
        decoding(parser().parse_args(shlex.split(example.replace("\\\n", " "))))


def test_the_options_come_without_heavy_imports():
    code = "import sys; from relab.command_line import parser; parser(); print('torch' in sys.modules, 'pandas' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False", "False"]


def test_the_command_of_a_sampling_makes_that_sampling():
    told = values(sampling())
    words = [word for name, value in told.items() for word in (name, *shlex.split(value))]
    args = parser().parse_args(words)
    assert decoding(args) == sampling().methods["sampling"]
    assert (args.prompt, args.num_samples, args.length) == (["Once upon a time "], 32, 40)


def test_the_command_of_a_search_says_so():
    told = values(sampling(methods={"beams": {"num_beams": 3, "early_stopping": True}}))
    assert (told["--num-beams"], told["--early-stopping"]) == ("3", "yes")
    assert "--greedy" not in told and "--num-samples" not in told
    assert values(sampling(methods={"greedy": {}}))["--greedy"] == "yes"


@pytest.mark.parametrize(
    "changed",
    [
        {"prompts": ["a", "b"]},
        {"prompts": {"corpus": "english", "number": 2, "tokens": 4}},
        {"methods": {"a": {}, "b": {"do_sample": True}}},
        {"stop": False},
        {"methods": {"a": {"do_sample": True, "temperature_rule": "multiply"}}},
    ],
)
def test_a_sampling_that_is_no_single_command_is_refused(changed):
    with pytest.raises(UserError, match=r"chapters\.stories\.command_line: expected a sampling"):
        values(sampling(**changed))


def test_the_table_has_every_option_and_every_one_of_the_write_up():
    table = command_table(sampling()).set_index("option")
    options = [action.option_strings[-1] for action in parser()._actions]
    assert sorted(table.index) == sorted(set(options) - {"--help"})
    assert [name for cell in table["writeup"] if cell for name in cell.split(", ")] == list(COUNTERPARTS)
    assert table.loc["--top-k", ["writeup", "default", "value"]].to_list() == ["--gen-topk", "", "2"]
    assert table.loc["--temperature", ["default", "value"]].to_list() == ["1.0", "0.5"]
    assert table.loc["--prompt", ["default", "value"]].to_list() == ["required", "'Once upon a time '"]
    assert table.loc["--length", ["writeup", "default", "value"]].to_list() == ["", "100", "40"]
    assert table["meaning"].str.len().min() > 5


def test_the_program(tmp_path, checkout, monkeypatch):
    output, provenance = tmp_path / "command.csv", tmp_path / "p.json"
    words = ["--output", output, "--provenance", provenance, "--spec", canonical({"sampling": spec(sampling())})]
    monkeypatch.setattr(sys, "argv", ["tabulate_command.py", *map(str, words)])
    runpy.run_path(str(checkout / "scripts" / "tabulate_command.py"), run_name="__main__")
    assert read_csv(output)["option"].to_list() == command_table(sampling())["option"].to_list()
    assert list(json.loads(provenance.read_text())["outputs"]) == [str(output)]
