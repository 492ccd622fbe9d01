"""Reading files of weights without the libraries that make models of them."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from relab.errors import UserError


def tensor_shapes(weights: str | Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a file of weights, tied ones once; only its header is read.

    Raises:
        UserError: it is no safetensors file.
    """
    try:
        with safe_open(weights, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{weights}: expected weights in safetensors ({error})") from None


def count_parameters(weights: str | Path) -> int:
    """Number of parameters in a file of weights, tied ones once; raises as :func:`tensor_shapes`."""
    return sum(map(math.prod, tensor_shapes(weights).values()))
