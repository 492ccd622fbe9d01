"""What jobs would request under each profile; tests/cluster submits them for real."""

from __future__ import annotations

import functools
import re

import pytest
from support.runs import TINY, nodes_plugin, run_snakemake

SLURM = ("--profile", "profiles/slurm")
LARGE = ("--set-resources", "train_model:mem_mb=40000000", "train_model:gpu=2")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A function that returns what a dry run of the tiny scale prints with some words; each is run once."""

    @functools.cache
    def printed(*words: str, **variables: str) -> str:
        folder = tmp_path_factory.mktemp("run")
        done = run_snakemake(folder, "--dry-run", *words, *TINY, CUDA_VISIBLE_DEVICES="-1", **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return printed


def requests(printed: str) -> dict[str, dict[str, str]]:
    """The resources of a job of each rule in a dry run."""
    told = re.findall(r"^ *(?:local)?rule (\w+):\n(?:(?!^ *rule).*\n)*? *resources: (.*)\n", printed, re.M)
    return {rule: dict(part.split("=", 1) for part in asked.split(", ")) for rule, asked in told}


def training(printed: str) -> dict[str, str]:
    """The resources of a training job of a dry run."""
    return requests(printed)["train_model"]


def test_on_a_cluster_this_machine_limits_nothing(planned):
    assert training(planned(*SLURM))["gpu"] == "1"
    asked = training(planned(*SLURM, *LARGE))
    assert (asked["gpu"], asked["mem_mb"]) == ("2", "40000000")


def test_a_submitted_job_has_room_for_the_two_snakemakes_around_it(planned):
    here, submitted = (requests(planned(*words)) for words in (("--cores", "2"), SLURM))
    stated = [rule for rule, asked in here.items() if "mem_mb" in asked and rule != "fetch_asset"]
    assert len(stated) > 20
    for rule in stated:
        assert int(submitted[rule]["mem_mb"]) >= int(here[rule]["mem_mb"]) + 2 * 178, rule


def test_after_a_kill_for_memory_a_submitted_job_asks_for_twice_as_much_and_after_any_other_loss_for_as_much(planned):
    """Attempts beyond those of all jobs are such kills' (relab.slurm.more_memory_once); --attempt says which one it is."""
    first = training(planned(*SLURM))["mem_mb"]
    killed, lost = (training(planned(*SLURM, "--attempt", "2", "--retries", retries))["mem_mb"] for retries in ("0", "2"))
    assert int(killed) == 2 * int(first) and lost == first


@pytest.mark.parametrize(("words", "cards"), [(("--cores", "2"), "0"), (("--profile", "profiles/gpu"), "1")])
def test_on_this_machine_jobs_fit_what_it_has_or_the_profile_says(planned, words, cards):
    asked = training(planned(*words, *LARGE))
    assert asked["gpu"] == cards
    assert int(asked["mem_mb"]) < 40000000


def test_on_nodes_without_a_shared_disk_jobs_say_whose_cards_they_ask_for(planned, tmp_path):
    """With an executor and a storage of the tests in place of those that the profile names; tests/pipeline runs jobs so."""
    instead = ("--executor", "nodes", "--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path / "store"))
    asked = training(planned("--profile", "profiles/kubernetes", *instead, **nodes_plugin()))
    assert (asked["gpu"], asked["gpu_manufacturer"]) == ("1", "nvidia")


def test_a_training_job_gets_a_process_for_each_card_and_their_number_trains_nothing_anew(planned):
    """The cards are no parameter of the job, and no setting: what is trained on two stays where one is asked for."""
    printed = planned("--printshellcmds", *SLURM, *LARGE)
    assert re.search(r"train_model\.py .*--cards 2 ", printed)
    assert re.search(r"finetune_classifier\.py .*--cards 1 ", printed)
    assert not re.search(r"--spec '[^']*cards", printed)


def test_what_is_short_or_belongs_to_a_row_is_submitted_as_one_and_no_training_with_it(planned):
    groups = [
        (name, sorted(re.findall(r"^    rule (\w+):$", jobs, re.M)))
        for name, jobs in re.findall(r"^\[.*\] Group job (\w+) .*\n((?:(?: .*)?\n)*)", planned(*SLURM), re.M)
    ]
    assert ("corpus_books", ["clean_corpus", "tokenize_corpus"]) in groups
    assert {"clean_corpus", "train_tokenizer", "tokenize_corpus"} <= set(dict(groups)["corpus_italian"])
    assert ("dataset_passages", ["make_dataset"] * 3) in groups
    assert ("features_minilm_passages", ["encode_texts"] * 2) in groups
    assert ("row_retrieval", ["draw_retrieval", "score_retrieval", "tabulate_retrieval"]) in groups
    assert ("row_code", ["draw_code", "measure_code", "schedule_code", "score_code", "tabulate_code"]) in groups
    assert ("row_typo", ["sample_texts", "score_typo", "tabulate_typo"]) in groups
    assert ("report", ["build_report", "score_claims", "tabulate_overview"]) in groups
    grouped = {rule for _, rules in groups for rule in rules}
    assert not [rule for rule in grouped if rule.startswith(("train_model", "finetune", "adapt", "train_on", "fit"))]
    assert "Group job" not in planned("--cores", "2")
