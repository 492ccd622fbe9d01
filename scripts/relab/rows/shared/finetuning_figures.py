"""The figure of finetuned models: their losses over the tokens that they read."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.figures import WIDTH, colours
from relab.files import require_columns
from relab.rows.shared.curves import (
    TRAINING,
    VALIDATION,
    add_legend,
    band_entry,
    draw_splits,
    entry,
    label_axes,
)

COLUMNS = ("model", "seed", "tokens_seen", "train_loss", "validation_loss")


def draw_losses(curves: pd.DataFrame) -> Figure:
    """Losses of each model against the tokens that it had to predict so far.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, COLUMNS, "the curves have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    of_models = colours(curves["model"])
    for model, colour in of_models.items():
        draw_splits(axes, _aligned(curves[curves["model"] == model]), "tokens_seen", "loss", model, color=colour)
    label_axes(axes, "tokens predicted so far", "loss, nats a token")
    entries = [entry(model, color=colour, **VALIDATION) for model, colour in of_models.items()]
    entries += [entry("validation", **VALIDATION), entry("training", **TRAINING)]
    seeds = int(curves.groupby("model")["seed"].nunique().max())
    add_legend(figure, [*entries, *([band_entry(f"lowest to highest of {seeds} seeds")] if seeds > 1 else [])])
    return figure


def _aligned(curve: pd.DataFrame) -> pd.DataFrame:
    """Documents of different lengths are drawn by different seeds: the tokens of a step are their mean over seeds."""
    if "step" not in curve:
        return curve
    return curve.assign(tokens_seen=curve.groupby("step")["tokens_seen"].transform("mean"))
