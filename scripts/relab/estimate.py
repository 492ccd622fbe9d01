"""How long jobs take, roughly, before anything has been measured on the machine at hand."""

from __future__ import annotations

from typing import Any

#: Seconds of one core of a 2-core server (AMD EPYC), measured for the jobs of the embedded default.
SECONDS = {
    "fetch_asset": 5,
    "clean_corpus": 15,
    "train_tokenizer": 8,
    "score_char_gpt": 25,
    "tabulate_char_gpt": 4,
    "draw_char_gpt": 8,
    "build_report": 4,
}
DEFAULT_SECONDS = 4
#: Training time per token is an overhead per layer plus work in proportion to the floating-point operations.
SECONDS_PER_LAYER_TOKEN, SECONDS_PER_FLOP = 1.3e-5, 1.5e-11


def seconds(rule: str, spec: dict[str, Any] | None = None) -> float:
    """Seconds of one CPU core that a job of ``rule`` with these settings takes, to within a factor of two or so."""
    if rule != "train_model" or spec is None:
        return SECONDS.get(rule, DEFAULT_SECONDS)
    architecture, training = spec["architecture"], spec["training"]
    tokens = training["steps"] * training["accumulation"] * training["batch"] * architecture["block"]
    return 10 + tokens * (architecture["layers"] * SECONDS_PER_LAYER_TOKEN + flops_per_token(architecture) * SECONDS_PER_FLOP)


def flops_per_token(architecture: dict[str, Any], vocab_size: int = 100) -> float:
    """Floating-point operations of training on one token, forward and backward: 6 a weight, 12 a layer, position and unit
    of width for attention (Chowdhery et al. 2022, appendix B)."""
    width, layers = architecture["width"], architecture["layers"]
    weights = 12 * layers * width**2 + vocab_size * width
    return 6 * weights + 12 * layers * width * architecture["block"]
