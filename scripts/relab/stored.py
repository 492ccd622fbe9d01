"""What stands in a file of weights, without the libraries that make a model of them."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from relab.errors import UserError


def stored_parameters(weights: str | Path) -> int:
    """Number of parameters in a file of weights, tied ones once; they are not read.

    Raises:
        UserError: where it is no safetensors file.
    """
    try:
        with safe_open(weights, framework="np") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{weights}: expected weights in safetensors ({error})") from None
