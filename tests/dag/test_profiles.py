"""What jobs would request under each profile; tests/cluster submits them for real."""

from __future__ import annotations

import re

import pytest
from support.runs import TINY, nodes_plugin, run_snakemake

LARGE = ("--set-resources", "train_model:mem_mb=40000000", "train_model:gpu=2")


def requests(tmp_path, *words: str, **variables: str) -> dict[str, dict[str, str]]:
    """The resources of a job of each rule in a dry run."""
    planned = run_snakemake(tmp_path, "--dry-run", *words, *TINY, CUDA_VISIBLE_DEVICES="-1", **variables)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    told = re.findall(r"^ *(?:local)?rule (\w+):\n(?:(?!^ *rule).*\n)*? *resources: (.*)\n", planned.stdout, re.M)
    return {rule: dict(part.split("=", 1) for part in asked.split(", ")) for rule, asked in told}


def training(tmp_path, *words: str, **variables: str) -> dict[str, str]:
    """The resources of a training job of a dry run."""
    return requests(tmp_path, *words, **variables)["train_model"]


def test_on_a_cluster_this_machine_limits_nothing(tmp_path):
    assert training(tmp_path, "--profile", "profiles/slurm")["gpu"] == "1"
    asked = training(tmp_path, "--profile", "profiles/slurm", *LARGE)
    assert (asked["gpu"], asked["mem_mb"]) == ("2", "40000000")


def test_a_submitted_job_has_room_for_the_two_snakemakes_around_it(tmp_path):
    here, submitted = (requests(tmp_path, *words) for words in (("--cores", "2"), ("--profile", "profiles/slurm")))
    stated = [rule for rule, asked in here.items() if "mem_mb" in asked and rule != "fetch_asset"]
    assert len(stated) > 20
    for rule in stated:
        assert int(submitted[rule]["mem_mb"]) >= int(here[rule]["mem_mb"]) + 2 * 178, rule


def test_after_a_kill_for_memory_a_submitted_job_asks_for_twice_as_much_and_after_any_other_loss_for_as_much(tmp_path):
    """Attempts beyond those of all jobs are such kills' (relab.slurm.more_memory_once); --attempt says which one it is."""
    first, killed, lost = (
        training(tmp_path, "--profile", "profiles/slurm", "--attempt", attempt, "--retries", retries)["mem_mb"]
        for attempt, retries in (("1", "0"), ("2", "0"), ("2", "2"))
    )
    assert int(killed) == 2 * int(first) and lost == first


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


def test_short_jobs_of_a_row_and_of_a_corpus_are_submitted_as_one_and_no_network_among_them(tmp_path):
    planned = run_snakemake(tmp_path, "--dry-run", "--profile", "profiles/slurm", *TINY)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    groups = {
        name: re.findall(r"^    rule (\w+):$", jobs, re.M)
        for name, jobs in re.findall(r"^\[.*\] Group job (\w+) .*\n((?:(?: .*)?\n)*)", planned.stdout, re.M)
    }
    assert {"clean_corpus", "train_tokenizer", "tokenize_corpus"} <= set(groups["corpus_italian"])
    assert groups["row_retrieval"] == ["draw_retrieval", "score_retrieval", "tabulate_retrieval"]
    grouped = {rule for rules in groups.values() for rule in rules}
    assert not [rule for rule in grouped if rule.startswith(("train_model", "finetune", "measure_", "trace_", "sample_"))]
    assert not re.search("Group job", run_snakemake(tmp_path, "--dry-run", "--cores", "2", *TINY).stdout)
