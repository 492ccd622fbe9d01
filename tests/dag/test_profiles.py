"""What jobs would request under each profile; tests/cluster submits them for real."""

from __future__ import annotations

import re

import pytest
from support.runs import TINY, run_snakemake

LARGE = ("--set-resources", "train_model:mem_mb=40000000", "train_model:gpu=2")


def training(tmp_path, *words: str) -> dict[str, str]:
    """The resources of the first training job of a dry run."""
    planned = run_snakemake(tmp_path, "--dry-run", *words, *TINY, CUDA_VISIBLE_DEVICES="-1")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    found = re.search(r"^rule train_model:\n.*?resources: (.*?)\n", planned.stdout, re.M | re.S)
    return dict(part.split("=") for part in found[1].split(", "))


def test_on_a_cluster_this_machine_limits_nothing(tmp_path):
    assert training(tmp_path, "--profile", "profiles/slurm")["gpu"] == "1"
    asked = training(tmp_path, "--profile", "profiles/slurm", *LARGE)
    assert (asked["gpu"], asked["mem_mb"]) == ("2", "40000000")


@pytest.mark.parametrize(("words", "cards"), [(("--cores", "2"), "0"), (("--profile", "profiles/gpu"), "1")])
def test_on_this_machine_jobs_fit_what_it_has_or_the_profile_says(tmp_path, words, cards):
    asked = training(tmp_path, *words, *LARGE)
    assert asked["gpu"] == cards
    assert int(asked["mem_mb"]) < 40000000
