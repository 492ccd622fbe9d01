"""The figures of judged texts: their perplexities to the judge beside how varied they are; what a lower temperature changes."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.intervals import Panel, draw_intervals, spread


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    grid, diversity = (read_csv(job.file(table)) for table in ("grid", "diversity"))
    figures = {"perplexities": draw_perplexities(grid, diversity, job.spec["human"])}
    if job.files("accounts"):
        figures["accounts"] = draw_accounts(read_csv(job.file("accounts")))
    return figures


def draw_perplexities(grid: pd.DataFrame, diversity: pd.DataFrame, human: str) -> Figure:
    """Perplexities of whole texts (filled) and at equal length (hollow), beside distinct-2, a line a source and method.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(grid, ("source", "method", "equal_tokens"), "the grid has", rows=True)
    require_columns(diversity, ("source", "method"), "the diversity has", rows=True)
    table = grid.merge(diversity, on=["source", "method"], suffixes=("", "_texts"))
    names = [row.source if row.source == human else f"{row.source}, {row.method}" for row in table.itertuples()]
    equal = f"first {grid['equal_tokens'].iloc[0]} tokens"
    perplexities = {"perplexity": "whole texts", "equal_perplexity": equal}
    panels = (
        Panel("Perplexity to the judge", perplexities, "log scale, lower is likelier", log=True),
        Panel("Distinct pairs of words", {"distinct_2": "distinct-2"}, "share of pairs", unit="%"),
    )
    return draw_intervals(table.assign(name=names), "name", panels, dict(zip(names, table["source"], strict=True)), [human])


def draw_accounts(accounts: pd.DataFrame) -> Figure:
    """What each account of the temperature makes of a lower one, two panels a contrast: entropy and judged perplexity.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    wide = spread(accounts, "account", "contrast", ["entropy_change", "perplexity_change"])
    panels = []
    for contrast in dict.fromkeys(accounts["contrast"]):
        for measure, title, unit in (("entropy", "Entropy", "nats"), ("perplexity", "Judged perplexity", "")):
            label = f"{contrast}{', ' if unit else ''}{unit}"
            panels.append(Panel(title, {f"{contrast} {measure}_change": "change"}, label, unit, reference=0))
    return draw_intervals(wide, "account", panels)
