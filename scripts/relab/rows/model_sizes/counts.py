"""Parameters of architectures, counted from their configurations beside the figures that a write-up reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import nn

from relab.architectures import model_without_weights, published_configuration
from relab.gpt import parameter_count
from relab.rows.job import MAIN, Job
from relab.scores import Row, exact
from relab.settings.sizes import Size

#: Split and metric of the scores; experiments are ``parameters/{name}``.
SPLIT, METRIC = "configuration", "parameters (millions)"


@dataclass(frozen=True)
class Count:
    """The parameters of an architecture, and those of its token and position embeddings among them."""

    size: Size
    parameters: int
    embeddings: int


def tabulate(job: Job) -> dict[str, Any]:
    """The step ``tabulate``."""
    counts = count_parameters([Size(**size) for size in job.spec["sizes"]])
    return {"scores": sizes_scores(counts), MAIN: sizes_table(counts, job.spec["reported"])}


def count_parameters(sizes: Sequence[Size]) -> list[Count]:
    """Count the parameters of each architecture on the meta device; the output layer shares the token embedding's.

    Raises:
        UserError: a size that no model has, such as a width that its heads do not divide.
    """
    counts = []
    for size in sizes:
        model = model_without_weights(published_configuration(size), size.name)
        embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        counts.append(Count(size, parameter_count(model), sum(embedding.weight.numel() for embedding in embeddings)))
    return counts


def sizes_table(counts: Sequence[Count], reported: Mapping[str, float]) -> pd.DataFrame:
    """An architecture a row.

    Columns: ``name, vocabulary, context, width, layers, heads`` as configured; ``parameters``; ``embedding_share`` of the
    token and position embeddings in them; ``reported`` in millions and ``difference`` of ours from it in percent, both empty
    where the write-up gives none.

    Args:
        reported: millions of parameters by name.
    """
    return pd.DataFrame([_row(counted, reported.get(counted.size.name)) for counted in counts])


def _row(counted: Count, reported: float | None) -> dict[str, Any]:
    return {
        **counted.size.model_dump(include={"name", "layers", "width", "heads", "vocabulary", "context"}),
        "parameters": counted.parameters,
        "embedding_share": f"{counted.embeddings / counted.parameters:.4f}",
        "reported": f"{reported:g}" if reported else "",
        "difference": f"{100 * (counted.parameters / (reported * 1e6) - 1):+.1f}" if reported else "",
    }


def sizes_scores(counts: Sequence[Count]) -> list[Row]:
    """The parameters of each architecture in millions."""
    return [exact(f"parameters/{counted.size.name}", 0, SPLIT, METRIC, counted.parameters / 1e6) for counted in counts]
