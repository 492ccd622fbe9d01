"""Fitted classifiers on disk: one file of skops, which holds no code that loading would run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import skops.io

from relab.errors import UserError
from relab.files import replacing
from relab.probes.classifiers import Fitted

#: What scikit-learn's perceptron holds beside what skops trusts by itself.
TRUSTED = ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",)


def save(path: str | Path, fitted: Iterable[Fitted]) -> None:
    """Write fitted systems by name and seed, ``{system}/{seed}``."""
    with replacing(path) as temporary:
        skops.io.dump({f"{one.system}/{one.seed}": one.model for one in fitted}, temporary)


def load(path: str | Path) -> Mapping[str, Any]:
    """The fitted systems of a file, scikit-learn pipelines with ``predict``.

    Raises:
        UserError: where it is no such file, or holds what loading it could run.
    """
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    except Exception as error:  # what a broken file raises is not documented
        raise UserError(f"{path}: expected fitted classifiers in skops's format ({error})") from None
    if unknown:
        raise UserError(f"{path}: holds {unknown[0]}, which is none of scikit-learn's known classifiers; it is not loaded")
    return skops.io.load(path, trusted=list(TRUSTED))
