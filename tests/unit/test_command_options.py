"""The table of the options of ``relab generate``: each with its value in a sampling's command, beside a write-up's own."""

from __future__ import annotations

import json
import shlex

import pytest
from support.row_steps import run_step

from relab.command_line import method, parser
from relab.errors import UserError
from relab.files import read_csv
from relab.rows.command_options.options import described_options, option_values
from relab.rows.command_options.tables import command_table
from relab.settings.config import resolve
from relab.settings.samplings import Sampling

#: A write-up's options, each with the one that does the same.
REPORTED = [["--promt", "--prompt"], ["--checkpoint", "--model"], ["--tokenizer", "--model"], ["--gen-topk", "--top-k"]]


def sampling(**changed) -> Sampling:
    """A sampling of one prompt and one method."""
    settings = {
        "model": "stories",
        "prompts": ["Once upon a time "],
        "length": 40,
        "number": 32,
        "methods": {"sampling": {"do_sample": True, "temperature": 0.5, "top_k": 2}},
    }
    return Sampling.model_validate({**settings, **changed})


def table_spec() -> dict:
    return {"options": described_options(), "values": option_values(sampling(), "sampling"), "reported": REPORTED}


def test_the_command_of_a_sampling_makes_that_sampling():
    options = option_values(sampling(), "sampling")
    args = parser().parse_args([word for name, value in options.items() for word in (name, *shlex.split(value))])
    assert method(args) == sampling().methods["sampling"]
    assert (args.prompt, args.num_samples, args.length) == (["Once upon a time "], 32, 40)


def test_the_command_of_a_sampling_names_its_number_format_where_it_asks_for_one():
    assert "--precision" not in option_values(sampling(), "sampling")
    assert option_values(sampling(precision="bfloat16"), "sampling")["--precision"] == "bfloat16"


def test_the_command_of_a_search_says_so():
    options = option_values(sampling(methods={"beams": {"num_beams": 3, "early_stopping": True}}), "sampling")
    assert (options["--num-beams"], options["--early-stopping"]) == ("3", "yes")
    assert "--greedy" not in options and "--num-samples" not in options
    assert option_values(sampling(methods={"greedy": {}}), "sampling")["--greedy"] == "yes"


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
    with pytest.raises(UserError, match=r"rows\.mine\.sampling: expected a sampling"):
        option_values(sampling(**changed), "rows.mine.sampling")


def test_the_table_has_every_option_and_every_one_of_the_write_up():
    table = command_table(**table_spec()).set_index("option")
    options = [action.option_strings[-1] for action in parser()._actions]
    assert sorted(table.index) == sorted(set(options) - {"--help"})
    assert table.index[:3].tolist() == ["--prompt", "--model", "--top-k"]
    assert table["writeup"].tolist()[:4] == ["--promt", "--checkpoint, --tokenizer", "--gen-topk", ""]
    assert table.loc["--top-k", ["writeup", "default", "value"]].to_list() == ["--gen-topk", "", "2"]
    assert table.loc["--temperature", ["default", "value"]].to_list() == ["1.0", "0.5"]
    assert table.loc["--prompt", ["default", "value"]].to_list() == ["required", "'Once upon a time '"]
    assert table.loc["--length", ["writeup", "default", "value"]].to_list() == ["", "100", "40"]
    assert table["meaning"].str.len().min() > 5


def test_the_step_writes_the_table(tmp_path):
    output, provenance = tmp_path / "command.csv", tmp_path / "p.json"
    done = run_step("command_options.tables.tabulate", {}, {"main": output}, table_spec(), provenance)
    assert done.returncode == 0, done.stderr
    assert read_csv(output)["option"].to_list() == command_table(**table_spec())["option"].to_list()
    assert list(json.loads(provenance.read_text())["outputs"]) == [str(output)]


@pytest.fixture
def raw(merged):
    """The default configuration with the row of the command alone."""
    configuration = merged()
    configuration["rows"] = {"D6_command": configuration["rows"]["D6_command"]}
    return configuration


def test_the_write_ups_options_stand_in_its_file_and_a_users_row_has_none(raw):
    own = {"kind": "command_options", "chapter": "own", "title": "Mine", "text": "Why.", "sampling": "command_line"}
    raw |= {"chapters": {"own": {"title": "Own"}}, "rows": {**raw["rows"], "mine": own}}
    resolved = resolve(raw)
    specs = {key: row.settings.spec("tabulate", row.paths, resolved.artefacts) for key, row in resolved.rows.items()}
    written = [name for cell in command_table(**specs["D6_command"])["writeup"] if cell for name in cell.split(", ")]
    assert written[:3] == ["--promt", "--checkpoint-path", "--tokenizer-path"] and len(written) == 7
    assert specs["mine"] == {**specs["D6_command"], "reported": []}


def test_a_row_of_a_sampling_that_is_no_single_command_is_refused(raw):
    raw["rows"]["D6_command"]["sampling"] = "stories_grid"
    with pytest.raises(UserError, match=r"^rows\.D6_command\.sampling: expected a sampling of one prompt in words"):
        resolve(raw)
