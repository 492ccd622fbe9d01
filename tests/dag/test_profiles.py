"""What jobs would request under each profile; tests/cluster submits them for real."""

from __future__ import annotations

import re

import pytest
from support.runs import TINY, nodes_plugin, run_snakemake

LARGE = ("--set-resources", "train_model:mem_mb=40000000", "train_model:gpu=2")


def training(tmp_path, *words: str, **variables: str) -> dict[str, str]:
    """The resources of the first training job of a dry run."""
    planned = run_snakemake(tmp_path, "--dry-run", *words, *TINY, CUDA_VISIBLE_DEVICES="-1", **variables)
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


def test_on_nodes_without_a_shared_disk_jobs_say_whose_cards_they_ask_for(tmp_path):
    """With an executor and a storage of the tests in place of those that the profile names; tests/pipeline runs jobs so."""
    instead = ("--executor", "nodes", "--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path / "store"))
    asked = training(tmp_path, "--profile", "profiles/kubernetes", *instead, **nodes_plugin())
    assert (asked["gpu"], asked["gpu_manufacturer"]) == ("1", "nvidia")


def test_a_training_job_gets_a_process_for_each_card_and_their_number_trains_nothing_anew(tmp_path):
    """The cards are no parameter of the job, and no setting: what is trained on two stays where one is asked for."""
    planned = run_snakemake(tmp_path, "--dry-run", "--printshellcmds", "--profile", "profiles/slurm", *LARGE, *TINY)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert re.search(r"train_model\.py .*--cards 2 ", planned.stdout)
    assert re.search(r"finetune_classifier\.py .*--cards 1 ", planned.stdout)
    assert not re.search(r"--spec '[^']*cards", planned.stdout)
