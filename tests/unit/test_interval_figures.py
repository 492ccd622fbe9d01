"""Estimates with intervals as the figures of rows draw them, and differences of them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from relab.errors import UserError
from relab.figures import GREY, NEUTRAL, colours, figure_style
from relab.rows.shared.intervals import Panel, draw_intervals, in_words, spread

TABLE = pd.DataFrame(
    [("chance", 0.25, None, None, None, None, None), ("smollm2, chat", 0.5, 0.4, 0.6, 0.1, 0.02, 0.18),
     ("smollm2, TL;DR", 0.45, 0.3, 0.6, -0.05, -0.2, 0.1)],
    columns=["system", "accuracy", "accuracy_low", "accuracy_high", "change", "change_low", "change_high"],
)  # fmt: skip
SHARES = Panel("Test", {"accuracy": "accuracy"}, "accuracy", unit="%")
CHANGES = Panel("Beyond it", {"change": "change"}, unit="points", reference=0)


def drawn(axes):
    """Marks by what they say, with their positions; intervals by their height."""
    marks = {line.values_in_words[0]: line for line in axes.lines if getattr(line, "values_in_words", None)}
    bars = {line.get_ydata()[0]: line.get_xdata() for line in axes.lines if line.get_label() == "_interval"}
    return marks, bars


def test_every_line_of_the_table_has_a_mark_and_its_interval_at_the_height_of_its_name():
    with figure_style():
        figure = draw_intervals(TABLE, "system", [SHARES, CHANGES], baselines=["chance"])
    shares, changes = figure.axes
    assert [label.get_text() for label in shares.get_yticklabels()] == TABLE["system"].tolist()
    marks, bars = drawn(shares)
    assert list(marks) == [
        "chance, accuracy: 25.0%",
        "smollm2, chat, accuracy: 50.0% [40.0%, 60.0%]",
        "smollm2, TL;DR, accuracy: 45.0% [30.0%, 60.0%]",
    ]
    heights = shares.get_yticks().tolist()
    positions = [line.get_xydata()[0].tolist() for line in marks.values()]
    assert positions == [list(pair) for pair in zip([0.25, 0.5, 0.45], heights, strict=True)] and heights == sorted(heights)
    assert {height: list(ends) for height, ends in bars.items()} == {heights[1]: [0.4, 0.6], heights[2]: [0.3, 0.6]}
    of_system = [to_hex(line.get_color()).upper() for line in marks.values()]
    assert of_system == [NEUTRAL[0], *[colours(["smollm2"])["smollm2"]] * 2]  # two ways of asking one model
    marks, _ = drawn(changes)
    assert list(marks) == [
        "smollm2, chat, change: 10.0 [2.0, 18.0] points",
        "smollm2, TL;DR, change: −5.0 [−20.0, 10.0] points",
    ]
    assert not figure.legends


def test_a_difference_that_nothing_decides_is_hollow():
    with figure_style():
        (axes,) = draw_intervals(TABLE, "system", [CHANGES], systems={}).axes
    decided, undecided = drawn(axes)[0].values()
    assert {to_hex(line.get_color()) for line in (decided, undecided)} == {GREY}
    assert (decided.get_markerfacecolor(), undecided.get_markerfacecolor()) == (GREY, "white")
    assert [list(line.get_xdata()) for line in axes.lines if line.get_label() == "_reference"] == [[0, 0]]


def test_several_values_of_a_system_have_a_mark_each_and_a_legend():
    panel = Panel("Both", {"accuracy": "accuracy", "change": "macro-F1"})
    with figure_style():
        figure = draw_intervals(TABLE, "system", [panel])
    marks, _ = drawn(figure.axes[0])
    assert len({(line.get_marker(), line.get_markerfacecolor()) for line in marks.values()}) >= 2
    assert "smollm2, chat, macro-F1: 0.1 [0.02, 0.18]" in marks
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["accuracy", "macro-F1"]


def test_a_panel_for_each_data_set_where_not_every_one_has_every_system():
    table = pd.concat([TABLE.assign(data_set="a"), TABLE.iloc[1:].assign(data_set="b")])
    wide = spread(table, "system", "data_set", ["accuracy"])
    assert wide["system"].tolist() == TABLE["system"].tolist()
    assert wide["a accuracy"].tolist() == TABLE["accuracy"].tolist() and np.isnan(wide["b accuracy"][0])
    with pytest.raises(UserError, match="the table has no column 'gain'"):
        spread(table, "system", "data_set", ["gain"])


def test_a_table_without_what_is_needed_is_refused():
    with pytest.raises(UserError, match="the table has no column 'change'"):
        draw_intervals(TABLE.drop(columns="change"), "system", [CHANGES])
    with pytest.raises(UserError, match="the table has no row"):
        draw_intervals(TABLE.iloc[:0], "system", [CHANGES])


@pytest.mark.parametrize(
    "arguments, words",
    [(("a", 1.23456, 1, 2), "a: 1.235 [1, 2]"), (("a − b", -0.5, -1, 0.5), "a − b: −0.5 [−1, 0.5]"),
     (("a", 0.1234, float("nan"), float("nan"), "%"), "a: 12.3%"), (("well-known", 3, 2, 4), "well-known: 3 [2, 4]")],
)  # fmt: skip
def test_values_in_words(arguments, words):
    assert in_words(*arguments) == words
