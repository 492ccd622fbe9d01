"""profiles/slurm on a real Slurm: what rules state is what jobs request, and a failed job is submitted again."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.runs import CHECKOUT, TINY

# The first look at a job comes sooner than after the usual 40 seconds.
IMPATIENT = ["--slurm-init-seconds-before-status-checks", "5"]

TOY = """\
rule all:
    input: "large.txt", "second_try.txt"

rule large:
    output: "large.txt"
    threads: 2
    resources: mem_mb=40000, gpu=2, runtime=90
    shell: "echo $CUDA_VISIBLE_DEVICES >> cards.txt; scontrol show job --oneliner $SLURM_JOB_ID > {output}"

rule second_try:
    output: "second_try.txt"
    resources: mem_mb=300, runtime=7
    shell: "echo attempt >> attempts.txt; [ $(wc -l < attempts.txt) = 2 ] && scontrol show job -o $SLURM_JOB_ID > {output}"
"""


def snakemake(folder: Path, environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess:
    """Run Snakemake with the project's profile; output comes in one text."""
    command = ["snakemake", "--profile", CHECKOUT / "profiles" / "slurm", "--directory", folder, *IMPATIENT, *words]
    return subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def toy(slurm: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the toy workflow ran on the cluster."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "Snakefile").write_text(TOY)
    told = snakemake(folder, slurm)
    assert told.returncode == 0, told.stdout
    return folder


def request(record: str) -> dict[str, str]:
    """What a job asked for, from a line of `scontrol show job`."""
    return dict(re.findall(r"(\S+?)=(\S*)", record))


def test_a_job_requests_exactly_what_its_rule_states(toy: Path) -> None:
    asked = {"MinMemoryNode": "40000M", "TresPerJob": "gres:gpu:2", "NumCPUs": "2", "NumTasks": "1", "TimeLimit": "01:30:00"}
    assert request((toy / "large.txt").read_text()).items() >= asked.items()


def test_a_job_of_two_cards_starts_once_and_sees_both(toy: Path) -> None:
    assert (toy / "cards.txt").read_text() == "0,1\n"


def test_a_failed_job_is_submitted_again(toy: Path) -> None:
    assert (toy / "attempts.txt").read_text() == "attempt\n" * 2
    second = request((toy / "second_try.txt").read_text())
    assert second.items() >= {"MinMemoryNode": "300M", "NumCPUs": "1", "NumTasks": "1", "TimeLimit": "00:07:00"}.items()
    assert "TresPerJob" not in second


def test_a_training_job_asks_for_what_it_is_given_and_runs(slurm: dict[str, str], moved_checkout: Path) -> None:
    given = ["--set-resources", "train_model:mem_mb=40000", "train_model:gpu=2", "--forcerun", "train_model", "--"]
    weights = Path("results/models/italian-w4-s0/model.safetensors")
    before = (moved_checkout / weights).stat().st_mtime_ns
    told = snakemake(moved_checkout, slurm, *TINY, *given, weights)
    assert told.returncode == 0, told.stdout
    assert (moved_checkout / weights).stat().st_mtime_ns > before
    jobs = subprocess.run(["scontrol", "show", "jobs", "--oneliner"], env=slurm, capture_output=True, text=True).stdout
    (training,) = [line for line in jobs.splitlines() if "Comment=rule_train_model" in line]
    asked = {"MinMemoryNode": "40000M", "TresPerJob": "gres:gpu:2", "NumTasks": "1", "TimeLimit": "08:00:00"}
    assert request(training).items() >= asked.items()
    record = json.loads((moved_checkout / f"{weights}.provenance.json").read_bytes())
    assert record["processes"] == 2, "one task started a process for each card"
