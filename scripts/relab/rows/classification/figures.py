"""Figures of classifiers: the data sets side by side, confusions with and without class weights, learning curves."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from relab.figures import COLOURS, STYLES, WIDTH
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import draw_curve, entry


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {
        "classification": draw_systems(read_csv(job.file("systems"))),
        "confusion": draw_confusions(read_csv(job.file("confusion"))),
        "learning_curve": draw_curves(read_csv(job.file("curves"))),
    }


def draw_systems(systems: pd.DataFrame) -> Figure:
    """Accuracy (filled) and macro-F1 (hollow) of every classifier without class weights, a panel a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    columns = ("data_set", "features", "classifier", "class_weights", "accuracy", "macro_f1")
    require_columns(systems, columns, "the classifiers have", rows=True)
    shown = systems[systems["class_weights"] == "none"].assign(name=_names)
    sets, names = (list(dict.fromkeys(shown[column])) for column in ("data_set", "name"))
    height = 1.5 + 0.34 * len(names)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, data_set in zip(panels, sets, strict=True):
        _draw_systems(axes, shown[shown["data_set"] == data_set], names)
        axes.set_title(data_set)
        axes.set_xlabel("share (95 % interval)")
    panels[0].invert_yaxis()
    handles = [
        entry("accuracy", color=COLOURS[0], marker="o", linestyle="none"),
        entry("macro-F1", color=COLOURS[1], marker="D", linestyle="none", markerfacecolor="white"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _names(systems: pd.DataFrame) -> list[str]:
    return [row.classifier if row.features == "none" else f"{row.features}\n{row.classifier}" for row in systems.itertuples()]


def _draw_systems(axes: Axes, systems: pd.DataFrame, names: list[str]) -> None:
    """The systems of one data set, each at the height of its name: another data set may have others."""
    looks = (("accuracy", COLOURS[0], "o", COLOURS[0], -0.13), ("macro_f1", COLOURS[1], "D", "white", 0.13))
    for column, colour, marker, face, offset in looks:
        spread = [systems[column] - systems[f"{column}_low"], systems[f"{column}_high"] - systems[column]]
        axes.errorbar(
            systems[column], [names.index(name) + offset for name in systems["name"]], xerr=spread, fmt=marker,
            color=colour, markerfacecolor=face, markersize=5, linewidth=1.2,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.tick_params(axis="x", labelsize=9)


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
        feature: {"color": COLOURS[number % len(COLOURS)], "marker": "o", "markersize": 4}
        for number, feature in enumerate(features)
    }
    styles = {feature: STYLES[number // len(COLOURS) % len(STYLES)] for number, feature in enumerate(features)}
    for axes, data_set in zip(panels, sets, strict=True):
        rows = curves[curves["data_set"] == data_set]
        for feature, look in looks.items():
            shown = rows[rows["features"] == feature]
            draw_curve(axes, shown, "size", "accuracy", linewidth=1.5, linestyle=styles[feature], **look)
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
