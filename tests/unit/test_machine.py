"""What the machine has, without loading a deep-learning library."""

from __future__ import annotations

import os
import stat

import pytest

from relab import machine


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A machine on which ``nvidia-smi -L`` lists two cards."""
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho 'GPU 1: B (UUID: y)'\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")
    return monkeypatch


@pytest.mark.parametrize(("visible", "count"), [(None, 2), ("0", 1), ("0,1", 2), ("", 0), ("-1", 0), ("0,1,2", 2)])
def test_cards_are_those_this_process_may_see(nvidia_smi, visible, count):
    if visible is None:
        nvidia_smi.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        nvidia_smi.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.gpu_count() == count


def test_a_driver_that_fails_means_no_card(nvidia_smi, tmp_path):
    nvidia_smi.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert machine.gpu_count() == 0


def test_an_apple_machine_has_one(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert machine.gpu_count() == 1


@pytest.mark.parametrize(("of_job", "most"), [(None, None), ("0", None), ("1000", 1048)])
def test_memory_is_that_of_the_machine_or_of_the_job_of_slurm_or_less(monkeypatch, of_job, most):
    monkeypatch.delenv("SLURM_MEM_PER_NODE", raising=False)
    if of_job:
        monkeypatch.setenv("SLURM_MEM_PER_NODE", of_job)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6
    assert 0 < machine.memory_mb() <= (most or total)
