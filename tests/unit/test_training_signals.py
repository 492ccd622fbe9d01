"""Being asked to stop."""

from __future__ import annotations

import os
import signal

import pytest

from relab.training.signals import StopSignal, requeue


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_is_noted_and_ends_nothing(name):
    with StopSignal() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), signal.Signals[name])
        assert stop.signal == name


def test_the_first_signal_is_the_one_that_is_told():
    with StopSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.signal == "SIGTERM"


def test_signals_mean_afterwards_what_they_meant_before():
    before = [signal.getsignal(number) for number in StopSignal.SIGNALS]
    with StopSignal():
        assert [signal.getsignal(number) for number in StopSignal.SIGNALS] != before
    assert [signal.getsignal(number) for number in StopSignal.SIGNALS] == before


@pytest.mark.parametrize("number", [None, "12"])
def test_only_a_job_of_slurm_goes_back_into_a_queue(number, tmp_path, monkeypatch):
    command = tmp_path / "scontrol"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if number:
        monkeypatch.setenv("SLURM_JOB_ID", number)
    requeue()
    assert (tmp_path / "words").exists() == (number is not None)
    assert number is None or (tmp_path / "words").read_text() == "requeue 12\n"
