"""What the figures of kinds of rows show of their tables: every value at its place, in the colour of its system."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from relab.errors import UserError
from relab.figures import NEUTRAL, colours, figure_style
from relab.rows.judged_texts.figures import draw_accounts, draw_perplexities
from relab.rows.model_memory.figures import PARTS, draw_memory
from relab.rows.next_words.figures import draw_words as draw_next_words
from relab.rows.policies.figures import draw_differences as draw_policy_differences
from relab.rows.progression.figures import SHARES, draw_words
from relab.rows.quantised.figures import draw_differences
from relab.rows.shared.intervals import ENDS


@pytest.fixture(autouse=True)
def style():
    with figure_style():
        yield


def named(axes) -> dict:
    """The labelled lines of a panel."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def colour(line) -> str:
    return to_hex(line.get_color()).upper()


PROGRESSION = pd.DataFrame(
    [(100, "width 32", 0.1, 0.0, 0.2), (100, "width 128", 0.2, 0.1, 0.3), (500, "width 32", 0.3, 0.2, 0.4),
     (500, "width 128", 0.5, 0.4, 0.6)], columns=["step", "model", *SHARES],
)  # fmt: skip
OVERLAP = pd.DataFrame([("held-out text", 0.9), ("width 32", 0.3), ("drawn characters", 0.05)], columns=["source", SHARES[0]])
OVERLAP = OVERLAP.assign(**{share: 0.5 for share in SHARES[1:]})


def test_words_in_the_corpus_stand_beside_those_of_held_out_and_of_drawn_text():
    (axes,) = draw_words(PROGRESSION, OVERLAP).axes
    lines = named(axes)
    assert list(lines) == ["width 32", "width 128", "held-out text", "drawn characters"]
    assert lines["width 128"].get_ydata().tolist() == [0.2, 0.5]
    assert lines["width 128"].values_in_words[1] == "width 128, step 500: 50.0% [40.0%, 60.0%]"
    assert [set(lines[text].get_ydata()) for text in ("held-out text", "drawn characters")] == [{0.9}, {0.05}]
    expected = [*colours(["width 32", "width 128"]).values(), *NEUTRAL]
    assert [colour(line) for line in lines.values()] == expected
    steps = [lines[model].get_xdata() for model in ("width 32", "width 128")]
    assert (steps[0] != steps[1]).all() and np.allclose(steps[0], [100, 500], atol=8)  # intervals stand side by side


def test_models_of_one_title_keep_the_colours_of_what_tells_them_apart():
    titled = PROGRESSION.assign(model="GPT, " + PROGRESSION["model"], model_name=PROGRESSION["model"])
    lines, untitled = named(draw_words(titled, OVERLAP).axes[0]), named(draw_words(PROGRESSION, OVERLAP).axes[0])
    assert list(lines)[:2] == ["GPT, width 32", "GPT, width 128"]
    assert [colour(line) for line in lines.values()] == [colour(line) for line in untitled.values()]
    assert [line.get_linestyle() for line in lines.values()] == [line.get_linestyle() for line in untitled.values()]


def test_a_bar_of_memory_is_as_long_as_its_sum():
    table = pd.DataFrame({"name": ["small", "large"], "batch": 8, "tokens": 128, "total": [4.0, 9.5]})
    table = table.assign(weights=[1.0, 2.0], gradients=[1.0, 2.0], optimizer=[1.5, 4.0], activations=[0.5, 1.5])
    (axes,) = draw_memory(table).axes
    ends = {}
    for patch in axes.patches:
        ends.setdefault(round(patch.get_y(), 3), []).append((patch.get_x(), patch.get_x() + patch.get_width()))
    assert len(axes.patches) == 2 * len(PARTS)
    assert [(min(starts)[0], max(starts)[1]) for starts in ends.values()] == [(0, 4.0), (0, 9.5)]
    assert [text.get_text() for text in axes.texts] == ["4.0", "9.5"]
    assert named(axes)["total"].values_in_words[0].startswith("small: 4.00 GB; weights 1.00, gradients 1.00")


def test_words_stand_in_order_with_the_probabilities_of_the_lowest_seed():
    rows = [("He", 0.8, seed, step, word, 0.5 + 0.1 * seed, 0.4, grammar)
            for seed in (1, 0) for step, word, grammar in ((1, "␣can", 0.75), (2, ".", ""))]  # fmt: skip
    columns = ["prompt", "temperature", "seed", "step", "greedy_word"]
    columns += [f"greedy_{kind}probability" for kind in ("", "model_", "grammar_")]
    (axes,) = draw_next_words(pd.DataFrame(rows, columns=columns), "mingpt").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["␣can", "."]
    printed, model, grammar = named(axes).values()
    assert printed.get_ydata().tolist() == [0.5, 0.5] and model.get_ydata().tolist() == [0.4, 0.4]
    assert grammar.get_xydata().tolist() == [[1, 0.75]]  # the grammar has ended behind the full stop
    assert colour(printed) == colour(model) == colours(["mingpt"])["mingpt"] and colour(grammar) == NEUTRAL[0]
    assert printed.values_in_words[0].startswith("␣can, ") and printed.values_in_words[0].endswith(": 50.0%")


def test_judged_texts_have_the_colour_of_their_model_and_people_none():
    grid = pd.DataFrame(
        {"source": ["stories-s0", "stories-s0", "people"], "method": ["T 1", "T 2", "human"], "equal_tokens": 40}
    )
    for column, value in (("perplexity", 10.0), ("equal_perplexity", 20.0)):
        grid = grid.assign(**{f"{column}{end}": value + shift for end, shift in zip(ENDS, (0, -1, 1), strict=True)})
    diversity = grid[["source", "method"]].assign(distinct_2=0.5, distinct_2_low=0.4, distinct_2_high=0.6)
    perplexities, distinct = draw_perplexities(grid, diversity, "people").axes
    assert [label.get_text() for label in perplexities.get_yticklabels()] == ["stories-s0, T 1", "stories-s0, T 2", "people"]
    assert (perplexities.get_xscale(), distinct.get_xscale()) == ("log", "linear")
    marks = [line for line in perplexities.lines if hasattr(line, "values_in_words")]
    assert {colour(line) for line in marks} == {colours(["stories-s0"])["stories-s0"], NEUTRAL[0]}
    assert [line.values_in_words[0] for line in marks[2::3]] == [
        "people, whole texts: 10 [9, 11]", "people, first 40 tokens: 20 [19, 21]"
    ]  # fmt: skip


def test_changes_under_an_account_have_a_panel_a_measure_and_contrast():
    columns = ["account", "contrast", *(f"{measure}_change{end}" for measure in ("entropy", "perplexity") for end in ENDS)]
    changes = [("divide", "T 1 → T 0.1", -0.8, -0.9, -0.7, -3, -4, -2), ("ignore", "T 1 → T 0.1", 0, 0, 0, 0, 0, 0)]
    changes += [(account, "T 1 → T 0.5", *(number / 2 for number in numbers)) for account, _, *numbers in changes]
    panels = draw_accounts(pd.DataFrame(changes, columns=columns)).axes
    assert [[axes.get_title(loc="left"), axes.get_xlabel()] for axes in panels] == [
        ["Entropy", "T 1 → T 0.1, nats"], ["Judged perplexity", "T 1 → T 0.1"],
        ["Entropy", "T 1 → T 0.5, nats"], ["Judged perplexity", "T 1 → T 0.5"],
    ]  # fmt: skip
    assert [named(axes)["divide"].get_xdata()[0] for axes in panels] == [-0.8, -3, -0.4, -1.5]
    assert named(panels[0])["divide"].values_in_words == ["divide, change: −0.8 [−0.9, −0.7] nats"]
    assert all([0, 0] in [list(line.get_xdata()) for line in axes.lines] for axes in panels)  # a line at none


def test_models_that_differ_in_more_than_their_first_key_differ_in_style():
    models = PROGRESSION["model"].map({"width 32": "width 32, batch 8", "width 128": "width 32, batch 64"})
    first, second, *_ = named(draw_words(PROGRESSION.assign(model=models), OVERLAP).axes[0]).values()
    assert colour(first) == colour(second) and first.get_linestyle() != second.get_linestyle()


DIFFERENCES = pd.DataFrame(
    [("loss", "4bit", 0.4, 0.2, 0.6), ("loss", "8bit", 0.01, -0.02, 0.03), ("chrF", "4bit", -0.1, -0.2, 0.1),
     ("chrF", "8bit", 0.0, -0.1, 0.1)], columns=["metric", "name", "difference", "difference_low", "difference_high"],
)  # fmt: skip


@pytest.mark.parametrize("draw, name", [(draw_differences, "weights"), (draw_policy_differences, "system")])
def test_differences_have_a_panel_a_measure_with_a_line_at_none(draw, name):
    panels = [axes for axes in draw(DIFFERENCES.rename(columns={"name": name})).axes if axes.axison]
    assert [axes.get_title(loc="left").split(",")[0] for axes in panels] == ["loss", "chrF"]
    for axes, (_, rows) in zip(panels, DIFFERENCES.groupby("metric", sort=False), strict=True):
        assert [line.get_xdata()[0] for line in named(axes).values()] == rows["difference"].tolist()
        assert [set(line.get_xdata()) for line in axes.lines if line.get_label() == "_reference"] == [{0}]


@pytest.mark.parametrize(
    "draw, table, column",
    [
        (draw_memory, pd.DataFrame({"name": ["a"]}), "batch"),
        (lambda table: draw_words(table, OVERLAP), PROGRESSION[["step"]], "model"),
        (draw_differences, DIFFERENCES, "weights"),
        (lambda table: draw_next_words(table, "m"), pd.DataFrame({"prompt": ["a"]}), "temperature"),
    ],
)
def test_tables_without_what_is_needed_are_refused(draw, table, column):
    with pytest.raises(UserError, match=f"no column '{column}'"):
        draw(table)
