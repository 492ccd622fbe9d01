"""B7: sizes of the GPT generations, counted from their configurations beside the figures that the notebook gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import Field
from torch import nn

from relab.architectures import configuration, skeleton
from relab.gpt import parameters
from relab.scores import exact
from relab.settings.base import Settings
from relab.settings.chapters import ReportedSize

#: Split and metric of the scores; experiments are ``parameters/{name}``.
SPLIT, METRIC = "configuration", "parameters (millions)"


class GenerationsSpec(Settings):
    """Settings of the job that counts the parameters."""

    generations: list[ReportedSize] = Field(description="The generations.", min_length=1)


@dataclass(frozen=True)
class Count:
    """The parameters of an architecture, and those of its token and position embeddings among them."""

    size: ReportedSize
    parameters: int
    embeddings: int


def count(sizes: Sequence[ReportedSize]) -> list[Count]:
    """Count the parameters of each architecture on the meta device; the output layer shares the token embedding's.

    Raises:
        UserError: a size that no model has, such as a width that its heads do not divide.
    """
    counts = []
    for size in sizes:
        model = skeleton(configuration(size), size.name)
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        counts.append(Count(size, parameters(model), sum(table.weight.numel() for table in tables)))
    return counts


def generations_table(counts: Sequence[Count]) -> pd.DataFrame:
    """An architecture a row.

    Columns: ``name, vocabulary, context, width, layers, heads`` as configured; ``parameters``; ``embedding_share`` of the
    token and position embeddings in them; ``reported`` in millions and ``difference`` of ours from it in percent, both empty
    where the write-up gives none.
    """
    return pd.DataFrame([_row(one) for one in counts])


def _row(one: Count) -> dict[str, Any]:
    size, reported = one.size, one.size.reported
    return {
        **size.model_dump(include={"name", "layers", "width", "heads", "vocabulary", "context"}),
        "parameters": one.parameters,
        "embedding_share": f"{one.embeddings / one.parameters:.4f}",
        "reported": f"{reported:g}" if reported else "",
        "difference": f"{100 * (one.parameters / (reported * 1e6) - 1):+.1f}" if reported else "",
    }


def generations_scores(counts: Sequence[Count]) -> Iterator[dict[str, Any]]:
    """The parameters of each architecture in millions."""
    for one in counts:
        yield exact(f"parameters/{one.size.name}", 0, SPLIT, METRIC, one.parameters / 1e6)
