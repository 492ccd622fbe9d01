"""Slurm: what its partitions allow, which jobs of a run it still has, and how Snakemake's plugin for it submits and asks."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.failures import ENDED

#: What Snakemake calls each limit, and how to stay below it.
_REMEDIES = {
    "minutes": ("runtime", "less time, of which a training goes on when it is over: --set-resources RULE:runtime=MINUTES"),
    "cards": ("gpu", "none to any job: --resources gpu=0"),
    "memory": ("mem_mb", "less memory: --set-resources RULE:mem_mb=MB"),
    "cores": ("threads", "fewer cores: --set-threads RULE=CORES"),
}

#: Limits of the nodes of all partitions: name, time, cards, MB, cores.
NODES = ("sinfo", "--noheader", "--exact", "--format=%R|%l|%G|%m|%c")
#: The user's jobs that are not at their end: number, folder, comment.
JOBS = ("squeue", "--me", "--noheader", "--format=%i|%Z|%k")


@dataclass(frozen=True)
class Node:
    """What a job may ask of a kind of node in a partition: minutes, cards, MB of memory, cores."""

    minutes: float
    cards: int
    memory: int
    cores: int


@dataclass(frozen=True)
class Request:
    """What a job asks for, in the same units, and of which partitions: names with commas between them, or none."""

    job: str
    partition: str
    minutes: int
    cards: int
    memory: int
    cores: int


def request(job: Any, executor: Any) -> Request:
    """What a job of Snakemake, or a group of jobs, asks Slurm for by the plugin's executor."""
    asked = job.resources
    # a quality of service may lift the time limit of a partition
    limited = not (asked.get("qos") or executor.workflow.executor_settings.qos)
    return Request(
        job=" and ".join(sorted(job.rules)),
        partition=executor.get_partition_arg(job).partition("-p ")[2].strip("'"),
        minutes=limited and asked.get("runtime") or 0,
        cards=-(-(asked.get("gpu") or 0) // (asked.get("nodes") or 1)),  # of each node
        memory=asked.get("mem_mb") or 0,
        cores=job.threads,
    )


def told(command: Iterable[str]) -> str:
    """What a command of Slurm prints; empty where it fails or is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def nodes(listing: str) -> dict[str, list[Node]]:
    """The kinds of nodes of each partition, from what :data:`NODES` prints."""
    partitions: dict[str, list[Node]] = {}
    for line in listing.splitlines():
        name, time, resources, memory, cores = line.strip().split("|")
        cards = sum(int(number) for number in re.findall(r"\bgpu(?::[^:,(]+)?:(\d+)", resources))
        partitions.setdefault(name, []).append(Node(_minutes(time), cards, int(memory), int(cores)))
    return partitions


def _minutes(limit: str) -> float:
    """A time limit as Slurm writes it, such as ``1-00:00:00`` and ``30:00``, in minutes; what is no time is no limit."""
    written = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if not written:
        return math.inf
    days, hours, minutes, seconds = (int(number or 0) for number in written.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60


def refusal(request: Request, partitions: Mapping[str, list[Node]]) -> str:
    """Why a job would wait for ever or be refused, in a sentence with the remedy; empty where a node can take it.

    A partition that is not among ``partitions`` is Slurm's to judge.
    """
    names = [name for name in request.partition.split(",") if name]
    if not names or not all(name in partitions for name in names):
        return ""
    allowed = [node for name in names for node in partitions[name]]
    for name, (resource, remedy) in _REMEDIES.items():
        able = [node for node in allowed if getattr(node, name) >= getattr(request, name)]
        if not able:
            most = max(getattr(node, name) for node in allowed)
            return (
                f"{request.job} asks for {resource}={getattr(request, name)}, and partition {request.partition} of Slurm "
                f"allows {most:g}: choose another partition (profiles/slurm/config.yaml says how), or give {remedy}"
            )
        allowed = able
    return ""


def unfinished(listing: str, run: Path) -> list[str]:
    """The numbers of the jobs of a run that Slurm still has, from what :data:`JOBS` prints."""
    jobs = [line.strip().split("|", 2) for line in listing.splitlines()]
    return [number for number, folder, comment in jobs if Path(folder) == run and comment.startswith(("rule_", "group_"))]


def limit_cores(jobs: Iterable[Any]) -> None:
    """Let a group of jobs ask for the most cores of one of them, not for those of all at once, which a node may lack."""
    for group in jobs:
        if group.is_group():
            group.global_resources = copy.deepcopy(group.global_resources)
            group.global_resources["_cores"] = max(job.threads for job in group.jobs)
            group._resources = None  # what Snakemake has summed up


def more_memory_once(executor: Any, retries: int) -> None:
    """Let a job that Slurm kills for its memory be submitted once more than the ``retries`` of all jobs, and no job else.

    Snakemake submits a job again as long as its ``attempt`` is not beyond the ``restart_times`` of its rule, and asks for its
    resources by the attempt: attempts beyond ``retries + 1`` are those after such a kill (``memory`` in rules/common.smk).

    Args:
        executor: Snakemake's, which reports the failed job, or group of jobs, with what Slurm says of it.
    """
    report = executor.report_job_error

    def report_job_error(submitted: Any, msg: str | None = None, **details: Any) -> None:
        job, ended = submitted.job, ENDED.search(msg or "")
        if ended and ended[1] == "OUT_OF_MEMORY" and job.attempt <= retries + 1:
            job.attempt = retries + 1
            for member in getattr(job, "jobs", [job]):
                member.rule.restart_times = max(member.rule.restart_times, retries + 1)
        elif job.attempt > retries:
            job.attempt = max(job.attempt, retries + 2)
        report(submitted, msg=msg, **details)

    executor.report_job_error = report_job_error


def remember_ended_jobs(executor: Any) -> None:
    """Let the plugin ask once how long Slurm remembers ended jobs, and not at every look at them."""
    # while the controller is away it would take sacct then, which never answers where there is no accounting
    plugin = sys.modules[type(executor).__module__]
    age = plugin.get_min_job_age()
    plugin.get_min_job_age = lambda: age


def start_one_snakemake(executor: Any) -> None:
    """Let what is submitted be a step of one Snakemake, which runs the job, or the jobs of a group.

    The plugin submits a Snakemake that starts such a step with another one, and each takes seconds to read the rules. Without
    a step no process would be warned that its time is up; a job on several nodes starts its own.
    """
    from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting, get_gpu_setting, get_node_setting

    command = executor.format_job_exec

    def step(job: Any) -> str:
        asked = job.resources
        if (asked.get("nodes") or 1) > 1:
            return command(job)
        settings = (get_cpu_setting(job, bool(asked.get("gpu"))), get_gpu_setting(job), get_node_setting(job))
        return f"srun --ntasks=1 --cpu-bind=q {' '.join(settings)} {command(job)}"

    executor.format_job_exec = step
    executor.additional_general_args = lambda: ""


def ask_at_least_every(executor: Any, seconds: float) -> None:
    """Let an executor's looks at its jobs be no further apart than this: the plugin's own come ever later, up to 180 s."""
    between = type(executor).next_seconds_between_status_checks

    class Executor(type(executor)):
        next_seconds_between_status_checks = property(between.fget, lambda self, value: between.fset(self, min(value, seconds)))

    executor.__class__ = Executor
