"""The command lines of the README, started as they stand there through the command that set-up writes."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from support.environments import commands
from support.runs import CHECKOUT, TINY, environment, job_counts, run_snakemake


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory) -> Path:
    return commands(tmp_path_factory.mktemp("environment")) / "snakemake"


def started(snakemake: Path, line: str, **variables: str) -> subprocess.CompletedProcess:
    """A command line, started in the checkout."""
    name, *words = shlex.split(line)
    assert name == "snakemake"
    return subprocess.run(
        [snakemake, *words], capture_output=True, text=True, cwd=CHECKOUT, env=environment(**variables), timeout=600
    )


@pytest.mark.parametrize(
    "line",
    [
        "snakemake --cores 8 --resources gpu=1 results/report.html",
        "snakemake --cores 8 results/tables/char_gpt/progression_italian.csv",
    ],
)
def test_the_literal_command_plans_its_target(snakemake, tmp_path, line):
    """A profile makes it a dry run in another folder."""
    assert f"    {line}\n" in (CHECKOUT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(f"dry-run: true\ndirectory: {tmp_path / 'run'}\nconfigfile: [{TINY[1]}]\n")
    planned = started(snakemake, line, SNAKEMAKE_PROFILE=str(tmp_path))
    stock = run_snakemake(tmp_path / "stock", "-n", "--cores", "8", *TINY, "--", line.split()[-1])
    assert job_counts(planned) == job_counts(stock) != {}


def test_targets_behind_options_are_made(snakemake, tmp_path):
    corpora = [tmp_path / "run/results/corpora" / language / "stats.json" for language in ("italian", "english")]
    run = f"--cores 1 --directory {tmp_path / 'run'} --configfile {TINY[1]}"
    first, second = (path.relative_to(tmp_path / "run") for path in corpora)
    made = started(snakemake, f"snakemake {run} {first} --resources gpu=1 {second}")
    assert made.returncode == 0, made.stdout + made.stderr
    assert all(path.exists() for path in corpora)
    # once the target exists, Snakemake itself would take it for a configuration
    again = started(snakemake, f"snakemake {run} {first}")
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


def test_a_failure_is_snakemakes_own(snakemake, tmp_path):
    """Its status, and what it says, are those of `python -m snakemake`."""
    words = ["-n", "--directory", str(tmp_path), *TINY, "--", "results/nothing.csv"]
    failed = started(snakemake, shlex.join(["snakemake", *words[:-2], words[-1]]))
    stock = run_snakemake(tmp_path, *words)
    assert (failed.returncode, stock.returncode) == (1, 1)
    assert "results/nothing.csv" in failed.stdout + failed.stderr
    assert started(snakemake, "snakemake --help").stdout.startswith("usage: snakemake ")
