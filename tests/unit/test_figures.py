"""How figures are written, and the figure of losses."""

import itertools
import json
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from relab.errors import UserError
from relab.figures import COLOURS, NEUTRAL, STYLES, colours, figure_style, system_of
from relab.rows.loss_curves.figures import draw_losses
from relab.svg import SVG, describe_line, save_figure

STEPS = [0, 50, 100, 150]


def curves(widths=(32, 128), corpora=("italian", "english"), seeds=(0, 1), **more) -> pd.DataFrame:
    rows = []
    for corpus in corpora:
        for width in widths:
            for seed in seeds:
                losses = [4.3, 3 - width / 128 + 0.1 * seed, 2.5 - width / 128, 2.6 - width / 128]
                for step, loss in zip(STEPS, losses, strict=True):
                    label = ", ".join(f"{key} {value}" for key, value in {"width": width, **more}.items())
                    train = np.nan if step == 0 else loss - 0.2
                    rows.append([corpus, corpus.title(), label, width, *more.values(), seed, step, train, loss])
    columns = ["corpus", "title", "model", "width", *more, "seed", "step", "train_loss", "validation_loss"]
    return pd.DataFrame(rows, columns=columns)


def written(frame: pd.DataFrame, path) -> bytes:
    with figure_style():
        save_figure(path, draw_losses(frame))
    return path.read_bytes()


def test_the_same_curves_give_the_same_bytes(tmp_path, monkeypatch):
    first = written(curves(), tmp_path / "a.svg")
    matplotlib.rcParams["lines.linewidth"] = 9  # a user's own style changes nothing
    try:
        assert written(curves(), tmp_path / "b.svg") == first
        assert matplotlib.rcParams["lines.linewidth"] == 9  # nor is it changed
    finally:
        matplotlib.rcdefaults()
    assert b"date" not in first.lower()
    assert ElementTree.fromstring(first).tag.endswith("svg")


def test_a_failed_figure_leaves_nothing(tmp_path):
    class Broken(Figure):
        def savefig(self, path, **options):
            path.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        save_figure(tmp_path / "a.svg", Broken())
    assert list(tmp_path.iterdir()) == []


def texts(svg: bytes) -> list[str]:
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", ["Ba$$in", "$_", r"$\frac{1}{0}$", "a_b^c", '<b>&--"c"', "Ω≤½", "电影评论"])
def test_a_name_is_a_text_letter_by_letter(tmp_path, recwarn, name):
    svg = written(curves(corpora=("italian",)).assign(title=name), tmp_path / "a.svg")
    assert name in texts(svg) and "step" in texts(svg)
    assert b"'DejaVu Sans'" in svg and not recwarn.list


def test_a_file_holds_nothing_that_it_does_not_need(tmp_path):
    svg = written(curves(), tmp_path / "a.svg").decode()
    assert "<!--" not in svg and "metadata" not in svg and "\n" not in svg
    positions = re.findall(r' (?:d|x|y|transform)="([^"]*)"', svg)
    assert positions and not [text for text in positions if re.search(r"\.\d{3}", text)]
    referred = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    assert set(re.findall(r' id="([^"]+)"', svg)) == {name for pair in referred for name in pair if name}


def test_values_of_a_curve_are_read_off_its_positions(tmp_path):
    root = ElementTree.fromstring(written(curves(corpora=("italian",)), tmp_path / "a.svg"))
    (axes,) = [element for element in root.iter() if "data-axes" in element.attrib]
    named = {curve.find(f"{SVG}title").text: curve for curve in axes.iter() if "data-curve" in curve.attrib}
    assert set(named) == {f"width {width}, {split}" for width in (32, 128) for split in ("training", "validation")}
    path = named["width 32, validation"].find(f".//{SVG}path").get("d")
    scales = json.loads(axes.get("data-axes"))
    assert [scales[name][:2] for name in "xy"] == [["step", "linear"], ["loss, nats per token", "linear"]]
    points = np.array([float(number) for number in re.findall(r"-?[\d.]+", path)]).reshape(-1, 2)
    values = [
        low + (points[:, place] - start) / (stop - start) * (high - low)
        for place, (_, _, start, low, stop, high) in enumerate(scales[name] for name in "xy")
    ]
    assert values[0] == pytest.approx(STEPS, abs=0.05) and values[1] == pytest.approx([4.3, 2.8, 2.25, 2.35], abs=1e-3)


def test_a_panel_without_a_label_has_that_of_the_panels_that_it_shares_its_axis_with(tmp_path):
    with figure_style():
        figure = Figure()
        panels = figure.subplots(2, 2, sharey="row")
        for row, label in zip(panels, ("loss", "accuracy"), strict=True):
            row[0].set_ylabel(label)
            for axes in row:
                axes.plot([1, 2], [3, 4])
        panels[1, 0].set_xlabel("epoch")
        save_figure(tmp_path / "a.svg", figure)
    scales = [
        json.loads(axes.get("data-axes")) for axes in ElementTree.parse(tmp_path / "a.svg").iter() if axes.get("data-axes")
    ]
    assert [scale["y"][0] for scale in scales] == ["loss", "loss", "accuracy", "accuracy"]
    assert {scale["x"][0] for scale in scales} == {"epoch"}


def test_names_and_values_may_hold_what_a_file_may_not(tmp_path):
    with figure_style():
        figure = Figure()
        axes = figure.subplots()
        (line,) = axes.plot([1], [3], "o")
        axes.set_xticks([1], ["a\x00b\x1b"])
        axes.set_title("\ufffe")
        describe_line(line, "\x07", ["\ud800: 3"])
        save_figure(tmp_path / "a.svg", figure)
    assert "a\ufffdb\ufffd" in texts((tmp_path / "a.svg").read_bytes())


def test_marks_say_their_values(tmp_path):
    with figure_style():
        figure = Figure()
        (line,) = figure.subplots().plot([1, 2], [3, 4], "o")
        describe_line(line, "a", ["a: 3 [2, 4]", "a: 4"])
        save_figure(tmp_path / "a.svg", figure)
    titles = [mark.find(f"{SVG}title") for mark in ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}use")]
    assert [title.text for title in titles if title is not None] == ["a: 3 [2, 4]", "a: 4"]


NAMES = ["width 32", "minilm [CLS]", "smollm2", "LoRA", "encoder–decoder", "stories-s0"]


def test_labels_that_are_longer_than_their_axes_are_broken(tmp_path):
    with figure_style():
        figure = Figure(figsize=(3, 2), layout="constrained")
        axes = figure.subplots()
        axes.plot([1, 2], [3, 4])
        axes.set(
            title="a title of more words than there is room for", xlabel="step", ylabel="loss, in nats per token of a text"
        )
        save_figure(tmp_path / "a.svg", figure)
        figure.draw_without_rendering()
    lines = texts((tmp_path / "a.svg").read_bytes())
    assert "step" in lines and not any(len(line) > 32 for line in lines if line)
    frame = axes.get_window_extent()
    assert axes.yaxis.label.get_window_extent().height <= 1.1 * frame.height
    assert axes.get_title(loc="left").replace("\n", " ") == "a title of more words than there is room for"


def test_a_system_has_its_colour_in_every_figure():
    alone = {name: colours([name])[name] for name in NAMES}
    assert alone == {name: colours([name])[name] for name in reversed(NAMES)}
    together = colours(NAMES)
    assert list(together) == NAMES and len(set(together.values())) == len(NAMES) and set(together.values()) == set(COLOURS)
    assert together == {name: colours(NAMES[::-1])[name] for name in NAMES}
    for pair in itertools.combinations(NAMES, 2):
        changed = [name for name, colour in colours(pair).items() if colour != alone[name]]
        assert len(changed) == (len({alone[name] for name in pair}) == 1)  # one gives way where two would share
    many = colours([f"system {number}" for number in range(20)])
    assert max(list(many.values()).count(colour) for colour in COLOURS) <= 4


@pytest.mark.parametrize(
    "name, system",
    [("quotes_lora (LoRA, rank 16)", "LoRA"), ("smollm2, chat", "smollm2"), ("minilm [CLS]", "minilm cls"),
     ("stories-s1", "stories-s0"), ("all weights", "full fine-tuning")],
)  # fmt: skip
def test_names_of_one_system_have_one_colour(name, system):
    assert len(set(colours([name, system], by_system=True).values())) == 1
    assert colours([name])[name] == colours([system])[system]
    assert len(set(colours([name, system]).values())) == 2  # where nothing else tells them apart


def test_baselines_are_neutral_and_take_no_colour_away():
    shown = colours(["chance", "smollm2", "people"], baselines=["chance", "people"])
    assert {shown["chance"], shown["people"]} <= set(NEUTRAL) and shown["smollm2"] == colours(["smollm2"])["smollm2"]


def test_systems_that_rows_of_the_default_share_have_one_colour():
    shown = [["width 32", "width 128"], ["minilm", "minilm [CLS]", "minilm mean"], ["minilm cls", "minilm mean"], ["minilm"],
             ["LoRA", "full fine-tuning", "prefix", "smollm2"], ["LoRA", "smollm2"], ["stories", "smollm2"],
             ["mingpt_larger", "smollm2"], ["q (LoRA, rank 16)", "q (all weights)", "q (a prefix of 4 tokens)"]]  # fmt: skip
    seen: dict[str, set[str]] = {}
    for names in shown:
        for name, colour in colours(names).items():
            seen.setdefault(system_of(name), set()).add(colour)
    assert {system for system, found in seen.items() if len(found) > 1} == set()


def test_a_panel_a_corpus_in_the_order_of_the_table():
    with figure_style():
        figure = draw_losses(curves(), "character")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Italian", "English"]
    assert figure.axes[0].get_ylabel() == "loss, nats per character"
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "step"]
    assert all(axes.get_xscale() == "linear" for axes in figure.axes)


def lines(axes, style_):
    return [line for line in axes.lines if line.get_linestyle() == style_ and line.get_marker() != "o"]


def test_what_a_panel_shows():
    with figure_style():
        axes = draw_losses(curves()).axes[0]
    validation = lines(axes, "-")
    assert [to_hex(line.get_color()).upper() for line in validation] == [*colours(["width 32", "width 128"]).values()]
    assert validation[0].get_ydata().tolist() == pytest.approx([4.3, 2.8, 2.25, 2.35])  # mean over seeds
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[np.isclose(band[:, 0], 50)][:, 1].min(), band[:, 1].max()) == pytest.approx((2.75, 4.3))
    best = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], round(float(line.get_ydata()[0]), 4)) for line in best] == [(100, 2.25), (100, 1.5)]
    training = [line for line in axes.lines if line not in validation and line not in best]
    assert len(training) == 2
    assert all(line.get_zorder() < min(other.get_zorder() for other in validation) for line in training)
    assert all(line.get_linewidth() < validation[0].get_linewidth() and line.get_alpha() < 1 for line in training)
    assert min(training[0].get_xdata()) == 50  # nothing at step 0


def test_the_legend_says_what_is_what_outside_of_the_panels():
    with figure_style():
        figure = draw_losses(curves())
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["width 32", "width 128"]
    assert texts[2:] == [
        "validation, mean of 2 seeds", "validation, lowest to highest seed", "training, mean", "best validation mean"
    ]  # fmt: skip
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert "validation, mean of 1 seed" in [
        text.get_text() for text in draw_losses(curves(seeds=(3,))).legends[0].get_texts()
    ]  # fmt: skip


def test_other_varied_keys_are_line_styles():
    frame = pd.concat([curves(corpora=("italian",), batch=32), curves(corpora=("italian",), batch=256)])
    with figure_style():
        axes = draw_losses(frame).axes[0]
    shown = [line for line in axes.lines if line.get_linewidth() > 1.5 and line.get_marker() != "o"]
    assert [to_hex(line.get_color()).upper() for line in shown] == [*colours(["width 32", "width 128"]).values()] * 2
    assert [line.get_linestyle() for line in shown] == ["-", "-", "--", "--"]
    assert len({str(one) for one in STYLES}) == len(STYLES)


def test_models_without_varied_keys_differ_by_colour():
    frame = curves(widths=(32,)).drop(columns="width").assign(model="all")
    with figure_style():
        assert len(draw_losses(frame).axes) == 2


def test_a_training_that_diverged_has_no_best_point():
    frame = curves()
    frame.loc[(frame["width"] == 32), ["train_loss", "validation_loss"]] = np.nan
    with figure_style():
        axes = draw_losses(frame).axes[0]
    assert len([line for line in axes.lines if line.get_marker() == "o"]) == 1


def test_a_table_without_what_is_needed_is_refused():
    with pytest.raises(UserError, match="the loss curves have no column 'seed'"):
        draw_losses(curves().drop(columns="seed"))
    with pytest.raises(UserError, match="the loss curves have no row"):
        draw_losses(curves().iloc[:0])


def test_models_of_one_title_differ_as_they_do_without_it():
    def looks(frame):
        with figure_style():
            axes = draw_losses(frame).axes[0]
        lines = [line for line in axes.lines if line.get_label().endswith("validation")]
        return {line.get_label(): (line.get_color(), line.get_linestyle()) for line in lines}

    frame = curves()
    titled = looks(frame.assign(model="GPT, " + frame["model"], model_name=frame["model"]))
    assert titled == {f"GPT, {label}": look for label, look in looks(frame).items()} and len(titled) == 2


def test_colours_stand_out_on_white():
    def luminance(colour):
        parts = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in to_rgb(colour)]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))

    assert all(1.05 / (luminance(colour) + 0.05) > 2.9 for colour in (*COLOURS[:4], *NEUTRAL))  # WCAG asks 3 of graphics
