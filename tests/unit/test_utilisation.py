"""The share of a card's peak that a training uses: the peak is that of the card's whole name."""

from __future__ import annotations

import pytest

from relab import utilisation

CARDS = {
    "NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H100 PCIe": 756e12, "NVIDIA H100 NVL": 835e12, "NVIDIA H200": 989e12,
    "NVIDIA A100-SXM4-40GB": 312e12, "NVIDIA A100 80GB PCIe": 312e12, "NVIDIA L4": 121e12, "NVIDIA L40": 181e12,
    "NVIDIA L40S": 362e12, "Tesla T4": 65e12, "Tesla V100-SXM2-16GB": 125e12, "NVIDIA GeForce RTX 4090": 165.2e12,
}  # fmt: skip


@pytest.mark.parametrize("card, peak", CARDS.items())
def test_the_peak_of_a_card_is_that_of_its_whole_name(card, peak):
    assert utilisation.utilisation(1.0, peak, f"cuda: {card}") == 1


WITHOUT_PEAK = [
    "NVIDIA T400",
    "NVIDIA T4G",
    "Quadro RTX 4000",
    "NVIDIA L400",
    "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    "NVIDIA H100",
]


@pytest.mark.parametrize("card", [*WITHOUT_PEAK, "NVIDIA A100", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A10G", ""])
def test_a_card_whose_name_only_begins_like_a_known_ones_has_no_known_peak(card):
    assert utilisation.utilisation(1.0, 1e12, f"cuda: {card}") is None


def test_a_cpu_has_no_known_peak():
    assert utilisation.utilisation(1.0, 1.0, "cpu") is None
