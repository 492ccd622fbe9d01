"""The subcommands of relab that call Snakemake: they plan what Snakemake plans."""

from __future__ import annotations

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
