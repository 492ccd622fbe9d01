"""What a cluster allows, and which jobs of a run it still has, out of what Slurm 22.05 printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import snakemake_executor_plugin_slurm
from support.runs import CHECKOUT

from relab import slurm
from relab.slurm import Request

NODES = """\
short|1:00:00|(null)|64000|32
short|1:00:00|(null)|128000|16
long|7-00:00:00|(null)|64000|32
cards|1-00:00:00|gpu:a100:4(S:0-1)|512000|64
debug|30:00|gpu:2|32000|8
all|infinite|gpu:1,craynetwork:4|64000|32
"""


@pytest.fixture
def partitions():
    return slurm.nodes(NODES)


def refusal(partitions, partition="short", minutes=30, cards=0, memory=2400, cores=1) -> str:
    return slurm.refusal(Request("train_model", partition, minutes, cards, memory, cores), partitions)


def test_limits_are_read_in_minutes_cards_mb_and_cores(partitions):
    assert partitions["cards"] == [slurm.Node(24 * 60, 4, 512000, 64)]
    assert partitions["long"][0].minutes == 7 * 24 * 60
    assert (partitions["debug"][0].minutes, partitions["debug"][0].cards) == (30, 2)
    assert (partitions["all"][0].minutes, partitions["all"][0].cards) == (float("inf"), 1)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"minutes": 60},
        {"memory": 128000, "cores": 16},
        {"partition": "cards", "cards": 4},
        {"partition": "short,long", "minutes": 120},
        {"partition": "all", "minutes": 10**6},
        {"partition": "hidden", "minutes": 10**6},
        {"partition": ""},
    ],
)
def test_what_a_node_can_take_or_slurm_alone_can_judge_is_not_refused(partitions, asked):
    assert refusal(partitions, **asked) == ""


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"minutes": 480}, "train_model asks for runtime=480, and partition short of Slurm allows 60: "),
        ({"cards": 1}, "train_model asks for gpu=1, and partition short of Slurm allows 0: "),
        ({"partition": "short,long", "minutes": 20000}, "runtime=20000, and partition short,long of Slurm allows 10080: "),
        ({"memory": 256000}, "mem_mb=256000, and partition short of Slurm allows 128000: "),
        ({"memory": 100000, "cores": 32}, "threads=32, and partition short of Slurm allows 16: "),
    ],
)
def test_what_no_node_of_the_partition_can_take_is_told_with_the_limit_and_a_remedy(partitions, asked, sentence):
    assert sentence in refusal(partitions, **asked)
    assert ("--resources gpu=0" in refusal(partitions, **asked)) == ("cards" in asked)


def test_jobs_of_this_run_are_told_from_the_users_others():
    listing = (
        "7|/home/a/relab|rule_train_model_wildcards_italian\n8_2|/home/a/relab|group_x|y\n"
        "9|/home/a/relab|(null)\n10|/home/b|rule_x\n"
    )
    assert slurm.unfinished(listing, Path("/home/a/relab")) == ["7", "8_2"]


def test_without_slurm_nothing_is_known_and_nothing_refused(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert slurm.told(slurm.NODES) == ""
    assert slurm.unfinished("", Path("/run")) == []
    assert refusal(slurm.nodes(""), cards=9) == ""


KILLS = """\
import sys
sys.path.insert(0, {library!r})
from relab import slurm

rule all:
    input: "hungry", "greedy", "wrong"

rule hungry:
    output: "hungry"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    shell: "echo {{resources.mem_mb}} >> hungry.txt; test {{resources.mem_mb}} -gt 100 && touch {{output}}"

rule greedy:
    output: "greedy"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    shell: "echo {{resources.mem_mb}} >> greedy.txt; false"

rule wrong:
    output: "wrong"
    shell: "echo attempt >> wrong.txt; false"

onstart:
    executor = workflow.scheduler.get_executor(next(iter(workflow.dag.needrun_jobs())))
    slurm.more_memory_once(executor, 0)
    report = executor.report_job_error
    def ended(submitted, msg=None, **details):
        status = "FAILED" if submitted.job.rule.name == "wrong" else "OUT_OF_MEMORY"
        report(submitted, msg=f"SLURM-job '1' failed, SLURM status is: '{{status}}'. ", **details)
    executor.report_job_error = ended
"""


def test_only_a_kill_for_memory_leads_to_a_second_attempt_with_twice_as_much(tmp_path):
    """Snakemake's own scheduler decides; jobs of this machine stand for submitted ones, and what Slurm says is made up."""
    (tmp_path / "Snakefile").write_text(KILLS.format(library=str(CHECKOUT / "scripts")))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
    assert (tmp_path / "hungry").exists()
    attempts = {rule: (tmp_path / f"{rule}.txt").read_text().split() for rule in ("hungry", "greedy", "wrong")}
    assert attempts == {"hungry": ["100", "200"], "greedy": ["100", "200"], "wrong": ["attempt"]}


def test_the_plugin_looks_at_its_jobs_no_later_than_it_is_told():
    executor = object.__new__(snakemake_executor_plugin_slurm.Executor)
    slurm.ask_at_least_every(executor, 15)
    waits = []
    for seconds in (5, 15, 25, 180):
        executor.next_seconds_between_status_checks = seconds
        waits.append(executor.next_seconds_between_status_checks)
    assert waits == [5, 15, 15, 15]
