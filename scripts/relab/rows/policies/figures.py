"""The figures of policies: rewards, verdicts and diversity against KL divergence, and the curves of training."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from relab.figures import GREY, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.policies.names import DPO, HUMAN, PPO, REFERENCE, REWARD_MODEL
from relab.rows.shared.curves import TRAINING, VALIDATION, add_legend, band_entry, draw_curve, entry, label_axes
from relab.rows.shared.intervals import Panel, draw_intervals, spread
from relab.svg import describe_line

#: What axes say of each measure of PPO.
LABELS = {
    "standardised_reward": "reward (SD)",
    "kl": "KL (nats a text)",
    "entropy": "entropy (nats a token)",
    "length": "length (tokens)",
    "ended": "share that ended",
}
#: How a point of each scorer looks.
FILLED, HOLLOW = {"marker": "o"}, {"marker": "D", "markerfacecolor": "white"}
DASHED = {"linestyle": (0, (3, 1.5))}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    figures = {
        "tradeoff": draw_tradeoff(read_csv(job.file("seeds")), job.spec["judge"]),
        "differences": draw_differences(read_csv(job.file("differences"))),
        "learning": draw_learning(read_csv(job.file("learning"))),
    }
    if job.files("ppo_curves"):
        figures["ppo_curves"] = draw_ppo(read_csv(job.file("ppo_curves")))
    if job.files("dpo_curves"):
        figures["dpo_curves"] = draw_dpo(read_csv(job.file("dpo_curves")))
    return figures


def draw_tradeoff(seeds: pd.DataFrame, judge: bool) -> Figure:
    """What each seed of each policy gained, and what became of its diversity, against how far it went from the reference.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    scorers = {"reward": FILLED, **({"judge": HOLLOW} if judge else {})}
    columns = [f"{column}{end}" for column in ("kl", *scorers, "distinct") for end in ("", "_low", "_high")]
    require_columns(seeds, ["system", *columns], "the seeds have", rows=True)
    seeds = seeds.assign(**seeds[columns].apply(pd.to_numeric))
    of_systems = colours(seeds["system"])
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    gains, diversity = figure.subplots(1, 2)
    for _, row in seeds.iterrows():
        for scorer, look in scorers.items():
            _draw_point(gains, row, scorer, of_systems[row["system"]], look)
        _draw_point(diversity, row, "distinct", of_systems[row["system"]], FILLED)
    gains.set_ylabel("beyond the reference (SD of its texts)")
    diversity.set_ylabel("distinct-2 of all texts")
    for axes in (gains, diversity):
        axes.set_xlabel("KL divergence (nats a text)")
        axes.margins(0.08)
    diversity.set_ylim(0, 1)
    marks: list[Artist] = [_mark("reward model", GREY, FILLED), *([_mark("judge", GREY, HOLLOW)] if judge else [])]
    add_legend(figure, [*(_mark(name, colour, FILLED) for name, colour in of_systems.items()), *marks])
    return figure


def _draw_point(axes: Axes, row: pd.Series, column: str, colour: str, look: dict) -> None:
    """A point with its intervals in both directions, as far as they are known."""
    (x, *x_ends), (y, *y_ends) = ([row[f"{name}{end}"] for end in ("", "_low", "_high")] for name in ("kl", column))
    errors = [[abs(end - centre) for end in ends] for centre, ends in ((x, x_ends), (y, y_ends))]
    bars = axes.errorbar(
        x, y, xerr=[[e] for e in errors[0]], yerr=[[e] for e in errors[1]], color=colour, linestyle="none", linewidth=1.1,
        markersize=6, **look,
    )  # fmt: skip
    describe_line(bars[0], f"{row['system']}, {column}")


def _mark(label: str, colour: str, look: dict) -> Line2D:
    return Line2D([], [], label=label, color=colour, linestyle="none", markersize=6, **look)


def draw_differences(differences: pd.DataFrame) -> Figure:
    """A panel a measure: what each policy, and people, have beyond the reference on the same prompts.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    wide = spread(differences, "system", "metric", ["difference"])
    panels = [Panel(metric, {f"{metric} difference": metric}, reference=0) for metric in dict.fromkeys(differences["metric"])]
    return draw_intervals(wide, "system", panels, baselines=HUMAN.values(), across=3)


def draw_learning(learning: pd.DataFrame) -> Figure:
    """The loss of the reference, and how many pairs the reward model gets right, by step.

    Raises:
        UserError: where a column is missing.
    """
    require_columns(learning, ("stage", "step", "train", "validation"), "the table has")
    labels = {REFERENCE: "loss (nats a token)", REWARD_MODEL: "pairs in the right order"}
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    for axes, (stage, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        _draw_stage(axes, learning[learning["stage"] == stage], label)
        axes.set_title("1 Fine-tuning" if stage == REFERENCE else "2 Reward model")
    add_legend(figure, [entry("validation", **VALIDATION), entry("training", **TRAINING)])
    return figure


def _draw_stage(axes: Axes, history: pd.DataFrame, label: str) -> None:
    if history.empty:
        axes.text(0.5, 0.5, "not trained here", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    numbers = history[["step", "train", "validation"]].apply(pd.to_numeric)
    draw_curve(axes, numbers.dropna(subset=["train"]), "step", "train", "training", band=False, color=GREY, **TRAINING)
    draw_curve(axes, numbers, "step", "validation", "validation", band=False, color=GREY, **VALIDATION)
    label_axes(axes, "step", label)


def draw_ppo(curves: pd.DataFrame) -> Figure:
    """What PPO's policies did on validation prompts by step: a panel a measure.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, ("system", "seed", "step", *PPO), "the table has", rows=True)
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    panels = list(figure.subplots(2, 3).flat)
    for axes, measure in zip(panels, PPO, strict=False):
        _draw_systems(axes, curves, [(measure, {}, "")])
        label_axes(axes, "step", "")
        axes.set_title(LABELS[measure], fontsize=9.5)
    panels[-1].set_axis_off()
    add_legend(figure, _entries(curves))
    return figure


def draw_dpo(curves: pd.DataFrame) -> Figure:
    """The log-probabilities of the preferred and of the other answers on validation pairs, and the pairs in the right order.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, ("system", "seed", "step", *DPO), "the table has", rows=True)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    logprobs, accuracy = figure.subplots(1, 2)
    _draw_systems(
        logprobs, curves, [("chosen_logprob", {}, ", preferred answer"), ("rejected_logprob", DASHED, ", other answer")]
    )
    _draw_systems(accuracy, curves, [("accuracy", {}, "")])
    label_axes(logprobs, "step", "log-probability (nats an answer)")
    label_axes(accuracy, "step", "pairs in the right order")
    sides = [entry("preferred answer"), entry("other answer", **DASHED)]
    add_legend(figure, [*_entries(curves), *sides])
    return figure


def _draw_systems(axes: Axes, curves: pd.DataFrame, measures: Sequence[tuple[str, dict, str]]) -> None:
    """A line a system, the mean over its seeds with a band from the lowest to the highest."""
    for name, colour in colours(curves["system"]).items():
        system = curves[curves["system"] == name]
        for measure, look, side in measures:
            draw_curve(
                axes, system.astype({"step": int, measure: float}), "step", measure, f"{name}{side}", color=colour, **look
            )


def _entries(curves: pd.DataFrame) -> list[Artist]:
    lines: list[Artist] = [entry(name, color=colour) for name, colour in colours(curves["system"]).items()]
    return [*lines, *([band_entry("lowest to highest seed")] if curves["seed"].nunique() > 1 else [])]
