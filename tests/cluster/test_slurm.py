"""profiles/slurm on a real Slurm: what rules state is what jobs request, and what failed or was cancelled stays so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.long_training import LOG, TARGET, interruptible
from support.runs import CHECKOUT, TINY

WEIGHTS = "results/models/italian-w4-s0/model.safetensors"
#: A training whose jobs before it are done.
TRAINING = [*TINY, "--forcerun", "train_model", "--", WEIGHTS]

TOY = """\
import sys
sys.path.insert(0, {library!r})
from relab.groups import keep_finished_jobs
keep_finished_jobs()

rule all:
    input: "large.txt", "small.txt", "error.txt", "cancelled.txt", "failed.txt"

rule large:
    output: "large.txt"
    threads: 2
    resources: mem_mb=40000, gpu=2, runtime=90
    shell: "echo $CUDA_VISIBLE_DEVICES >> cards.txt; scontrol show job --oneliner $SLURM_JOB_ID > {{output}}"

rule small:
    output: "small.txt"
    resources: mem_mb=300, runtime=7
    shell: "scontrol show job --oneliner $SLURM_JOB_ID > {{output}}"

rule error:
    output: "error.txt"
    resources: mem_mb=300, runtime=7
    shell: "echo attempt >> errors.txt; exit 1"

rule cancelled:
    output: "cancelled.txt"
    resources: mem_mb=300, runtime=7
    shell: "echo attempt >> cancellations.txt; scancel $SLURM_JOB_ID; sleep 60"

rule finished:
    output: "finished.txt"
    group: "some"
    resources: mem_mb=300, runtime=7
    shell: "echo made > {{output}}"

rule failed:
    input: "finished.txt"
    output: "failed.txt"
    group: "some"
    resources: mem_mb=300, runtime=7
    shell: "echo half > {{output}}; exit 1"
"""
PARTITIONS = """\
partitions:
  short: {max_runtime: 60, max_gpu: 0}
  cards: {max_gpu: 2}
"""


#: Jobs of seconds are asked after more often than the profile does.
OFTEN = [
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
    *("--max-status-checks-per-second", "2"),
]


def snakemake(folder: Path, environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess:
    """Run Snakemake with the project's profile; output comes in one text."""
    command = ["snakemake", "--profile", CHECKOUT / "profiles" / "slurm", *OFTEN, "--directory", folder, *words]
    return subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def toy(slurm: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the toy workflow ran on the cluster."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "Snakefile").write_text(TOY.format(library=str(CHECKOUT / "scripts")))
    (folder / "partitions.yaml").write_text(PARTITIONS)
    told = snakemake(folder, slurm, "--keep-going", "--slurm-partition-config", "partitions.yaml")
    assert told.returncode == 1, told.stdout
    assert "SLURM status is: 'CANCELLED'" in told.stdout
    return folder


def request(record: str) -> dict[str, str]:
    """What a job asked for, from a line of `scontrol show job`."""
    return dict(re.findall(r"(\S+?)=(\S*)", record))


def test_a_job_requests_exactly_what_its_rule_states(toy: Path) -> None:
    asked = {"MinMemoryNode": "40000M", "TresPerJob": "gres:gpu:2", "NumCPUs": "2", "NumTasks": "1", "TimeLimit": "01:30:00"}
    assert request((toy / "large.txt").read_text()).items() >= asked.items()


def test_a_job_of_two_cards_starts_once_and_sees_both(toy: Path) -> None:
    assert (toy / "cards.txt").read_text() == "0,1\n"


def test_a_job_without_cards_asks_for_none_and_stays_off_their_partition(toy: Path) -> None:
    asked = request((toy / "small.txt").read_text())
    stated = {"MinMemoryNode": "300M", "NumCPUs": "1", "NumTasks": "1", "TimeLimit": "00:07:00", "Partition": "short"}
    assert asked.items() >= stated.items()
    assert "TresPerJob" not in asked
    assert request((toy / "large.txt").read_text())["Partition"] == "cards"


def test_what_fails_or_is_cancelled_is_not_submitted_again(toy: Path) -> None:
    assert (toy / "errors.txt").read_text() == "attempt\n"
    assert (toy / "cancellations.txt").read_text() == "attempt\n"


def test_what_a_group_has_finished_stays_when_another_of_its_jobs_fails(toy: Path) -> None:
    assert (toy / "finished.txt").read_text() == "made\n"
    assert not (toy / "failed.txt").exists()


def slurm_jobs(environment: dict[str, str]) -> list[dict[str, str]]:
    """What each job of the cluster asked for, of those that it still knows."""
    jobs = subprocess.run(["scontrol", "show", "jobs", "--oneliner"], env=environment, capture_output=True, text=True).stdout
    return [request(line) for line in jobs.splitlines() if line.startswith("JobId=")]  # or that there are none


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_training_job_asks_for_what_it_is_given_and_runs(slurm: dict[str, str], moved_checkout: Path, nodes: int) -> None:
    given = ["--set-resources", "train_model:mem_mb=40000", "train_model:gpu=2", f"train_model:nodes={nodes}"]
    given.append("--slurm-keep-successful-logs")
    before = (moved_checkout / WEIGHTS).stat().st_mtime_ns
    told = snakemake(moved_checkout, slurm, *given, *TRAINING)
    assert told.returncode == 0, told.stdout
    assert (moved_checkout / WEIGHTS).stat().st_mtime_ns > before
    trainings = [job for job in slurm_jobs(slurm) if job.get("Comment", "").startswith("rule_train_model")]
    training = max(trainings, key=lambda job: int(job["JobId"]))
    asked = {"MinMemoryNode": "40000M", "TresPerJob": "gres:gpu:2", "TimeLimit": "08:00:00", "Requeue": "1"}
    asked |= {"NumNodes": str(nodes), "NumTasks": str(nodes)}
    assert training.items() >= asked.items()
    assert training["JobName"].startswith("moved_")
    record = json.loads((moved_checkout / f"{WEIGHTS}.provenance.json").read_bytes())
    assert record["processes"] == 2, "one job started a process for each card"
    (log,) = (moved_checkout / ".snakemake/slurm_logs/rule_train_model").rglob(f"{training['JobId']}.log")
    assert log.read_text().count("Building DAG of jobs") == 1, "one Snakemake runs the job"


def at_work(environment: dict[str, str]) -> bool:
    """Whether a job of the cluster has come to its command: what starts just when the controller is away fails."""
    steps = subprocess.run(["squeue", "--steps", "--noheader", "--format=%i"], env=environment, capture_output=True, text=True)
    return re.search(r"^\d+\.0$", steps.stdout, re.M) is not None


def numbers(environment: dict[str, str]) -> set[str]:
    """The numbers of those jobs."""
    return {job["JobId"] for job in slurm_jobs(environment)}


def test_a_group_asks_for_no_more_cores_than_one_of_its_jobs(slurm: dict[str, str], moved_checkout: Path) -> None:
    tokens = [f"results/tokens/english-{kind}/english/train.arrow" for kind in ("bytes", "characters")]
    earlier = numbers(slurm)
    more = ["--set-threads", "tokenize_corpus=2"]
    told = snakemake(moved_checkout, slurm, *more, *TINY, "--forcerun", "clean_corpus", "--", *tokens)
    assert told.returncode == 0, told.stdout
    (group,) = (job for job in slurm_jobs(slurm) if job["JobId"] not in earlier)
    assert group["NumCPUs"] == "2", "each of the two jobs that make tokens takes two"


def test_what_no_node_can_run_is_told_before_anything_is_submitted(slurm: dict[str, str], moved_checkout: Path) -> None:
    jobs = numbers(slurm)
    told = snakemake(moved_checkout, slurm, "--default-resources", "slurm_partition=short", *TRAINING)
    assert told.returncode == 1
    assert "train_model asks for runtime=480, and partition short of Slurm allows 60" in told.stdout.splitlines()[-1]
    assert numbers(slurm) <= jobs


def test_a_job_that_an_earlier_snakemake_left_behind_is_not_submitted_once_more(
    slurm: dict[str, str], moved_checkout: Path
) -> None:
    orphan = ["sbatch", "--parsable", "--mem=10", "--comment=rule_train_model", f"--chdir={moved_checkout}", "--wrap=sleep 600"]
    number = subprocess.run(orphan, env=slurm, capture_output=True, text=True, check=True).stdout.strip()
    jobs = numbers(slurm)
    told = snakemake(moved_checkout, slurm, *TRAINING)
    assert told.returncode == 1
    assert f"scancel {number}" in told.stdout.splitlines()[-1]
    assert numbers(slurm) <= jobs
    subprocess.run(["scancel", number], env=slurm, check=True)


def wait_for(is_so: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something is so; after some time fail."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def unanswered(slurm: dict[str, str], tmp_path: Path) -> Path:
    """A file that gets a line for each time that nobody answers squeue, which asks for two seconds instead of ten."""
    lines, own = tmp_path / "unanswered.txt", tmp_path / "bin" / "squeue"
    lines.touch()
    own.parent.mkdir()
    settings = tmp_path / "slurm.conf"
    settings.write_text(Path(slurm["SLURM_CONF"]).read_text() + "MessageTimeout=2\n")
    squeue = f'SLURM_CONF="{settings}" "{shutil.which("squeue", path=slurm["PATH"])}"'
    own.write_text(f'#!/bin/sh\n{squeue} "$@" && exit\nstatus=$?\necho unanswered >> "{lines}"\nexit $status\n')
    own.chmod(0o755)
    return lines


def test_snakemake_waits_for_a_controller_that_is_away(
    slurm: dict[str, str], moved_checkout: Path, outage, unanswered: Path
) -> None:
    """For more than the five queries that the plugin makes by itself, while the job ends, on a cluster without accounting."""
    environment = slurm | {"PATH": os.pathsep.join([str(unanswered.parent / "bin"), slurm["PATH"]])}
    record = moved_checkout / f"{WEIGHTS}.provenance.json"
    before = record.stat().st_mtime_ns

    def is_over() -> bool:
        ended = record.exists() and record.stat().st_mtime_ns > before
        return ended and len(unanswered.read_text().splitlines()) > 7

    with ThreadPoolExecutor() as pool:
        told = pool.submit(snakemake, moved_checkout, environment, *TRAINING)
        while not told.done() and not at_work(slurm):
            time.sleep(0.2)
        with outage():
            for _ in range(600):  # two minutes
                if told.done() or is_over():
                    break
                time.sleep(0.2)
        assert told.result().returncode == 0, told.result().stdout


def test_a_run_as_one_job_whose_time_is_up_goes_back_into_the_queue_and_goes_on(
    slurm: dict[str, str], moved_checkout: Path
) -> None:
    interruptible(moved_checkout)
    run = [CHECKOUT / "profiles/slurm/one_job.sh", *TINY, "--", TARGET]
    command = ["sbatch", "--parsable", f"--output={moved_checkout}/said.txt", "--open-mode=append", *run]
    submitted = subprocess.run(command, cwd=moved_checkout, env=slurm, capture_output=True, text=True)
    assert submitted.returncode == 0, submitted.stderr
    number, log = submitted.stdout.strip(), moved_checkout / LOG
    wait_for(lambda: log.exists() and "step 0" in log.read_text())
    subprocess.run(["scancel", "--signal=USR1", number], env=slurm, check=True)  # as Slurm does two minutes before the end
    states = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
    wait_for(lambda: any(job["JobState"] in states for job in slurm_jobs(slurm) if job["JobId"] == number))
    said = (moved_checkout / "said.txt").read_text()
    assert (moved_checkout / TARGET).exists(), said
    record = json.loads((moved_checkout / f"{TARGET}.provenance.json").read_bytes())
    assert record["attempts"] == 2, said
