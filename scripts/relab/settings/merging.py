"""Layers of settings laid over one another, the later over the earlier ones."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relab.errors import UserError
from relab.settings.layers import read_layer


def merged(paths: Iterable[str | Path], last: Mapping[str, Any] = types.MappingProxyType({})) -> dict[str, Any]:
    """The layers of settings in some files, the later over the earlier ones, and ``last`` over all, as Snakemake merges them.

    Raises:
        UserError: a file that is no group of settings; see :func:`read_layer`.
    """
    from snakemake.utils import update_config

    layers: dict[str, Any] = {}
    for path in paths:
        layer = read_layer(path)
        if not isinstance(layer, dict):
            raise UserError(f"{path}: expected settings by key, found {layer!r}")
        update_config(layers, layer)
    update_config(layers, last)
    return layers
