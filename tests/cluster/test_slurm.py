"""profiles/slurm on a real Slurm: what rules state is what jobs request, and a failed job is submitted again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
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
    """The fields of a line of `scontrol show job`."""
    return dict(re.findall(r"(\S+?)=(\S*)", record))


def test_a_job_requests_exactly_what_its_rule_states(toy: Path) -> None:
    job = request((toy / "large.txt").read_text())
    assert job["TRES"] == "cpu=2,mem=40000M,node=1,billing=2,gres/gpu=2"
    assert job["TimeLimit"] == "01:30:00"


def test_a_job_of_two_cards_starts_once_and_sees_both(toy: Path) -> None:
    assert (toy / "cards.txt").read_text() == "0,1\n"


def test_a_failed_job_is_submitted_again(toy: Path) -> None:
    assert (toy / "attempts.txt").read_text() == "attempt\n" * 2
    job = request((toy / "second_try.txt").read_text())
    assert job["TRES"] == "cpu=1,mem=300M,node=1,billing=1"
