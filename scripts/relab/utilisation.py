"""How much of what a card can compute a training uses (row D2): model FLOPs utilisation (Chowdhery et al. 2022, appendix B)."""

from __future__ import annotations

#: Dense bfloat16 (T4 and V100: float16) peaks in FLOP/s as their makers give them, by what a device's name holds; the first
#: that fits counts.
PEAKS = {
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "V100": 125e12,
    "T4": 65e12,
}


def flops_per_token(parameters: int, embeddings: int, layers: int, width: int, context: int) -> float:
    """Floating-point operations of a training step, forward and backward, for each token that is read.

    Six for each parameter that a token is multiplied with, and twelve times layers, width and context for attention.

    Args:
        parameters: all of the model's.
        embeddings: those among them that are looked up only: positions, and tokens where the output layer has its own weights.
        layers, width: of the model.
        context: tokens of a sequence.
    """
    return 6.0 * (parameters - embeddings) + 12.0 * layers * width * context


def utilisation(tokens_per_second: float, flops: float, device: str) -> float | None:
    """The share of a device's peak that a training at this speed uses; None where the peak is not known, as of a CPU."""
    peak = next((value for name, value in PEAKS.items() if name in device), None)
    return None if peak is None else tokens_per_second * flops / peak
