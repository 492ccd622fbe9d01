"""Model FLOPs utilisation: the share of a card's peak that a training uses (Chowdhery et al. 2022, appendix B)."""

from __future__ import annotations

#: Dense peaks of tensor cores in FLOP/s, in bfloat16 with sums in float32 (V100 and T4, which lack it: float16), by the whole
#: name that ``torch.cuda.get_device_name`` gives. Source: NVIDIA's data sheets of these cards, and for those of GeForce its
#: white papers on the architectures (GA102, Ada); where a data sheet gives a figure "with sparsity", half of it. A part of a
#: card (MIG) has a name of its own and is not here.
PEAKS = {
    "NVIDIA H200": 989e12,
    "NVIDIA H200 NVL": 835e12,
    "NVIDIA H100 80GB HBM3": 989e12,  # SXM5
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA H100 PCIe": 756e12,
    **dict.fromkeys(
        ["NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA A100-PCIE-40GB", "NVIDIA A100 80GB PCIe"], 312e12
    ),
    "NVIDIA A40": 149.7e12,
    "NVIDIA A30": 165e12,
    "NVIDIA A10": 125e12,
    "NVIDIA L40S": 362e12,
    "NVIDIA L40": 181e12,
    "NVIDIA L4": 121e12,
    "Tesla V100-SXM2-16GB": 125e12,
    "Tesla V100-SXM2-32GB": 125e12,
    "Tesla V100-PCIE-16GB": 112e12,
    "Tesla V100-PCIE-32GB": 112e12,
    "Tesla T4": 65e12,
    "NVIDIA GeForce RTX 4090": 165.2e12,
    "NVIDIA GeForce RTX 3090": 71e12,
}


def flops_per_token(parameters: int, embeddings: int, layers: int, width: int, context: int) -> float:
    """Floating-point operations of a training step, forward and backward, per token.

    Six for each parameter that a token is multiplied with, and twelve times layers, width and context for attention.

    Args:
        parameters: number of all parameters.
        embeddings: number of those that are only looked up: positions, and tokens if the output layer is not tied to them.
        layers, width: of the model.
        context: tokens of a sequence.
    """
    return 6.0 * (parameters - embeddings) + 12.0 * layers * width * context


def utilisation(tokens_per_second: float, flops: float, device: str) -> float | None:
    """The share of a device's peak that a training at this speed uses; None where the peak is unknown, as of a CPU.

    ``device`` is a name of :func:`relab.device.device_name`: ``cuda: `` and the card's name.
    """
    peak = PEAKS.get(device.removeprefix("cuda: "))
    return None if peak is None else tokens_per_second * flops / peak
