"""How the jobs of a run fit onto cores: which wait for which, the longest chain of them, and the time of all."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: The environment variable that names the file to which a dry run writes the jobs that would run.
PLAN = "RELAB_PLAN"


@dataclass(frozen=True)
class Job:
    """A job that would run: its rule, the record that it makes, seconds on one core, and the records that it waits for."""

    rule: str
    record: str
    seconds: float
    needs: tuple[str, ...] = ()


def measured_seconds(benchmark: Path) -> float | None:
    """Seconds that a job took when it last ran, from Snakemake's benchmark file; None where it has not."""
    lines = benchmark.read_text(encoding="utf-8").splitlines() if benchmark.is_file() else []
    return float(json.loads(lines[-1])["s"]) if lines else None


def remaining_seconds(jobs: Sequence[Job]) -> dict[str, float]:
    """Seconds from the start of a job to the end of the longest chain of jobs that wait for it, by its record."""
    waiting, needs = _waiting(jobs), {job.record: len(job.needs) for job in jobs}
    by_record = {job.record: job for job in jobs}
    order = [record for record, number in needs.items() if not number]
    for record in order:  # grows: a job comes behind all that it waits for
        for follower in waiting[record]:
            needs[follower] -= 1
            if not needs[follower]:
                order.append(follower)
    remaining: dict[str, float] = {}
    for record in reversed(order):
        remaining[record] = by_record[record].seconds + max((remaining[follower] for follower in waiting[record]), default=0.0)
    return remaining


def longest_chain(jobs: Sequence[Job]) -> list[Job]:
    """The jobs of the chain that takes longest, however many cores there are, in their order."""
    remaining, waiting = remaining_seconds(jobs), _waiting(jobs)
    by_record = {job.record: job for job in jobs}
    chain, records = [], [job.record for job in jobs if not job.needs]
    while records:
        longest = max(records, key=lambda record: remaining[record])
        chain.append(by_record[longest])
        records = waiting[longest]
    return chain


def seconds_on(jobs: Sequence[Job], cores: int) -> float:
    """Seconds until all jobs are done on a number of cores, a core a job, when of those that can start the one with the longest
    remaining chain does first."""
    remaining, waiting = remaining_seconds(jobs), _waiting(jobs)
    by_record, needs = {job.record: job for job in jobs}, {job.record: len(job.needs) for job in jobs}
    ready = [(-remaining[record], record) for record, number in needs.items() if not number]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < cores:
            record = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + by_record[record].seconds, record))
        now, ended = heapq.heappop(running)
        for follower in waiting[ended]:
            needs[follower] -= 1
            if not needs[follower]:
                heapq.heappush(ready, (-remaining[follower], follower))
    return now


def _waiting(jobs: Sequence[Job]) -> Mapping[str, list[str]]:
    """The records of the jobs that wait for each."""
    waiting = defaultdict(list)
    for job in jobs:
        for record in job.needs:
            waiting[record].append(job.record)
    return waiting
