"""The figures of classifiers on the rows of a test split: accuracy and macro-F1 by system, and differences on the same rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd
from matplotlib.figure import Figure

from relab.files import require_columns
from relab.rows.shared.intervals import Panel, draw_intervals, spread
from relab.rows.shared.systems import ACCURACY, MACRO_F1

MEASURES = {"accuracy": ACCURACY, "macro_f1": MACRO_F1}


def draw_accuracies(systems: pd.DataFrame, system_by_name: Mapping[str, str], baselines: Collection[str]) -> Figure:
    """Accuracy (filled) and macro-F1 (hollow) of what stands in the column ``name``, a panel a data set.

    ``system_by_name`` is what each name is of, by which it is coloured.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    wide = spread(systems, "name", "data_set", MEASURES)
    panels = [
        Panel(data_set, {f"{data_set} {column}": title for column, title in MEASURES.items()}, "95 % interval", unit="%")
        for data_set in dict.fromkeys(systems["data_set"])
    ]
    return draw_intervals(wide, "name", panels, system_by_name, baselines)


def draw_pairs(pairs: pd.DataFrame) -> Figure:
    """What one system's accuracy has beyond another's on the same rows, a panel a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(pairs, ("data_set", "system", "other"), "the pairs have", rows=True)
    wide = spread(pairs.assign(name=pairs["system"] + " − " + pairs["other"]), "name", "data_set", ["accuracy"])
    panels = [
        Panel(data_set, {f"{data_set} accuracy": ACCURACY}, "accuracy, percentage points", unit="points", reference=0)
        for data_set in dict.fromkeys(pairs["data_set"])
    ]
    return draw_intervals(wide, "name", panels, systems={})
