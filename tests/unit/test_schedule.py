"""How jobs fit onto cores, on graphs of which the answer is known."""

from __future__ import annotations

import pytest

from relab.schedule import Job, longest_chain, remaining_seconds, seconds_on


def graph(**jobs: tuple[float, str]) -> list[Job]:
    """Jobs by name: seconds, and the names of those that it waits for."""
    return [Job("rule", name, seconds, tuple(needs.split())) for name, (seconds, needs) in jobs.items()]


#: A short job before a long one, and two of middle length that wait for nothing.
JOBS = graph(end=(1, "long x y"), long=(10, "first"), first=(1, ""), x=(5, ""), y=(5, ""))


def test_a_job_is_as_urgent_as_the_longest_chain_behind_it():
    assert remaining_seconds(JOBS) == {"first": 12, "long": 11, "x": 6, "y": 6, "end": 1}


def test_the_longest_chain_is_told_in_its_order():
    assert [job.record for job in longest_chain(JOBS)] == ["first", "long", "end"]
    assert longest_chain([]) == []


@pytest.mark.parametrize(("cores", "seconds"), [(1, 22), (2, 12), (3, 12), (100, 12)])
def test_the_time_on_some_cores(cores, seconds):
    """On two cores the middle jobs fit beside the long one, as that is started first."""
    assert seconds_on(JOBS, cores) == seconds


def test_no_jobs_take_no_time():
    assert seconds_on([], 2) == 0 and remaining_seconds([]) == {}
