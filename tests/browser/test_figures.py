"""Figures in a real browser: no letter is cut off, and no two texts lie over each other."""

from __future__ import annotations

import pandas as pd
import pytest

from relab.figures import figure_style
from relab.report.figures import embed
from relab.rows.iteration_losses.figures import draw_losses
from relab.rows.shared.finetuning_figures import draw_losses as draw_finetuned
from relab.rows.shared.intervals import ENDS, Panel, draw_intervals
from relab.svg import save_figure

LONG = ["greedy", "a way of selecting tokens of many words − another way of selecting them", "beam search", "x, " * 12 + "y"]

#: Texts of figures that reach out of them, and pairs that cover each other by more than the air around letters.
TROUBLES = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  const cut = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
  const over = texts.flatMap(([text, a], index) => texts.slice(index + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3.5).map(([other]) => [text, other]));
  return [...cut.map(([text]) => text), ...over];
})"""


def intervals(across: int):
    numbers = [(0.2 + 0.1 * place, 0.1 + 0.1 * place, 0.4 + 0.1 * place) for place in range(len(LONG))]
    table = pd.DataFrame(numbers, columns=[f"share{end}" for end in ENDS]).assign(name=LONG)
    panels = [Panel(f"Measure of {number} things at once", {"share": "share"}, "share", unit="%") for number in range(across)]
    return draw_intervals(table, "name", panels, across=across)


def curves(**more):
    rows = [
        (model, seed, 500 * step, 3 / (step + 1), 3.1 / (step + 1)) for model in LONG for seed in (0, 1) for step in range(9)
    ]
    names = ["model", "seed", "step", "train_loss", "validation_loss"]
    return pd.DataFrame(rows, columns=names).assign(tokens_seen=lambda frame: 1000 * frame["step"], **more)


@pytest.mark.parametrize(
    "draw",
    [*(lambda across=across: intervals(across) for across in (1, 2, 3)), lambda: draw_finetuned(curves()),
     lambda: draw_losses(curves(uniform=10.8249, grammar_loss=0.2), "gpt")],
    ids=["a panel", "two panels", "three panels", "finetuned", "iterations"],
)  # fmt: skip
def test_texts_are_whole_and_keep_apart(visitor, tmp_path, draw):
    with figure_style():
        save_figure(tmp_path / "a.svg", draw())
    drawing = embed(str(tmp_path / "a.svg"), "a", "A figure", "What it shows")
    file = tmp_path / "page.html"
    file.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><link rel=icon href='data:,'><div style='width: 36rem'>{drawing}</div>"
    )
    page = visitor(file)(700)
    assert page.locator("svg text").count() > 5
    assert page.evaluate(TROUBLES) == []
