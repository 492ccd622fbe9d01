"""A Slurm cluster of two nodes, made of this machine for the time of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster, missing_program, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The running cluster."""
    missing = missing_program()
    if missing:
        pytest.skip(f"needs Slurm and munge (Debian packages slurm-wlm and munge); {missing} is missing")
    with running_cluster(tmp_path_factory.mktemp("slurm"), nodes=2, cores=8, at_once=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm(cluster: Cluster) -> dict[str, str]:
    """The environment in which Slurm's commands, Snakemake and Python are this cluster's."""
    return cluster.environment


@pytest.fixture(scope="session")
def outage(cluster: Cluster):
    """A context in which the cluster's controller is away."""
    return cluster.outage
