"""Figures of classifiers: the data sets side by side, confusions with and without class weights, learning curves."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from relab.figures import WIDTH, colours
from relab.files import read_csv, require_columns
from relab.probes.systems import TFIDF
from relab.rows.job import Job
from relab.rows.shared.classifier_figures import draw_accuracies, draw_pairs
from relab.rows.shared.curves import draw_curve, entry


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {
        "classification": draw_systems(read_csv(job.file("systems"))),
        "classification_differences": draw_pairs(read_csv(job.file("pairs"))),
        "confusion": draw_confusions(read_csv(job.file("confusion"))),
        "learning_curve": draw_curves(read_csv(job.file("curves"))),
    }


def draw_systems(systems: pd.DataFrame) -> Figure:
    """Accuracy (filled) and macro-F1 (hollow) of every classifier without class weights, a panel a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(systems, ("features", "classifier", "class_weights"), "the classifiers have", rows=True)
    shown = systems[systems["class_weights"] == "none"]
    names = [row.classifier if row.features == "none" else f"{row.features} {row.classifier}" for row in shown.itertuples()]
    features = dict(zip(names, shown["features"], strict=True))
    return draw_accuracies(shown.assign(name=names), features, ["none", TFIDF])


def draw_confusions(confusion: pd.DataFrame) -> Figure:
    """Heat maps of how often each class is taken for which: a row a data set, without class weights beside with them.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(confusion, ("data_set", "class_weights", "label", "prediction", "share"), "the confusions have", rows=True)
    sets, weights = (list(dict.fromkeys(confusion[column])) for column in ("data_set", "class_weights"))
    heights = [1.4 + 0.36 * confusion[confusion["data_set"] == data_set]["label"].nunique() for data_set in sets]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels = figure.subplots(len(sets), len(weights), squeeze=False, height_ratios=heights)
    for row, data_set in zip(panels, sets, strict=True):
        for axes, weight in zip(row, weights, strict=True):
            cells = confusion[(confusion["data_set"] == data_set) & (confusion["class_weights"] == weight)]
            _draw_confusions(axes, cells)
            axes.set_title(f"{data_set}\n{'balanced weights' if weight == 'balanced' else 'no weights'}", fontsize=10)
            axes.set_ylabel("true class" if axes is row[0] else "")
    return figure


def _draw_confusions(axes: Axes, cells: pd.DataFrame) -> None:
    labels = list(dict.fromkeys(cells["label"]))
    shares = cells.pivot(index="label", columns="prediction", values="share").loc[labels, labels]
    seaborn.heatmap(
        shares, annot=True, fmt=".0%", vmin=0, vmax=1, cmap="Blues", cbar=False, linewidths=0.5, ax=axes,
        annot_kws={"fontsize": 9},
    )  # fmt: skip
    axes.set_xlabel("taken for")
    axes.tick_params(axis="y", rotation=0, labelsize=9)
    axes.tick_params(axis="x", rotation=30 if len(labels) > 3 else 0, labelsize=9)


def draw_curves(curves: pd.DataFrame) -> Figure:
    """Accuracy on validation over the number of training rows, a panel a data set, a line a feature, all samples drawn.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, ("data_set", "features", "size", "draw", "accuracy"), "the learning curves have", rows=True)
    sets, features = (list(dict.fromkeys(curves[column])) for column in ("data_set", "features"))
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    looks = {
        feature: {"color": colour, "marker": "o", "markersize": 4} for feature, colour in colours(features, [TFIDF]).items()
    }
    for axes, data_set in zip(panels, sets, strict=True):
        rows = curves[curves["data_set"] == data_set]
        for feature, look in looks.items():
            shown = rows[rows["features"] == feature]
            draw_curve(axes, shown, "size", "accuracy", feature, linewidth=1.5, **look)
        _label_curves(axes, data_set, sorted(rows["size"].unique()))
    handles = [entry(feature, **look) for feature, look in looks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(features), 3))
    return figure


def _label_curves(axes: Axes, data_set: str, sizes: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, labels=[f"{size:,}" for size in sizes], rotation=45, fontsize=8.5)
    axes.minorticks_off()
    axes.set_title(data_set)
    axes.set_xlabel("training rows (log scale)")
    axes.set_ylabel("validation accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
