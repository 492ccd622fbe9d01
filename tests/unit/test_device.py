"""Which card a job takes where Snakemake does not say."""

from __future__ import annotations

import pytest
import torch

from relab import device


@pytest.fixture
def two_cards(tmp_path, monkeypatch):
    """Lock files of two cards in a folder of their own, and none taken."""
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(device, "_held", [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda card: ([10, 30][card], 40))
    yield monkeypatch
    for handle in device._held:
        handle.close()


def test_each_job_takes_a_card_of_its_own_and_then_the_emptier_one(two_cards):
    assert [device._take_card(2) for _ in range(3)] == [0, 1, 1]


def test_a_card_is_free_again_when_its_job_has_ended(two_cards):
    assert device._take_card(2) == 0
    device._held.pop().close()
    assert device._take_card(2) == 0


def test_the_lock_is_that_of_the_real_card_not_of_its_number_in_the_job(two_cards):
    two_cards.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert device._take_card(2) == 0  # the machine's second card
    two_cards.delenv("CUDA_VISIBLE_DEVICES")
    assert device._take_card(2) == 0
    assert len(device._held) == 2, "the machine's first card was free, under whatever number"


def test_one_card_needs_no_lock(two_cards):
    assert [device._take_card(1) for _ in range(2)] == [0, 0]
    assert device._held == []


def test_without_a_card_networks_run_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.pick_device() == torch.device("cpu")
    assert device.device_name(device.pick_device()) == "cpu"
