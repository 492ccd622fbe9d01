"""The subcommands of relab that call Snakemake: they plan what Snakemake plans."""

from __future__ import annotations

import json
import re

import pytest
from support.runs import CHECKOUT, TINY, job_counts, run_relab, run_snakemake

OVERLAY = ("--configfile", CHECKOUT / TINY[1])
DRY = ("-n", "--quiet", "rules")


@pytest.mark.parametrize(("command", "target"), [("report", "results/report.html"), ("fetch", "fetch")])
def test_a_command_makes_its_target_of_the_run(tmp_path, command, target):
    """Called in another folder than the checkout's."""
    run = tmp_path / "a run"
    planned = run_relab(command, "--directory", run, *OVERLAY, "--", *DRY, cwd=tmp_path)
    assert job_counts(planned) == job_counts(run_snakemake(run, *DRY, *map(str, OVERLAY), "--", target)) != {}


def test_the_plan_counts_the_jobs_of_a_target(tmp_path):
    target = "results/corpora/english/train.parquet"
    told = run_relab("plan", "--directory", tmp_path / "a run", *OVERLAY, "--", target, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert re.findall(r"^(\w+) +(\d+) +[\d.]+$", told.stdout, re.M) == [
        ("clean_corpus", "1"),
        ("fetch_asset", "1"),
        ("together", "2"),
    ]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"RELAB_CACHE": "~nobody-of-this-name/cache"}, "RELAB_CACHE: expected a folder"),
        ({"PYTHONUTF8": "0", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}, "expected a locale in UTF-8, found one in ascii"),
    ],
)
def test_what_the_machine_lacks_is_the_last_line(tmp_path, variables, sentence):
    ended = run_snakemake(tmp_path, *DRY, **variables)
    assert ended.returncode == 1 and ended.stderr.splitlines()[-1].startswith(f"error: {sentence}")


def test_what_the_plan_cannot_make_is_said_in_a_sentence(tmp_path):
    told = run_relab("plan", "--directory", tmp_path, *OVERLAY, "--", "results/tables/nothing.csv")
    assert told.returncode == 1 and told.stdout == "" and "Traceback" not in told.stderr
    assert told.stderr.startswith("error: ") and "results/tables/nothing.csv" in told.stderr and told.stderr.count("\n") == 1


def test_the_list_and_the_menu_name_the_same_targets():
    """`relab list` gives each its row and title; in `snakemake --list` a row's line has its tables and figures."""
    told = run_relab("list", *OVERLAY, "tests/config/mine.yaml").stdout
    names, files = (part.splitlines()[1:] for part in told.split("\n\n"))
    menu = run_snakemake(CHECKOUT, "--list", *map(str, OVERLAY), "tests/config/mine.yaml").stdout
    described = dict(re.findall(r"^(\w+) \((.*)\)$", menu, re.M))
    for name, about in (line.split(maxsplit=1) for line in names):
        assert described[name].startswith(f"{about}.")
    listed = [re.split(r"  +", line) for line in files if "results/tables/overview/" not in line]
    assert ["results/tables/mine/my_texts.csv", "my_texts", "Arguments, text and measures"] in listed
    for path, row, _ in listed:
        assert path in described[row].split()


def test_a_nested_key_on_the_command_line_does_what_a_file_does(tmp_path):
    (tmp_path / "overlay.yaml").write_text("models: {char_gpt: {training: {learning_rate: 0.02}}}")
    commands = []
    for words in (
        ["--configfile", str(OVERLAY[1]), str(tmp_path / "overlay.yaml")],
        [*map(str, OVERLAY), "--config", "models={char_gpt: {training: {learning_rate: 0.02}}}"],
    ):
        target = "results/models/english-w4-s0/model.safetensors"
        planned = run_snakemake(tmp_path / "run", "-n", "--printshellcmds", *words, "--", target)
        commands.append(re.findall(r"python .*train_model.py .*", planned.stdout))
    assert commands[0] == commands[1] != [] and '"learning_rate":0.02' in commands[0][0]


@pytest.mark.parametrize("path", ["no such folder/poem.txt", "$RELAB_TEST_FOLDER/poem.txt"])
def test_a_file_that_is_not_there_is_told_before_anything_runs(tmp_path, path):
    """Where a variable that is not set is to name it, a plan can be had without it."""
    asset = {"about": "A poem", "licence": "mine", "files": {"poem.txt": {}}, "sources": [{"kind": "local", "path": path}]}
    corpus = {"title": "Mine", "asset": "own", "reader": {"kind": "text", "document": "line"}, "split": {"validation": 0.3}}
    (tmp_path / "mine.yaml").write_text(json.dumps({"assets": {"own": asset}, "corpora": {"own": corpus}}))
    words = ("--configfile", str(tmp_path / "mine.yaml"), "--", "results/corpora/own/stats.json")
    planned = run_snakemake(tmp_path / "run", "-n", *words)
    told = run_relab("plan", "--directory", tmp_path / "run", *words)
    if "$" in path:
        assert planned.returncode == told.returncode == 0
        assert "missing  own: local $RELAB_TEST_FOLDER/poem.txt: the variable RELAB_TEST_FOLDER is not set" in told.stdout
    else:
        sentence = f"assets.own: poem.txt is missing. local {path}: {CHECKOUT / path} does not exist."
        assert planned.returncode == 1 and sentence in planned.stdout + planned.stderr
        assert (told.returncode, told.stderr) == (1, f"error: {sentence}\n")
    assert run_snakemake(tmp_path / "run", "-n", *words[:3], "results/corpora/italian/stats.json").returncode == 0


def test_the_stages_in_the_readme_are_those_of_the_jobs(tmp_path):
    drawn = re.search(r"^```mermaid\n(.*?)^```$", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert run_relab("graph", "--directory", tmp_path).stdout == drawn[1]
