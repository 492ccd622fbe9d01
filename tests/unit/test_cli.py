"""The command relab: its subcommands, and Snakemake as two of them call it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import CHECKOUT, environment, run_relab

from relab import cli
from relab.commands import workflow

#: Modules that take long to import.
HEAVY = ("pydantic", "snakemake", "pandas", "torch", "transformers")


def snakemake_of(monkeypatch, *words: str) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment variables that a subcommand hands on to Snakemake."""
    calls = []
    monkeypatch.setattr(workflow.os, "execvpe", lambda *call: calls.append(call))
    cli.dispatch(words)
    ((program, arguments, variables),) = calls
    assert program == arguments[0] == "snakemake"
    return arguments[1:], variables


def test_help_names_every_subcommand_and_none_is_left_out():
    told = run_relab("--help").stdout
    modules = {path.stem for path in (CHECKOUT / "scripts/relab/commands").glob("*.py")} - {"__init__", "workflow"}
    assert modules == set(cli.COMMANDS)
    assert all(re.search(rf"^ +{name} +\w", told, re.M) for name in modules)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_each_subcommand_explains_itself_and_names_an_unknown_option(command):
    told = run_relab(command, "--help")
    assert told.returncode == 0 and told.stdout.startswith(f"usage: relab {command} ")
    mistyped = run_relab(command, "--direktory")
    assert mistyped.returncode == 2 and f"relab {command}: error: " in mistyped.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "required: COMMAND"), (["plam"], "invalid choice: 'plam'"), (["--directory", "x"], "required: COMMAND")],
)
def test_no_subcommand_or_an_unknown_one_is_refused(words, message):
    ended = run_relab(*words)
    assert ended.returncode == 2 and message in ended.stderr


@pytest.mark.parametrize(
    ("words", "imported"),
    [
        ("--help", ()),
        ("plam", ()),
        ("report --mistyped", ()),
        ("compare --mistyped", ()),
        ("generate --mistyped", ("pydantic",)),
    ],
)
def test_help_and_mistakes_come_without_heavy_imports(words, imported):
    code = (
        "import sys\nfrom relab.cli import main\n"
        f"try: main()\nexcept SystemExit: print(*({HEAVY!r} & sys.modules.keys()), sep='\\n', file=sys.stderr)"
    ).replace(repr(HEAVY), repr(set(HEAVY)))
    command = [sys.executable, "-c", code, *words.split()]
    told = subprocess.run(command, capture_output=True, text=True, env=environment(PYTHONPATH=str(CHECKOUT / "scripts")))
    assert {line for line in told.stderr.splitlines() if line in HEAVY} == set(imported)


@pytest.mark.parametrize(("command", "target"), [("report", "results/report.html"), ("fetch", "fetch")])
def test_snakemake_makes_the_target_on_all_cores(monkeypatch, command, target):
    arguments, variables = snakemake_of(monkeypatch, command)
    assert arguments == ["--snakefile", f"{CHECKOUT}/Snakefile", "--directory", ".", "--cores", "all", "--", target]
    assert variables["PYTHONUTF8"] == "1", "whatever the locale"
    assert variables["PATH"].split(":")[0] == str(Path(sys.executable).parent)


def test_snakemake_gets_the_run_its_overlays_and_what_stands_behind_the_dashes(monkeypatch):
    words = ["--directory", "a run", "--configfile", "a.yaml", "b.yaml", "--", "--dry-run", "--resources", "gpu=1"]
    arguments, _ = snakemake_of(monkeypatch, "report", *words)
    assert arguments[2:] == [
        *("--directory", "a run", "--configfile", "a.yaml", "b.yaml", "--cores", "all"),
        *("--dry-run", "--resources", "gpu=1", "--", "results/report.html"),
    ]
    twice, _ = snakemake_of(monkeypatch, "fetch", "--configfile", "a.yaml", "--configfile", "b.yaml")
    assert twice[4:7] == ["--configfile", "a.yaml", "b.yaml"]


def test_what_snakemake_finds_wrong_is_the_commands_status(tmp_path):
    ended = run_relab("report", "--directory", tmp_path, "--configfile", tmp_path / "none.yaml")
    assert ended.returncode == 1 and "none.yaml" in ended.stderr


def test_a_mistake_is_one_sentence(tmp_path):
    ended = run_relab("plan", "--directory", tmp_path, "--configfile", tmp_path / "none.yaml")
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr == f"error: {tmp_path}/none.yaml: expected a file of settings, found none\n"
