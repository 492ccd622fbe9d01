"""The figure of fine-tuned classifiers: loss and accuracy over the epochs, on training and validation rows."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from relab.figures import WIDTH, colours
from relab.files import read_csv, require_columns
from relab.probes.systems import MAJORITY, TFIDF
from relab.rows.job import Job
from relab.rows.shared.classifier_figures import draw_accuracies, draw_pairs
from relab.rows.shared.curves import TRAINING, VALIDATION, add_legend, draw_curve, entry

COLUMNS = ("data_set", "network", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")

_LOOKS = {
    "validation": {**VALIDATION, "marker": "o", "markersize": 4},
    "train": {**TRAINING, "marker": "D", "markersize": 3},
}
#: Networks and systems that need no training, or learn from words alone.
BASELINES = (MAJORITY, TFIDF)

_LABELS = {"validation": "validation", "train": "training, since the evaluation before"}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {
        "classifiers": draw_classifiers(read_csv(job.file("curves"))),
        "classifier_accuracies": draw_systems(read_csv(job.file("systems"))),
        "classifier_differences": draw_pairs(read_csv(job.file("pairs"))),
    }


def draw_systems(systems: pd.DataFrame) -> Figure:
    """Accuracy and macro-F1 of the networks, and of classifiers on words and on frozen features, a panel a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(systems, ("network", "system"), "the classifiers have", rows=True)
    networks = systems["network"].fillna("")
    names = (networks + " " + systems["system"]).str.strip()
    system_by_name = dict(zip(names, networks.where(networks != "", systems["system"]), strict=True))
    return draw_accuracies(systems.assign(name=names), system_by_name, BASELINES)


def draw_classifiers(curves: pd.DataFrame) -> Figure:
    """A column of two panels a network and data set: losses above accuracies.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, COLUMNS, "the curves have", rows=True)
    shown = list(curves.groupby(["data_set", "network"], sort=False))
    of_networks = colours(curves["network"])
    several = curves["data_set"].nunique() > 1
    figure = Figure(figsize=(max(WIDTH, 2.1 * len(shown)), 4.2), layout="constrained")
    panels = figure.subplots(2, len(shown), sharey="row", squeeze=False)
    for (loss, accuracy), ((data_set, network), rows) in zip(panels.T, shown, strict=True):
        for split, look in _LOOKS.items():
            for axes, column in ((loss, f"{split}_loss"), (accuracy, f"{split}_accuracy")):
                draw_curve(
                    axes, rows.dropna(subset=column), "epoch", column, _LABELS[split], color=of_networks[network], **look
                )
        loss.set_title(f"{network}\n{data_set}" if several else network.replace(", ", ",\n"), fontsize=9.5)
        loss.set_xlabel("")
        accuracy.set_xlabel("epoch")
        loss.set_ylabel("loss, nats a row")
        accuracy.set_ylabel("accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for axes in (loss, accuracy):
            axes.label_outer()
            axes.margins(x=0.06)
    add_legend(figure, [entry(_LABELS[split], **look) for split, look in _LOOKS.items()])
    return figure
